"""A commit's files as an archive, streamed."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from codeyard.git.command import Git, GitCommand, GitError, end

STEP = 1024 * 1024
KINDS = ("zip", "tar.gz")
_LITTLE = 64 * 1024
_PAUSE_S = 0.002


def zip_of(git: Git, repository: Path, commit: str, paths: Sequence[str] = ()) -> Iterator[bytes]:
    """The zip of a commit, or of some of its paths, the same bytes each time; GitError at the end if git failed.

    No path may begin with a dash: git archive knows `--end-of-options` or `--`, not both.
    """
    yield from _made(git, GitCommand("archive", ["--format=zip", "-1"], [commit, *paths], repository=repository))


def archive_of(git: Git, repository: Path, commit: str, kind: str, folder: str) -> Iterator[bytes]:
    """A commit's files as one of KINDS, all of them below a folder; GitError at the end if git failed."""
    flags = [f"--format={kind}", f"--prefix={folder}/"]
    yield from _made(git, GitCommand("archive", flags, [commit], repository=repository))


def _made(git: Git, command: GitCommand) -> Iterator[bytes]:
    process = git.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if process.stdout is not None:
            yield from _large(process.stdout)
        if process.wait() != 0:
            raise GitError("archive", process.returncode, "the archive could not be made")
    finally:
        end(process)


def _large(pipe: IO[bytes]) -> Iterator[bytes]:
    """What comes, in large pieces: git writes each file by itself, and a reader that woke for each would cost more
    than the archive."""
    with contextlib.suppress(OSError):  # a smaller pipe does as well
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, STEP)
    while chunk := pipe.read(STEP):
        yield chunk
        if len(chunk) < _LITTLE:
            time.sleep(_PAUSE_S)
