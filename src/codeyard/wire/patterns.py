"""The models' regular expressions, which are Java's, as Python's: matched whole, bounded in time."""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
import warnings
from collections.abc import Iterable
from functools import cache
from itertools import groupby

# Patterns that can take exponential time, with an equal one that cannot.
REPLACED = {
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
    r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": (
        r"\t*[^\x00-\x1F:\x7F][^\x00-\x08\x0A-\x1F:\x7F]*"
    ),
    r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$": r"[a-z0-9*]+(?:[._\-/][a-z0-9*]+)*",
}

# Patterns that are not enforced, each with its reason.
IGNORED: dict[str, str] = {}

_LONG = 2048  # beyond this, only patterns with one unbounded quantifier are tried: all others are refused
_PROPERTY = re.compile(r"\\([pP])\{(\w+)\}")
_UNBOUNDED = re.compile(r"(?<!\\)(?:[*+]|\{\d+,\})")
_SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"


class Patterns:
    """Compiles and keeps patterns; the Unicode tables are made when a pattern first needs them."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[re.Pattern[str], bool] | None] = {}
        self._ranges: dict[str, str] = {}
        self._lock = threading.Lock()

    def matches(self, pattern: str, value: str) -> bool:
        """Whether the whole value matches."""
        if pattern not in self._made:
            with self._lock:
                self._made[pattern] = self._compile(pattern)
        found = self._made[pattern]
        if found is None:
            return True
        compiled, simple = found
        if len(value) > _LONG and not simple:
            return False
        return compiled.fullmatch(value) is not None

    def _compile(self, pattern: str) -> tuple[re.Pattern[str], bool] | None:
        if pattern in IGNORED:
            return None
        text = REPLACED.get(pattern, pattern)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(self.translate(text), re.ASCII)
        return compiled, len(_UNBOUNDED.findall(text)) <= 1

    def translate(self, pattern: str) -> str:
        """A Java pattern in Python's syntax."""
        pattern = pattern.replace(_SURROGATES, "\\U00010000-\\U0010ffff")
        out, index, in_class = [], 0, False
        while index < len(pattern):
            found = _PROPERTY.match(pattern, index)
            if found:
                ranges = self._property(found.group(2), negated=found.group(1) == "P")
                out.append(ranges if in_class else f"[{ranges}]")
                index = found.end()
                continue
            letter = pattern[index]
            if letter == "\\":
                out.append(pattern[index : index + 2])
                index += 2
                if in_class and pattern[index : index + 1] == "-" and pattern[index - 1] in "wdsWDS":
                    out.append("\\-")  # Java takes the hyphen after a class for itself
                    index += 1
                continue
            in_class = (letter == "[") or (in_class and letter != "]")
            out.append(letter)
            index += 1
        return "".join(out)

    def _property(self, name: str, *, negated: bool) -> str:
        key = f"{name}{negated}"
        if key not in self._ranges:
            self._ranges[key] = _as_class(self._points(name), negated)
        return self._ranges[key]

    def _points(self, name: str) -> list[tuple[int, int]]:
        if name == "ASCII":
            return [(0, 127)]
        if name == "IsWhitespace":
            return [(point, point) for point in range(0x3001) if chr(point).isspace()]
        return _joined((low, high) for low, high, category in _categories() if category.startswith(name))


@cache
def _categories() -> list[tuple[int, int, str]]:
    """(first, last, category) of all runs of characters of one category: one pass, a tenth of a second."""
    found: list[tuple[int, int, str]] = []
    start = 0
    for category, run in groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        end = start + sum(1 for _ in run)
        found.append((start, end - 1, category))
        start = end
    return found


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges with neighbours made one."""
    found: list[tuple[int, int]] = []
    for low, high in ranges:
        if found and found[-1][1] + 1 == low:
            low = found.pop()[0]
        found.append((low, high))
    return found


def _as_class(ranges: list[tuple[int, int]], negated: bool) -> str:
    if negated:
        edges = [-1, *(edge for pair in ranges for edge in pair), sys.maxunicode + 1]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        ranges = [(before + 1, after - 1) for before, after in pairs if before + 1 <= after - 1]
    return "".join([f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges])
