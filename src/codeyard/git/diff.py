"""Differences between two trees, and which commits touched a path."""

from __future__ import annotations

import threading
from collections import OrderedDict
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
        self._git, self._bound = git, bound
        self._kept: OrderedDict[tuple[str, str], list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, repository: Path, before: str, after: str, start: int, count: int) -> tuple[list[Change], int]:
        """`count` changes from the `start`th on, and how many there are in all."""
        fields = self._fields(repository, before, after)
        return list(parse_raw(fields[2 * start : 2 * (start + count)])), len(fields) // 2

    def _fields(self, repository: Path, before: str, after: str) -> list[bytes]:
        with self._lock:
            found = self._kept.get((before, after))
            if found is not None:
                self._kept.move_to_end((before, after))
        if found is None:
            found = _raw_diff(self._git, repository, before, after)
            self._keep((before, after), found)
        return found

    def _keep(self, key: tuple[str, str], fields: list[bytes]) -> None:
        with self._lock:
            self._kept[key] = fields
            while sum(len(one) // 2 for one in self._kept.values()) > self._bound:
                self._kept.popitem(last=False)


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
