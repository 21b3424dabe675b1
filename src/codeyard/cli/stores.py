"""The stores of CAs of a machine: the system's, Java's, git's. Each knows whether it has ours, adds and removes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

_JAVA_PASSWORD = "changeit"  # every JDK's cacerts have it: it guards nothing


class StoreError(Exception):
    """A store's own tool failed; the message is what it said."""


class Store(Protocol):
    """A store that has our CA or not."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def place(self) -> Path:
        """Where it is."""

    def has(self) -> bool:
        """Whether our CA is in it, as it is now."""

    def add(self) -> None:
        """Put it in."""

    def remove(self) -> None:
        """Take it out."""

    def plan(self, *, uninstall: bool) -> list[str]:
        """The commands that `add` or `remove` come to."""


def identity(ca: Path) -> str:
    """The CA's name in stores. It is its key's: one that is made anew with the same key takes its old one's place."""
    key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return f"codeyard-{digest.finalize().hex()[:12]}"


@dataclass(frozen=True, slots=True)
class SystemStore:
    """A folder of CAs and the command that makes bundles of them: Debian's and its kin's, Fedora's and its kin's."""

    ca: Path
    place: Path
    bundle: Path
    update: tuple[str, ...]
    fresh: tuple[str, ...]
    name: str = "system"

    @classmethod
    def found(cls, ca: Path, alias: str) -> Self | None:
        """The store of this machine, if it has one of these."""
        if shutil.which("update-ca-certificates", path=_SBIN):
            folder, bundle = Path("/usr/local/share/ca-certificates"), Path("/etc/ssl/certs/ca-certificates.crt")
            tool = ("update-ca-certificates",)
            return cls(ca, folder / f"{alias}.crt", bundle, tool, (*tool, "--fresh"))
        if shutil.which("update-ca-trust", path=_SBIN):
            anchors, bundle = Path("/etc/pki/ca-trust/source/anchors"), Path("/etc/pki/tls/certs/ca-bundle.crt")
            return cls(
                ca, anchors / f"{alias}.pem", bundle, ("update-ca-trust", "extract"), ("update-ca-trust", "extract")
            )
        return None

    def has(self) -> bool:
        """Whether the folder and the bundle have it: a run that was cut off between them is done again."""
        kept = self.place.exists() and self.place.read_bytes() == self.ca.read_bytes()
        return kept and self._bundled()

    def add(self) -> None:
        """Copy it there, make the bundle."""
        self.place.parent.mkdir(parents=True, exist_ok=True)
        self.place.write_bytes(self.ca.read_bytes())
        self.place.chmod(0o644)
        run(self.update)
        if not self._bundled():
            raise StoreError(f"{self.update[0]} ran, but {self.bundle} is without the CA")

    def remove(self) -> None:
        """Delete it there, make the bundle."""
        self.place.unlink(missing_ok=True)
        run(self.fresh)

    def plan(self, *, uninstall: bool) -> list[str]:
        """A copy, or a deletion, and the command."""
        change = f"rm {self.place}" if uninstall else f"cp {self.ca} {self.place}"
        return [change, " ".join(self.fresh if uninstall else self.update)]

    def _bundled(self) -> bool:
        body = b"".join(self.ca.read_bytes().split())
        return self.bundle.exists() and body in b"".join(self.bundle.read_bytes().split())


@dataclass(frozen=True, slots=True)
class JavaStore:
    """The cacerts of the Java whose keytool is found first."""

    ca: Path
    alias: str
    tool: str
    place: Path
    name: str = "java"

    @classmethod
    def found(cls, ca: Path, alias: str) -> Self | None:
        """Java's store, where there is Java."""
        tool = shutil.which("keytool")
        home = Path(tool).resolve().parent.parent if tool else None
        places = [home / "lib/security/cacerts", home / "jre/lib/security/cacerts"] if home else []
        place = next((one for one in places if one.exists()), None)
        return cls(ca, alias, tool, place) if tool and place else None

    def has(self) -> bool:
        """Whether it trusts this very certificate, under whatever name: on Debian the system's store tells Java."""
        digest = x509.load_pem_x509_certificate(self.ca.read_bytes()).fingerprint(hashes.SHA256()).hex().upper()
        return digest in run(self._command("-list")).replace(":", "")

    def add(self) -> None:
        """Import it; one of the same name, made with the same key, goes first."""
        if re.search(rf"^{self.alias},", run(self._command("-list")), re.MULTILINE):
            run(self._command("-delete", "-alias", self.alias))
        run(self._import())

    def remove(self) -> None:
        """Delete it, under each of its names."""
        for alias in re.findall(rf"^((?:debian:)?{self.alias}[^,]*),", run(self._command("-list")), re.MULTILINE):
            run(self._command("-delete", "-alias", alias))

    def plan(self, *, uninstall: bool) -> list[str]:
        """keytool's command."""
        return [" ".join(self._command("-delete", "-alias", self.alias) if uninstall else self._import())]

    def _import(self) -> list[str]:
        return self._command("-importcert", "-noprompt", "-alias", self.alias, "-file", str(self.ca))

    def _command(self, verb: str, *more: str) -> list[str]:
        return [self.tool, verb, *more, "-keystore", str(self.place), "-storepass", _JAVA_PASSWORD]


@dataclass(frozen=True, slots=True)
class GitStore:
    """http.URL.sslCAInfo in the user's git configuration."""

    ca: Path
    urls: Sequence[str]
    name: str = "git"

    @classmethod
    def found(cls, ca: Path, urls: Sequence[str]) -> Self | None:
        """git's configuration, where there is git."""
        return cls(ca, urls) if shutil.which("git") else None

    @property
    def place(self) -> Path:
        """The user's configuration."""
        return Path("~/.gitconfig")

    def has(self) -> bool:
        """Whether any of the URLs is known (all of them are set together)."""
        got = [run(["git", "config", "--global", "--default", "", "--get", key]).strip() for key in self._keys()]
        return str(self.ca) in got

    def add(self) -> None:
        """Name the CA for each URL."""
        for key in self._keys():
            run(["git", "config", "--global", key, str(self.ca)])

    def remove(self) -> None:
        """Forget it for each URL that has ours."""
        for key in self._keys():
            if run(["git", "config", "--global", "--default", "", "--get", key]).strip() == str(self.ca):
                run(["git", "config", "--global", "--unset", key])

    def plan(self, *, uninstall: bool) -> list[str]:
        """git's commands."""
        if uninstall:
            return [f"git config --global --unset {key}" for key in self._keys()]
        return [f"git config --global {key} {self.ca}" for key in self._keys()]

    def _keys(self) -> list[str]:
        return [f"http.{url}.sslCAInfo" for url in self.urls]


_SBIN = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"


def run(command: Sequence[str]) -> str:
    """What a command says; StoreError where it fails."""
    program = shutil.which(command[0]) or shutil.which(command[0], path=_SBIN) or command[0]
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise StoreError(f"{command[0]} failed: {told[-1] if told else f'exit status {done.returncode}'}")
    return done.stdout
