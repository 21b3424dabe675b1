"""Differences between two trees, and which commits touched a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand
from codeyard.git.kept import Kept


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path: `kind` is A, M or D; a side that is not there has mode 0."""

    path: bytes
    kind: str
    old_mode: int
    old_id: str
    new_mode: int
    new_id: str


_FLAGS = ("-r", "-z", "--raw", "--no-renames", "--abbrev=40")


def diff_trees(git: Git, repository: Path, before: str, after: str) -> list[Change]:
    """What changed from one tree to the other, file by file, in path order; renames show as a pair."""
    return list(parse_raw(_raw_diff(git, repository, before, after)))


def _raw_diff(git: Git, repository: Path, before: str, after: str) -> list[bytes]:
    command = GitCommand("diff-tree", _FLAGS, operands=[before, after], repository=repository)
    return git.run(command).stdout.split(b"\0")[:-1]


class TreeDiffs:
    """The differences of trees, a page at a time.

    Trees never change, so that differences are kept for those who page through them: the latest, within a bound.
    """

    def __init__(self, git: Git, *, bound: int = 200_000) -> None:
        self._git = git
        self._kept: Kept[tuple[str, str], list[bytes]] = Kept(bound)

    def page(self, repository: Path, before: str, after: str, start: int, count: int) -> tuple[list[Change], int]:
        """`count` changes from the `start`th on, and how many there are in all."""
        fields = self._fields(repository, before, after)
        return list(parse_raw(fields[2 * start : 2 * (start + count)])), len(fields) // 2

    def _fields(self, repository: Path, before: str, after: str) -> list[bytes]:
        known = self._kept.get((before, after))
        if known is not None:
            return known.value
        found = _raw_diff(self._git, repository, before, after)
        self._kept.put((before, after), found, len(found) // 2)
        return found


def parse_raw(fields: Sequence[bytes]) -> Iterator[Change]:
    """The changes of git's raw form, as fields that NUL divided."""
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, new_mode, old_id, new_id, kind = head.decode().lstrip(":").split(" ")
        yield Change(path, "M" if kind == "T" else kind, int(old_mode, 8), old_id, int(new_mode, 8), new_id)


def merge_base(git: Git, repository: Path, left: str, right: str) -> str | None:
    """The best common ancestor of two commits; None when they share no history."""
    result = git.run(GitCommand("merge-base", operands=[left, right], repository=repository), ok=(0, 1))
    return result.stdout.decode().strip() or None


class MergeBases:
    """Merge bases, kept: those of two commits never change. The latest asked for, within a bound."""

    def __init__(self, git: Git, *, bound: int = 4096) -> None:
        self._git = git
        self._kept: Kept[tuple[str, str, str], str | None] = Kept(bound)

    def of(self, repository: Path, left: str, right: str) -> str | None:
        """As `merge_base` says."""
        key = (str(repository), left, right)
        known = self._kept.get(key)
        if known is not None:
            return known.value
        found = merge_base(self._git, repository, left, right)
        self._kept.put(key, found)
        return found


def is_ancestor(git: Git, repository: Path, ancestor: str, commit: str) -> bool:
    """Whether the one commit is in the other's history."""
    command = GitCommand("merge-base", ["--is-ancestor"], [ancestor, commit], repository=repository)
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


def beyond(git: Git, repository: Path, source: str, destination: str, *, skip: int, count: int) -> list[str]:
    """The commits in the source's history and not in the destination's, the newest first."""
    flags = ["--topo-order", f"--max-count={count}", f"--skip={skip}"]
    command = GitCommand("rev-list", flags, operands=[source, f"^{destination}"], repository=repository)
    return git.run(command).stdout.decode().split()
