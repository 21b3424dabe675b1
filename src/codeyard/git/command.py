"""How a git process is started: one builder, an allow-list of subcommands and flags, a scrubbed environment.

Values from users can never become flags: flags come from the table below, everything else stands after
`--end-of-options` or `--` and may not begin with a dash.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

# Per subcommand: the flags that may be given. One that ends in "=" takes a value.
_FLAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "archive": frozenset({"--format=zip", "--format=tar.gz", "--prefix=", "-1"}),
        "blame": frozenset({"--porcelain", "--no-textconv"}),
        "cat-file": frozenset({"--batch-command", "--batch-check"}),
        "commit-graph write": frozenset({"--reachable", "--changed-paths", "--split"}),
        "diff": frozenset(
            {
                *("-U0", "--no-color", "--histogram", "--no-indent-heuristic", "--no-ext-diff", "--no-textconv"),
                *("--text", "--unified=", "-w"),
            }
        ),
        "diff-tree": frozenset({"-r", "-z", "--raw", "--no-renames", "--stdin", "--no-commit-id", "--abbrev=40"}),
        "for-each-ref": frozenset({"--format=", "--count=", "--sort="}),
        "fsck": frozenset({"--full", "--strict", "--no-dangling", "--connectivity-only"}),
        "index-pack": frozenset({"--stdin", "--strict"}),
        "merge-base": frozenset({"--is-ancestor", "--all"}),
        "merge-tree": frozenset({"--write-tree", "-z", "--no-messages", "--allow-unrelated-histories"}),
        "pack-refs": frozenset({"--all"}),
        "receive-pack": frozenset({"--stateless-rpc", "--http-backend-info-refs"}),
        "repack": frozenset({"-d", "-q", "-a", "--geometric=2", "--write-midx", "--write-bitmap-index"}),
        "rev-list": frozenset(
            {
                "--max-count=",
                "--skip=",
                "--parents",
                "--topo-order",
                "--count",
                "--no-walk",
                "--branches",
                "--min-parents=",
            }
        ),
        "symbolic-ref": frozenset(),
        "unpack-objects": frozenset({"-q", "--strict"}),
        "update-ref": frozenset({"--stdin", "-z"}),
        "upload-archive": frozenset(),
        "upload-pack": frozenset({"--stateless-rpc", "--strict", "--http-backend-info-refs"}),
        "version": frozenset(),
    }
)
# Not every hand-written option parser of git knows --end-of-options; these take a dash-free operand as it is.
_PLAIN_OPERANDS = frozenset({"blame", "receive-pack", "upload-archive", "upload-pack", "symbolic-ref"})
# Without it, malloc gives zlib's memory back to the kernel after each file and gets it again: twice the time.
_TUNING: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"archive": {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}}
)
# How much memory (KiB) a process that reads strangers' packs, and what it starts, may have: deltas of a few bytes make
# objects of any size. What is mapped from files does not count.
_MEMORY: Mapping[str, int] = MappingProxyType({"receive-pack": 4 << 20})
_PROTOCOL = re.compile(r"[0-9A-Za-z]+=[0-9A-Za-z]+(:[0-9A-Za-z]+=[0-9A-Za-z]+)*\Z")


class GitError(Exception):
    """A git process ended with a status that its caller did not expect."""

    def __init__(self, subcommand: str, status: int, message: str) -> None:
        super().__init__(f"git {subcommand} ended with {status}: {message}")
        self.subcommand = subcommand
        self.status = status
        self.message = message


class UnsafeArgument(ValueError):
    """A flag that the table does not hold, or a value that git could read as a flag."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished git process left behind."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class GitCommand:
    """One git invocation, checked when it is made."""

    subcommand: str
    flags: Sequence[str] = ()
    operands: Sequence[str] = ()
    paths: Sequence[str] = ()
    repository: Path | None = None
    config: Sequence[str] = ()
    protocol: str = ""
    scratch: Path | None = None  # where new objects go instead of into the repository

    def __post_init__(self) -> None:
        """Refuse whatever is not in the table."""
        allowed = _FLAGS.get(self.subcommand)
        if allowed is None:
            raise UnsafeArgument(f"git {self.subcommand} is not allowed")
        for flag in self.flags:
            _check_flag(flag, allowed)
        for operand in self.operands:
            _check_operand(operand)
        if any("\0" in path for path in self.paths):
            raise UnsafeArgument("a path holds a NUL")
        if self.protocol and not is_protocol(self.protocol):
            raise UnsafeArgument("not a git protocol string")

    def argv(self, program: str = "git") -> list[str]:
        """The argument vector."""
        argv = [program, "-c", "safe.directory=*"]
        for setting in self.config:
            argv += ["-c", setting]
        if self.repository is not None:
            argv.append(f"--git-dir={self.repository}")
        argv += [*self.subcommand.split(" "), *self.flags]
        if self.operands and self.subcommand not in _PLAIN_OPERANDS:
            argv.append("--end-of-options")
        argv += self.operands
        if self.paths:
            argv += ["--", *self.paths]
        return argv


