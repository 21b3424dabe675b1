"""References: reading them, and moving them by compare-and-swap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codeyard.git.command import Git, GitCommand, GitError
from codeyard.git.names import ZERO
from codeyard.git.pktline import RefCommand


class RefConflict(Exception):
    """A reference was not what the caller believed, or its name collides with another's."""


def list_refs(git: Git, repository: Path, *prefixes: str) -> dict[str, str]:
    """Every reference under the prefixes, with the id that it holds."""
    command = GitCommand(
        "for-each-ref", ["--format=%(objectname) %(refname)"], operands=prefixes, repository=repository
    )
    lines = git.run(command).stdout.decode("utf-8", "surrogateescape").splitlines()
    return {ref: object_id for object_id, _, ref in (line.partition(" ") for line in lines)}


def update_refs(git: Git, repository: Path, changes: Sequence[RefCommand]) -> None:
    """Move all the references or none, each only if it still holds `old`; RefConflict otherwise."""
    command = GitCommand("update-ref", ["--stdin", "-z"], repository=repository)
    try:
        git.run(command, b"".join(_instruction(change) for change in changes))
    except GitError as error:
        if error.status < 0:  # killed: what it did is not known
            raise
        raise RefConflict(error.message) from error


def _instruction(change: RefCommand) -> bytes:
    ref, old, new = change.ref.encode(), change.old.encode(), change.new.encode()
    if change.new == ZERO:
        return b"delete %s\0%s\0" % (ref, old)
    if change.old == ZERO:
        return b"create %s\0%s\0" % (ref, new)
    return b"update %s\0%s\0%s\0" % (ref, new, old)


def set_head(git: Git, repository: Path, ref: str) -> None:
    """Make HEAD name the reference."""
    git.run(GitCommand("symbolic-ref", operands=["HEAD", ref], repository=repository))


def head(repository: Path) -> str:
    """The reference that HEAD names."""
    text = (repository / "HEAD").read_text("utf-8").strip()
    return text.removeprefix("ref: ")
