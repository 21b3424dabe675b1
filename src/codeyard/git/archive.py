"""A commit's files as a zip, streamed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from codeyard.git.command import Git, GitCommand, GitError, end

STEP = 256 * 1024


def zip_of(git: Git, repository: Path, commit: str) -> Iterator[bytes]:
    """The zip of a commit, the same bytes each time; GitError at the end when git could not finish it."""
    command = GitCommand("archive", ["--format=zip", "-1"], [commit], repository=repository)
    process = git.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if process.stdout is not None:
            while chunk := process.stdout.read(STEP):
                yield chunk
        if process.wait() != 0:
            raise GitError("archive", process.returncode, "the archive could not be made")
    finally:
        end(process)