def is_protocol(text: str) -> bool:
    """Whether the text is a Git-Protocol header (`version=2:key=value`), safe as an environment value."""
    return len(text) <= 256 and _PROTOCOL.match(text) is not None


def _check_flag(flag: str, allowed: frozenset[str]) -> None:
    name, equals, value = flag.partition("=")
    if flag in allowed:
        return
    if not equals or f"{name}=" not in allowed or "\0" in value:
        raise UnsafeArgument(f"flag {flag!r} is not allowed")


def _check_operand(operand: str) -> None:
    if not operand or operand.startswith("-") or "\0" in operand or "\n" in operand:
        raise UnsafeArgument(f"operand {operand!r} is not allowed")


class Git:
    """Starts git processes in an environment that holds nothing of the server's.

    `home` is an empty directory of ours: git finds no configuration, no hooks and no credentials in it.
    """

    def __init__(self, home: Path, program: str = "/usr/bin/git") -> None:
        self._home = home
        self._program = program

    @property
    def scratches(self) -> Path:
        """Where throw-away object folders are made."""
        return self._home / "scratch"

    @property
    def hooks(self) -> Path:
        """An empty folder for core.hooksPath."""
        return self._home / "hooks"

    def prepare(self) -> None:
        """Make the home folder, without what an earlier process left in it."""
        shutil.rmtree(self.scratches, ignore_errors=True)
        for folder in (self.hooks, self.scratches):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(
        self, protocol: str = "", repository: Path | None = None, scratch: Path | None = None
    ) -> dict[str, str]:
        """The whole environment of a git process."""
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ALLOW_PROTOCOL": "none",
        }
        if protocol:
            env["GIT_PROTOCOL"] = protocol
        if scratch is not None and repository is not None:
            env["GIT_OBJECT_DIRECTORY"] = str(scratch)
            env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = _quoted(repository / "objects")
        return env

    def start(
        self,
        command: GitCommand,
        *,
        stdin: int | IO[bytes],
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
        keep: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Spawn in a session of its own, so that `end` reaches what git itself starts. `keep`s stay open in it."""
        most = _MEMORY.get(command.subcommand)
        bound = ["/bin/sh", "-c", 'ulimit -d "$0" && exec "$@"', str(most)] if most else []
        return subprocess.Popen(
            [*bound, *command.argv(self._program)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=self._environment(command),
            cwd=command.scratch or "/",
            start_new_session=True,
            bufsize=0,
            pass_fds=keep,
        )

    def _environment(self, command: GitCommand) -> dict[str, str]:
        env = self.environment(command.protocol, command.repository, command.scratch)
        return {**env, **_TUNING.get(command.subcommand, {})}

    def run(
        self, command: GitCommand, data: bytes = b"", *, ok: Sequence[int] = (0,), timeout: float = 120.0
    ) -> Result:
        """Run to the end; GitError when the status is not one of `ok`."""
        process = self.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(data, timeout=timeout)
        except BaseException:
            end(process)
            raise
        if process.returncode not in ok:
            message = err.decode("utf-8", "replace").strip()[-2000:]
            raise GitError(command.subcommand, process.returncode, message)
        return Result(process.returncode, out, err)


def _quoted(path: Path) -> str:
    """As a list of folders takes it that is divided by colons."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a git process with everything that it started, close its pipes and reap it."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            close_quietly(pipe)
    process.wait()


def close_quietly(pipe: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone already."""
    try:
        pipe.close()
    except OSError:
        return
