"""Three versions of a text, divided into regions: the same, changed by one side, by both alike, or in conflict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand
from codeyard.git.scratch import Scratch

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_FLAGS = ("-U0", "--no-color", "--histogram", "--no-indent-heuristic", "--no-ext-diff", "--no-textconv", "--text")


@dataclass(frozen=True, slots=True)
class Span:
    """Lines from `start` up to, but without, `end`; the first line of a text is 0."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of the base, and the lines of one side that stand in their place."""

    base: Span
    side: Span


@dataclass(frozen=True, slots=True)
class Region:
    """Lines that were changed: where they are in each version, by which sides, and whether these disagree."""

    base: Span
    ours: Span
    theirs: Span
    by_ours: bool
    by_theirs: bool
    conflict: bool


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a text with their ends; only a line feed ends one."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def edits(git: Git, repository: Path, into: Scratch, base: str, side: str) -> list[Edit]:
    """How one blob became another, as the merge sees it."""
    command = GitCommand("diff", _FLAGS, [base, side], repository=repository, scratch=into.folder)
    lines = git.run(command, ok=(0, 1)).stdout.split(b"\n")
    return [_edit(found.groups()) for line in lines if (found := _HUNK.match(line))]


def _edit(groups: Sequence[bytes | None]) -> Edit:
    return Edit(_span(groups[0], groups[1]), _span(groups[2], groups[3]))


def _span(start: bytes | None, count: bytes | None) -> Span:
    first, length = int(start or 0), 1 if count is None else int(count)
    first -= 1 if length else 0  # where there is no line, git names the line before
    return Span(first, first + length)


def regions(
    ours: Sequence[Edit], theirs: Sequence[Edit], our_lines: Sequence[bytes], their_lines: Sequence[bytes]
) -> list[Region]:
    """The changed regions, in order; changes that overlap or touch are one region, and in conflict unless alike."""
    found, mine, other = [], list(ours), list(theirs)
    our_shift = their_shift = 0
    while mine or other:
        group = _take_group(mine, other)
        base = Span(min(e.base.start for e in group[0] + group[1]), max(e.base.end for e in group[0] + group[1]))
        our_span, our_shift = _project(base, group[0], our_shift)
        their_span, their_shift = _project(base, group[1], their_shift)
        both = bool(group[0] and group[1])
        alike = our_lines[our_span.start : our_span.end] == their_lines[their_span.start : their_span.end]
        found.append(Region(base, our_span, their_span, bool(group[0]), bool(group[1]), both and not alike))
    return found


def _take_group(mine: list[Edit], other: list[Edit]) -> tuple[list[Edit], list[Edit]]:
    """The first edits of either side, with all that overlap or touch them."""
    group: tuple[list[Edit], list[Edit]] = ([], [])
    queues = (mine, other)
    end = None
    while True:
        nearest = min((i for i in (0, 1) if queues[i]), key=lambda i: queues[i][0].base.start, default=None)
        if nearest is None or (end is not None and queues[nearest][0].base.start > end):
            return group
        edit = queues[nearest].pop(0)
        group[nearest].append(edit)
        end = max(edit.base.end, end or 0)


def _project(base: Span, mine: Sequence[Edit], shift: int) -> tuple[Span, int]:
    """Where the lines of the base are on a side, and how far its later lines are moved by then."""
    start = base.start + shift
    shift += sum((e.side.end - e.side.start) - (e.base.end - e.base.start) for e in mine)
    return Span(start, base.end + shift), shift
