"""How one blob became another, line by line: what `git diff` says of the two, as numbers and lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from codeyard.git.command import Git, GitCommand
from codeyard.git.kept import Kept

MOST_LINES = 25_000  # in one hunk: a longer run of changes is told in several
_HEAD = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_FLAGS = ("--no-color", "--no-ext-diff", "--no-textconv", "--text")
_LOOKED_AT = 8000  # git: what holds a NUL among its first bytes is binary


class Line(NamedTuple):
    """One line of a hunk, without its end: `kind` is " ", "+" or "-"; 0 where a side does not have it."""

    kind: str
    before: int
    after: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of changed lines with what stands around them. Starts and counts are git's."""

    before_start: int
    before_count: int
    after_start: int
    after_count: int
    lines: Sequence[Line]


def is_binary(content: bytes) -> bool:
    """Whether git takes it for no text."""
    return b"\0" in content[:_LOOKED_AT]


def added(content: bytes) -> list[Hunk]:
    """The hunks of a text that came from nothing."""
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    return list(_divided([Line("+", 0, number, text) for number, text in enumerate(lines, 1)], 0, 0))


class BlobDiffs:
    """Differences of blobs, which never change: the latest are kept for those who page through them."""

    def __init__(self, git: Git, *, bound: int = 200_000) -> None:
        self._git = git
        self._kept: Kept[tuple[str, str, int, bool], list[Hunk]] = Kept(bound)

    def hunks(self, repository: Path, before: str, after: str, *, context: int, ignore_whitespace: bool) -> list[Hunk]:
        """All hunks, with so many lines around each."""
        key = (before, after, context, ignore_whitespace)
        known = self._kept.get(key)
        if known is not None:
            return known.value
        flags = [*_FLAGS, f"--unified={context}", *(["-w"] if ignore_whitespace else [])]
        command = GitCommand("diff", flags, [before, after], repository=repository)
        found = list(parse(self._git.run(command, ok=(0, 1)).stdout))
        self._kept.put(key, found, sum(len(hunk.lines) for hunk in found))
        return found


def parse(text: bytes) -> Iterator[Hunk]:
    """The hunks of a unified diff of one pair."""
    lines: list[Line] = []
    seen, at, left = (0, 0), [0, 0], [0, 0]
    for raw in text.split(b"\n"):
        if any(left):
            if not raw.startswith(b"\\"):  # "No newline at end of file"
                lines.append(_line(raw, at, left))
        elif head := _HEAD.match(raw):
            yield from _divided(lines, *seen)
            starts, left = [int(head[1]), int(head[3])], [int(head[one] or b"1") for one in (2, 4)]
            at = [start if not count else start - 1 for start, count in zip(starts, left, strict=True)]
            seen, lines = (at[0], at[1]), []
    yield from _divided(lines, *seen)


def _line(raw: bytes, at: list[int], left: list[int]) -> Line:
    """The next line of a hunk; `at` is how many lines of each side were before it, `left` how many are to come."""
    kind, numbers = raw[:1].decode("latin-1"), [0, 0]
    for side, other in ((0, "+"), (1, "-")):
        if kind != other:
            at[side], left[side] = at[side] + 1, left[side] - 1
            numbers[side] = at[side]
    return Line(kind, numbers[0], numbers[1], raw[1:])


def _divided(lines: Sequence[Line], before: int, after: int) -> Iterator[Hunk]:
    """One hunk, or several where it is too long; `before` and `after` are the lines of each side ahead of it."""
    for at in range(0, len(lines), MOST_LINES):
        part = lines[at : at + MOST_LINES]
        old, new = sum(line.kind != "+" for line in part), sum(line.kind != "-" for line in part)
        yield Hunk(before + bool(old), old, after + bool(new), new, part)
        before, after = before + old, after + new
