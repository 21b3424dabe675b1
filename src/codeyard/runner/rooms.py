"""What a build is put into: its sources as layers, its buildspec, its sandbox with shell and relay."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeyard.runner.client import Server
from codeyard.runner.relay import Relay
from codeyard.runner.sandbox import kernel, root
from codeyard.runner.sandbox.cgroups import Limits
from codeyard.runner.sandbox.enter import Plan, Sandbox, Seed
from codeyard.runner.sandbox.unsafe import Unconfined
from codeyard.runner.shell import Shell
from codeyard.runner.sources import Fetched, SourceFailed, Sources
from codeyard.runner.variables import Secondary

OUTPUT = "/codebuild/output"
_GIB = 1 << 30
# compute type -> (processors, memory): CodeBuild's user guide, "Build environment compute modes and types"
_COMPUTE = {
    "BUILD_GENERAL1_SMALL": (2, 3 * _GIB),
    "BUILD_GENERAL1_MEDIUM": (4, 7 * _GIB),
    "BUILD_GENERAL1_LARGE": (8, 15 * _GIB),
    "BUILD_GENERAL1_XLARGE": (36, 70 * _GIB),
    "BUILD_GENERAL1_2XLARGE": (72, 145 * _GIB),
}
_DISK = 8 * _GIB
_TOOLING = ("PIP_", "NPM_CONFIG_", "npm_config_", "UV_")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the runner's administrator allowed."""

    unsafe_local_builds: bool = False
    pass_host_tooling: bool = False


@dataclass
class Workspace:
    """A running sandbox with its shell and relay. `rooms` maps folders as the build calls them to its scratch."""

    sandbox: Sandbox | Unconfined
    shell: Shell
    relay: Relay
    output: int
    rooms: dict[str, str] | None

    @property
    def scratch(self) -> int:
        """The open folder that all the build's writable folders lie in."""
        return self.sandbox.scratch

    @property
    def words(self) -> str:
        """What the build is held by."""
        return self.sandbox.words

    @property
    def environment(self) -> dict[str, str]:
        """What of the build's variables comes from the sandbox."""
        return {**self.relay.environment, "HOME": self.sandbox.home}

    def close(self) -> None:
        """Admit nothing more, leave no process and no file."""
        self.relay.close()
        self.sandbox.close()


class Rooms:
    """Made first of all, while the process has no other thread: the process of the sandbox is forked here."""

    def __init__(self, job: Mapping[str, Any], folder: Path, flags: Flags) -> None:
        self._job, self._folder, self._flags = job, folder, flags
        self.output = str(folder / "out") if flags.unsafe_local_builds else OUTPUT
        self._fetched: list[Fetched] = []
        self.resolved, self.source_dir = "", self.output
        self.secondary: list[Secondary] = []
        read, self._command = os.pipe()
        self._statuses, status = os.pipe()
        self._log, output = os.pipe()
        numbers = ((read, Shell.COMMAND), (status, Shell.STATUS))
        kind = Unconfined if flags.unsafe_local_builds else Seed
        self._seed = kind(output, numbers)
        for descriptor in (read, status, output):
            os.close(descriptor)

    def drop(self) -> None:
        """The sandbox is not needed: the build failed before."""
        self._seed.drop()

    def fetch(self, sources: Sources) -> None:
        """Get every source; the primary one's version is the build's."""
        document = self._job["document"]
        versions = {v["sourceIdentifier"]: v["sourceVersion"] for v in document.get("secondarySourceVersions") or ()}
        every = (document["source"], *(document.get("secondarySources") or ()))
        for number, source in enumerate(every):
            identifier = source.get("sourceIdentifier") or ""
            version = versions.get(identifier, "") if number else document.get("sourceVersion") or ""
            found = sources.get(source, version, number, identifier)
            self._fetched.append(found)
            folder = "/".join(part for part in (self.output, self._base(number), found.place) if part)
            if number:
                location = source.get("location") or ""
                self.secondary.append(Secondary(identifier, folder, location, version, found.version))
            else:
                self.source_dir, self.resolved = folder, found.version

    def release(self) -> None:
        """No longer hold the sources against being dropped."""
        for found in self._fetched:
            if found.held >= 0:
                os.close(found.held)
        self._fetched.clear()

    def buildspec(self, sources: Sources) -> tuple[str, str]:
        """The buildspec's text, and where it lies: inline, in S3, or in the primary source."""
        given = self._job["document"]["source"].get("buildspec") or "buildspec.yml"
        if "\n" in given or given.lstrip().startswith(("version", "{")):
            return given, "/codebuild/readonly/buildspec.yml"
        if given.startswith("arn:"):
            return sources.object(given), "/codebuild/readonly/buildspec.yml"
        where = f"{self.source_dir}/{given}"
        missing = SourceFailed(f"stat {where}: no such file or directory")
        if self._fetched[0].folder is None:
            raise missing
        top = os.open(self._fetched[0].folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            file = kernel.Libc().openat2(top, given, os.O_RDONLY | os.O_NONBLOCK, kernel.BENEATH)
        except OSError:
            raise missing from None
        finally:
            os.close(top)
        with os.fdopen(file, "rb") as text:
            return text.read((1 << 20) + 1).decode("utf-8", "replace"), where

    def open(self, shell_name: str, user: str, server: Server) -> Workspace:
        """Make the sandbox of the user, with the shell waiting in it."""
        shell = Shell({"bash": "bash", "/bin/bash": "bash"}.get(shell_name, "/bin/sh"), f"{self.output}/tmp")
        shell.open(self._command, self._statuses)
        sandbox = self._seed.grow(self._plan(shell, user))
        relay = Relay(sandbox.listener, server.place, server.keys)
        rooms = {str(self._folder): "."} if self._flags.unsafe_local_builds else None
        return Workspace(sandbox, shell, relay, self._log, rooms)

    def tooling(self) -> dict[str, str]:
        """The host's own settings of pip, npm and certificates, where the administrator passes them."""
        if not self._flags.pass_host_tooling:
            return {}
        kept = {name: value for name, value in os.environ.items() if name.startswith(_TOOLING)}
        shown = self._flags.unsafe_local_builds  # without a sandbox, a build sees every file of the host
        files = {name: os.environ[name] for name in _CERTIFICATES if os.environ.get(name)}
        return kept | {name: path for name, path in files.items() if shown or root.is_shown(path)}

    def _plan(self, shell: Shell, user: str) -> Plan:
        build = self._job["build"]
        cpus, memory = _COMPUTE.get(build["environment"]["computeType"], _COMPUTE["BUILD_GENERAL1_SMALL"])
        layers = [
            (str(found.folder), "/".join(part for part in (self._base(number), found.place) if part))
            for number, found in enumerate(self._fetched)
            if found.folder is not None
        ]
        return Plan(
            name=build["id"].rpartition(":")[2],
            command=shell.argv(),
            cwd=self.output,
            network=self._job["network"],
            limits=Limits(memory=memory, cpus=float(cpus), disk=_DISK),
            layers=layers,
            tooling=self._flags.pass_host_tooling,
            user=user,
        )

    def _base(self, number: int) -> str:
        """`src<digits>/src`: another for each source, the same for each try of the build."""
        digest = hashlib.sha256(f"{self._job['build']['id']}/{number}".encode()).digest()
        return f"src{int.from_bytes(digest[:4], 'big')}/src"
