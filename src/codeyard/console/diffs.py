"""The difference of two texts in hunks with line numbers, in bounded time whatever the texts are."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

CONTEXT = 3
MOST_LINES = 20_000
# difflib is quadratic at worst; beyond this many changed lines a block is shown as taken out and put in.
MOST_COMPARED = 800
Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a difference: kind is `same`, `add`, `del` or `gap` (where lines are left out).

    `marks` are the places (start, end) of the words that changed in it.
    """

    kind: str
    old: int | None
    new: int | None
    text: str
    marks: tuple[tuple[int, int], ...] = ()


def difference(before: str, after: str) -> list[Row] | None:
    """The rows to show, or None where the texts are too long."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) > MOST_LINES or len(new) > MOST_LINES:
        return None
    rows: list[Row] = []
    for group in _groups(_opcodes(old, new)):
        if rows or group[0][1] > 0:
            rows.append(Row("gap", None, None, f"@@ line {group[0][3] + 1} @@"))
        rows += [row for opcode in group for row in _rows(opcode, old, new)]
    return rows


def _opcodes(old: list[str], new: list[str]) -> list[Opcode]:
    """As difflib's, the common head and tail found first."""
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    left = shorter - head
    tail = next((n for n in range(left) if old[-1 - n] != new[-1 - n]), left)
    a, b = len(old) - tail, len(new) - tail
    middle = list(_middle(old[head:a], new[head:b]))
    shifted = [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in middle]
    return [("equal", 0, head, 0, head), *shifted, ("equal", a, len(old), b, len(new))]


def _middle(old: list[str], new: list[str]) -> list[Opcode]:
    if max(len(old), len(new)) > MOST_COMPARED:
        return [("replace", 0, len(old), 0, len(new))]
    return [tuple(opcode) for opcode in difflib.SequenceMatcher(None, old, new).get_opcodes()]  # type: ignore[misc]


def _groups(opcodes: list[Opcode]) -> Iterator[list[Opcode]]:
    """Changes with some lines around; far ones apart."""
    group: list[Opcode] = []
    last = len(opcodes) - 1
    for number, (tag, i, j, k, m) in enumerate(opcodes):
        if tag != "equal":
            group.append((tag, i, j, k, m))
            continue
        if group and (j - i > 2 * CONTEXT or number == last):
            end = min(j - i, CONTEXT)
            yield [*group, ("equal", i, i + end, k, k + end)]
            group = []
        if number != last:
            start = max(i, j - CONTEXT) if not group else i
            group.append(("equal", start, j, m - (j - start), m))
    if any(tag != "equal" for tag, *_ in group):
        yield group


def _rows(opcode: Opcode, old: list[str], new: list[str]) -> Iterator[Row]:
    tag, i, j, k, m = opcode
    if tag == "equal":
        for n in range(j - i):
            yield Row("same", i + n + 1, k + n + 1, old[i + n])
        return
    for n in range(i, j):
        yield Row("del", n + 1, None, old[n])
    for n in range(k, m):
        yield Row("add", None, n + 1, new[n])
