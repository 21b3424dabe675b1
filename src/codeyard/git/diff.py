"""Differences between two trees, and which commits touched a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path: `kind` is A, M or D; a side that is not there has mode 0."""

    path: bytes
    kind: str
    old_mode: int
    old_id: str
    new_mode: int
    new_id: str


def diff_trees(git: Git, repository: Path, before: str, after: str, paths: Sequence[str] = ()) -> list[Change]:
    """What changed from one tree to the other, file by file, in path order; renames show as a pair."""
    command = GitCommand(
        "diff-tree",
        ["-r", "-z", "--raw", "--no-renames", "--abbrev=40"],
        operands=[before, after],
        paths=paths,
        repository=repository,
    )
    return list(parse_raw(git.run(command).stdout.split(b"\0")))


def parse_raw(fields: Sequence[bytes]) -> Iterator[Change]:
    """The changes of git's raw form, as fields that NUL divided."""
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, new_mode, old_id, new_id, kind = head.decode().lstrip(":").split(" ")
        yield Change(path, "M" if kind == "T" else kind, int(old_mode, 8), old_id, int(new_mode, 8), new_id)


def merge_base(git: Git, repository: Path, left: str, right: str) -> str | None:
    """The best common ancestor of two commits; None when they share no history."""
    result = git.run(GitCommand("merge-base", operands=[left, right], repository=repository), ok=(0, 1))
    return result.stdout.decode().strip() or None


def is_ancestor(git: Git, repository: Path, ancestor: str, commit: str) -> bool:
    """Whether the one commit is in the other's history."""
    command = GitCommand("merge-base", ["--is-ancestor"], [ancestor, commit], repository=repository)
    return git.run(command, ok=(0, 1)).status == 0


def merges_cleanly(git: Git, repository: Path, ours: str, theirs: str) -> bool:
    """Whether a three-way merge of the commits has no conflict."""
    flags = ["--write-tree", "-z", "--no-messages", "--allow-unrelated-histories"]
    command = GitCommand("merge-tree", flags, [ours, theirs], repository=repository)
    return git.run(command, ok=(0, 1)).status == 0


def history(git: Git, repository: Path, start: str, path: str, *, count: int) -> list[tuple[str, list[str]]]:
    """The newest `count` commits that changed the path, each with its parents among such commits."""
    command = GitCommand(
        "rev-list",
        ["--topo-order", "--parents", f"--max-count={count}"],
        operands=[start],
        paths=[path],
        repository=repository,
    )
    lines = git.run(command).stdout.decode().splitlines()
    return [(line.split()[0], line.split()[1:]) for line in lines]
