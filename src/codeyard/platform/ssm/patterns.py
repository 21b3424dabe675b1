"""Which regular expressions of users may be run: those that cannot make the matcher try exponentially many ways."""

from __future__ import annotations

import re
import warnings
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_UNBOUNDED = 2
_VARIABLE = 6
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)

# Python warns of what a user's expression may come to mean in a later Python: that is no word for the server's log.
warnings.filterwarnings("ignore", "Possible (nested set|set )", FutureWarning)


def is_affordable(pattern: str) -> bool:
    """Whether the expression has few repeats, none inside another, and no branch or back reference in one."""
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    count = _Count()
    return count.walk(tree, inside=False) and count.unbounded <= _UNBOUNDED and count.variable <= _VARIABLE


class _Count:
    def __init__(self) -> None:
        self.unbounded = self.variable = 0

    def walk(self, tree: Any, inside: bool) -> bool:
        return all(self._one(op, value, inside) for op, value in tree)

    def _one(self, op: Any, value: Any, inside: bool) -> bool:
        if op in _REPEATS:
            return self._repeat(value, inside)
        if op is sre.SUBPATTERN:
            return self.walk(value[3], inside)
        if op is sre.BRANCH:
            return not inside and all(self.walk(way, inside) for way in value[1])
        return op in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY, sre.AT, sre.RANGE, sre.CATEGORY)

    def _repeat(self, value: Any, inside: bool) -> bool:
        low, high, body = value
        if low != high:
            if inside:
                return False
            self.variable += 1
            self.unbounded += high > 32
        return self.walk(body, inside or low != high or high > 1)
