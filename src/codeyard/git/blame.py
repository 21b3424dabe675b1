"""Which commit wrote each line of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand
from codeyard.git.kept import Kept


@dataclass(frozen=True, slots=True)
class Span:
    """Lines `start` to `start + count - 1` of a file, written by one commit."""

    start: int
    count: int
    commit: str
    author: str
    time: int
    summary: str


class Blames:
    """Blames of files, kept: what a file was in the commit that last changed it, it is in every later one.

    The first look at a file takes git a walk through its history; the next, at whatever commit, one at most for the
    commit that changed it last. The latest looked at are kept, within a bound of lines' spans.
    """

    def __init__(self, git: Git, *, bound: int = 200_000) -> None:
        self._git = git
        self._kept: Kept[tuple[str, str, str], tuple[Span, ...]] = Kept(bound)

    def of(self, repository: Path, commit: str, path: str) -> tuple[Span, ...]:
        """The spans of the file as it is in the commit, in the order of its lines."""
        known = self._kept.get((str(repository), commit, path))
        if known is not None:
            return known.value
        last = last_change(self._git, repository, commit, path) or commit
        known = self._kept.get((str(repository), last, path))
        found = known.value if known is not None else tuple(blame(self._git, repository, last, path))
        for one in {commit, last}:
            self._kept.put((str(repository), one, path), found, len(found))
        return found


def last_change(git: Git, repository: Path, commit: str, path: str) -> str:
    """The newest commit of the history that changed the path; nothing where none did."""
    command = GitCommand("rev-list", ["--max-count=1"], operands=[commit], paths=[path], repository=repository)
    return git.run(command).stdout.decode().strip()


def blame(git: Git, repository: Path, commit: str, path: str) -> Iterator[Span]:
    """Ask git; lines of one commit that follow each other are one span."""
    command = GitCommand("blame", ["--porcelain", "--no-textconv"], [commit], [path], repository)
    lines = git.run(command).stdout.split(b"\n")
    facts: dict[str, dict[bytes, bytes]] = {}
    groups = list(_groups(lines, facts))
    for start, count, who in _joined(groups):
        said = facts[who]
        name, summary = (said.get(key, b"").decode("utf-8", "replace") for key in (b"author", b"summary"))
        yield Span(start, count, who, name, int(said.get(b"author-time", b"0")), summary)


def _groups(lines: Sequence[bytes], facts: dict[str, dict[bytes, bytes]]) -> Iterator[tuple[int, str]]:
    """(line, commit) for every line; what git says of a commit goes into `facts`."""
    commit = ""
    for line in lines:
        if line.startswith(b"\t"):
            commit = ""
        elif not commit and line:
            fields = line.split(b" ")
            commit = fields[0].decode()
            facts.setdefault(commit, {})
            yield int(fields[2]), commit
        elif line:
            key, _, value = line.partition(b" ")
            facts[commit].setdefault(key, value)


def _joined(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    start, count, last = 1, 0, ""
    for number, commit in lines:
        if commit != last and count:
            yield start, count, last
            count = 0
        if not count:
            start, last = number, commit
        count += 1
    if count:
        yield start, count, last
