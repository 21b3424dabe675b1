"""Getting a build's sources, as the build's own role: once per content, kept, and overlaid by each build.

A checkout is keyed by repository and tree (git) or by the object's digest (S3, CodePipeline).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeyard.formats import zips
from codeyard.runner.client import Server
from codeyard.runner.sandbox import BUILD_UID


class SourceFailed(Exception):
    """The source could not be had; the text is what the phase's context says."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder that is never written to, and the version that it holds."""

    folder: Path | None
    version: str


class Sources:
    """Fetches into a cache that builds share read-only."""

    def __init__(self, cache: Path, server: Server) -> None:
        self._cache, self._server = cache, server
        cache.mkdir(parents=True, exist_ok=True)
        os.chmod(cache, 0o755)

    def get(self, source: dict[str, Any], version: str) -> Checkout:
        """The source at a version."""
        kind = source["type"]
        if kind == "NO_SOURCE":
            return Checkout(None, "")
        if kind == "CODECOMMIT":
            return self._git(source["location"], version)
        bucket, _, key = source["location"].partition("/")
        object_version = version if kind == "S3" else ""
        return self._object(bucket, key, object_version, unpack=not key.endswith("/"))

    def _object(self, bucket: str, key: str, version: str, *, unpack: bool) -> Checkout:
        with tempfile.NamedTemporaryFile(dir=self._cache, prefix=".download-") as file:
            headers = self._server.download(bucket, key, version, file)
            file.flush()
            digest = _sha256(Path(file.name))
            folder = self._cache / digest
            if not folder.exists():
                self._install(folder, lambda target: unzip(Path(file.name), target))
        return Checkout(folder, headers.get("x-amz-version-id", ""))

    def _git(self, location: str, version: str) -> Checkout:
        name = location.partition("/v1/repos/")[2]
        mirror = self._cache / f"{name}.git"
        self._fetch(name, mirror)
        commit = _git(mirror, "rev-parse", "--verify", "--quiet", f"{version or 'HEAD'}^{{commit}}").strip()
        tree = _git(mirror, "rev-parse", f"{commit}^{{tree}}").strip()
        folder = self._cache / hashlib.sha256(f"{name}/{commit}/{tree}".encode()).hexdigest()
        if not folder.exists():
            self._install(folder, lambda target: _checkout(mirror, target, commit))
        return Checkout(folder, commit)

    def _fetch(self, name: str, mirror: Path) -> None:
        path = f"/v1/repos/{name}"
        user, password = self._server.git_password(path)
        askpass = self._cache / ".askpass"
        if not askpass.exists():
            askpass.write_text(
                '#!/bin/sh\ncase "$1" in Username*) printf %s "$GIT_USER";; *) printf %s "$GIT_PASSWORD";; esac\n'
            )
            askpass.chmod(0o700)
        secret = {"GIT_ASKPASS": str(askpass), "GIT_USER": user, "GIT_PASSWORD": password}
        if not mirror.exists():
            subprocess.run(["git", "init", "-q", "--bare", str(mirror)], check=True, env=_plain_environment())
        refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:HEAD"]
        command = ["git", "-C", str(mirror), "fetch", "-q", "--no-auto-gc", self._server.endpoint + path, *refspecs[:2]]
        done = subprocess.run(
            command, env={**_plain_environment(), **secret}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SourceFailed(f"CLIENT_ERROR: git fetch failed: {done.stderr.strip()[-500:]}")

    def _install(self, folder: Path, fill: Any) -> None:
        """Fill a new folder, make it readable for builds, and name it last, so that no half checkout is ever used."""
        target = Path(tempfile.mkdtemp(dir=self._cache, prefix=".new-"))
        try:
            fill(target)
            os.chmod(target, 0o755)
            if os.geteuid() == 0:
                _own(target)
            os.rename(target, folder)
        except OSError as problem:
            if not folder.exists():
                raise SourceFailed(f"CLIENT_ERROR: the source could not be unpacked: {problem}") from None
        finally:
            shutil.rmtree(target, ignore_errors=True)


def unzip(archive: Path, target: Path) -> None:
    """Unpack safely (formats/zips.py); SourceFailed for what is no zip file, or a hostile one."""
    try:
        with archive.open("rb") as file:
            zips.extract(file, str(target))
    except zips.BadZipError as problem:
        raise SourceFailed(f"CLIENT_ERROR: the source cannot be unpacked: {problem}") from None


def _checkout(mirror: Path, target: Path, commit: str) -> None:
    """A checkout with its own .git (many builds call git), its objects borrowed while it is made, then packed in."""
    environment = _plain_environment()
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", "--no-local", str(mirror), str(target)], check=True, env=environment
    )
    subprocess.run(["git", "-C", str(target), "checkout", "-q", "--detach", commit], check=True, env=environment)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=_plain_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SourceFailed("CLIENT_ERROR: reference not found for primary source")
    return done.stdout


def _plain_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


def _own(folder: Path) -> None:
    os.chown(folder, BUILD_UID, BUILD_UID)
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(root, name), BUILD_UID, BUILD_UID, follow_symlinks=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
