"""A difference's rows for reading: the words that changed within a line, and the two sides beside each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from codeyard.console.diffs import Row

Pair = tuple[Row | None, Row | None]
Marks = tuple[tuple[int, int], ...]
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_LONGEST = 240
MOST_WORK = 2_000_000  # words times words; some tenths of a second
_ALIKE = 0.4


class Marker:
    """Marks the words that changed within lines, for a whole page: comparing is quadratic, so it has an end."""

    def __init__(self, left: int = MOST_WORK) -> None:
        self._left = left

    def mark(self, rows: Sequence[Row]) -> list[Row]:
        """The rows, those of lines that were changed with the places of what changed in them."""
        found = list(rows)
        for taken, put in _blocks(rows):
            if len(taken) != len(put):
                continue
            for i, j in zip(taken, put, strict=True):
                if self._left <= 0:
                    return found
                old, new = self._changed(found[i].text, found[j].text)
                found[i], found[j] = replace(found[i], marks=old), replace(found[j], marks=new)
        return found

    def _changed(self, old: str, new: str) -> tuple[Marks, Marks]:
        """The parts that differ; nothing where the lines have too little in common, or are too long."""
        if max(len(old), len(new)) > _LONGEST:
            return (), ()
        before, after = _WORD.findall(old), _WORD.findall(new)
        self._left -= len(before) * len(after) + 1
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        if matcher.quick_ratio() < _ALIKE or matcher.ratio() < _ALIKE:
            return (), ()
        codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
        return _places(before, [(i, j) for _, i, j, _, _ in codes]), _places(after, [(k, m) for _, _, _, k, m in codes])


def side_by_side(rows: Sequence[Row]) -> list[Pair]:
    """Old and new beside each other; a gap stands on both sides."""
    pairs: list[Pair] = []
    taken: list[Row] = []
    put: list[Row] = []
    for row in rows:
        if row.kind == "del" and not put:
            taken.append(row)
        elif row.kind == "add":
            put.append(row)
        else:
            pairs += _beside(taken, put)
            taken, put = ([row], []) if row.kind == "del" else ([], [])
            pairs += [] if row.kind == "del" else [(row, row)]
    return [*pairs, *_beside(taken, put)]


def _beside(taken: Sequence[Row], put: Sequence[Row]) -> list[Pair]:
    longer = max(len(taken), len(put))
    return [(taken[n] if n < len(taken) else None, put[n] if n < len(put) else None) for n in range(longer)]


def _blocks(rows: Sequence[Row]) -> Iterator[tuple[list[int], list[int]]]:
    """Places of lines that were taken out, with those that were put there."""
    taken: list[int] = []
    put: list[int] = []
    for number, row in enumerate(rows):
        if row.kind == "del" and not put:
            taken.append(number)
        elif row.kind == "add":
            put.append(number)
        else:
            yield taken, put
            taken, put = ([number], []) if row.kind == "del" else ([], [])
    yield taken, put


def _places(words: Sequence[str], spans: Sequence[tuple[int, int]]) -> Marks:
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return tuple((starts[i], starts[j]) for i, j in spans if i != j)
