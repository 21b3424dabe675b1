"""Fetches and pushes as processes: upload-pack between two pipes, receive-pack over a push that is wholly here."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from codeyard.git.command import Git, GitCommand, GitError, close_quietly, end
from codeyard.git.pktline import PushHead, service_line

_OPTIONS = "receive.advertisePushOptions=true"
MAX_ANSWER = 32 * 1024 * 1024
PUSH_TIMEOUT = 3600.0


class PushRequest(dict[str, Any]):
    """The parameters of a push. The mapping is what may be shown of it; head and body travel beside it.

    `body` is the whole request, commands included: bytes when small, else a file that stands at its start.
    """

    def __init__(self, params: dict[str, Any], head: PushHead, body: bytes | IO[bytes]) -> None:
        super().__init__(params)
        self.head = head
        self.body = body


class UploadPipe:
    """A GitPipe around one upload-pack.

    By protocol 2, where every pack travels in side band 1, pack-objects writes past upload-pack into a pipe of ours.
    """

    def __init__(self, git: Git, repository: Path, protocol: str) -> None:
        self._git, self._repository, self._protocol = git, repository, protocol
        self._process: subprocess.Popen[bytes] | None = None
        self._pack: IO[bytes] | None = None

    def start(self) -> tuple[IO[bytes], IO[bytes], IO[bytes] | None]:
        """Spawn; (stdin to write the request to, stdout to send, the pack or None where it is in stdout)."""
        if "version=2" not in self._protocol.split(":"):
            return (*self._spawn(), None)
        reader, writer = os.pipe()
        self._pack = open(reader, "rb", buffering=0)  # noqa: SIM115 - closed by finish
        try:
            return (*self._spawn(writer), self._pack)
        finally:
            os.close(writer)

    def _spawn(self, pack: int | None = None) -> tuple[IO[bytes], IO[bytes]]:
        command = GitCommand(
            "upload-pack",
            ["--stateless-rpc", "--strict"],
            operands=[str(self._repository)],
            protocol=self._protocol,
            config=[] if pack is None else [f"uploadpack.packObjectsHook=>/proc/self/fd/{pack} exec"],
        )
        process = self._git.start(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            keep=[] if pack is None else [pack],
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        return process.stdin, process.stdout

    def finish(self, complete: bool) -> bytes:
        """Reap the process, which is killed unless it ended by itself; nothing more is to be sent."""
        if self._process is not None:
            if complete:
                reap(self._process)
            end(self._process)
        if self._pack is not None:
            close_quietly(self._pack)
        return b""


class SessionPipe:
    """A GitPipe around a process that speaks with its client from the first word to the last, as SSH has it."""

    def __init__(self, git: Git, repository: Path, service: str, protocol: str) -> None:
        self._git, self._repository, self._service, self._protocol = git, repository, service, protocol
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> tuple[IO[bytes], IO[bytes], None]:
        """Spawn; (stdin to write the client's words to, stdout to send, None: there is no pack apart)."""
        flags = ["--strict"] if self._service == "upload-pack" else []
        command = GitCommand(self._service, flags, operands=[str(self._repository)], protocol=self._protocol)
        pipe = subprocess.PIPE
        process = self._git.start(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        return process.stdin, process.stdout, None

    def finish(self, complete: bool) -> bytes:
        """Reap the process, which is killed unless it ended by itself; nothing more is to be sent."""
        if self._process is not None:
            if complete:
                reap(self._process)
            end(self._process)
        return b""


class Advertiser:
    """Says what a repository offers. Protocol 2's answer is the same for all of them, so it is kept."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._version_2: bytes | None = None
        self._lock = threading.Lock()

    def uploads(self, repository: Path, protocol: str) -> bytes:
        """What a fetch begins with."""
        if "version=2" in protocol.split(":"):
            with self._lock:
                if self._version_2 is None:
                    self._version_2 = self._ask("upload-pack", repository, "version=2")
                return self._version_2
        return service_line("git-upload-pack") + self._ask("upload-pack", repository, protocol)

    def receives(self, repository: Path) -> bytes:
        """What a push begins with."""
        return service_line("git-receive-pack") + self._ask("receive-pack", repository, "")

    def _ask(self, service: str, repository: Path, protocol: str) -> bytes:
        command = GitCommand(
            service,
            ["--stateless-rpc", "--http-backend-info-refs"],
            operands=[str(repository)],
            protocol=protocol,
            config=[_OPTIONS],
        )
        return self._git.run(command).stdout


def reap(process: subprocess.Popen[bytes]) -> None:
    """Let a process that has said all end by itself, within ten seconds."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)


def receive(git: Git, repository: Path, body: bytes | IO[bytes], *, timeout: float = PUSH_TIMEOUT) -> bytes:
    """Carry out a push with receive-pack; its answer, empty when it died. The process never outlives the call."""
    command = GitCommand("receive-pack", ["--stateless-rpc"], operands=[str(repository)], config=[_OPTIONS])
    whole = isinstance(body, bytes)
    source: int | IO[bytes] = subprocess.PIPE if isinstance(body, bytes) else body
    process = git.start(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        out, _ = process.communicate(body if whole else None, timeout=timeout)  # type: ignore[arg-type]
    except subprocess.TimeoutExpired:
        out = b""
    finally:
        end(process)
    return out if len(out) <= MAX_ANSWER else b""


def check(git: Git, repository: Path) -> Sequence[str]:
    """What `git fsck` complains about; nothing when the repository is whole."""
    try:
        git.run(GitCommand("fsck", ["--full", "--strict", "--no-dangling"], repository=repository), timeout=600)
    except GitError as error:
        return error.message.splitlines() or [str(error)]
    return []


__all__ = ["Advertiser", "PushRequest", "SessionPipe", "UploadPipe", "check", "close_quietly", "receive"]
