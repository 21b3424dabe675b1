"""Glob patterns of buildspecs (`**/*`, `app/*.py`, `{a,b}`) over slash paths, and texts in which `*` is the only
wildcard. Neither backtracks: patterns and paths are strangers'.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from itertools import pairwise

from codeyard.formats.globmachine import JOINT, class_end, machine

_LONGEST = 4096
_MOST_WAYS = 1000


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> Callable[[str], bool]:
    """The test of a whole path, linear in it; a leading `./` and repeated slashes do not count."""
    if len(pattern) > _LONGEST or JOINT in pattern:
        raise ValueError("the pattern is too long, or holds a NUL")
    text = re.sub(r"/+", "/", pattern)
    while text.startswith("./"):
        text = text[2:]
    ways = [machine(way) for way in _ways(text)]
    return ways[0] if len(ways) == 1 else lambda path: any(way(path) for way in ways)


def matches(pattern: str, path: str) -> bool:
    """Whether a relative slash path is meant by the pattern; `*` and `?` stay within one name, `**` does not."""
    return compiled(pattern)(path)


def is_glob(text: str) -> bool:
    """Whether the text has any character that stands for others."""
    return any(character in text for character in "*?[{")


def fixed_prefix(pattern: str) -> str:
    """The leading folders of the pattern that hold no wildcard, without a trailing slash."""
    kept = []
    for part in pattern.split("/")[:-1]:
        if is_glob(part):
            break
        kept.append(part)
    return "/".join(kept)


def starred(pattern: str) -> Callable[[str], bool]:
    """The test of a text against a pattern in which `*` stands for anything. Linear in both."""
    if "*" not in pattern:
        return lambda value: value == pattern
    first, *middle, last = pattern.split("*")

    def match(value: str) -> bool:
        if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
            return False
        place, end = len(first), len(value) - len(last)
        for part in middle:
            found = value.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True

    return match


def _ways(pattern: str) -> list[str]:
    """The patterns without braces that a pattern with braces stands for; ValueError where they are too many."""
    done, left = [], [pattern]
    while left:
        text = left.pop()
        cut = _braces(text)
        if cut is None:
            done.append(text)
            continue
        first, *commas, last = cut
        edges = [first, *commas, last]
        left += [JOINT.join((text[:first], text[a + 1 : b], text[last + 1 :])) for a, b in pairwise(edges)]
        if len(done) + len(left) > _MOST_WAYS or sum(map(len, left)) > _LONGEST * 16:
            raise ValueError("the pattern has too many alternatives")
    return done


def _braces(text: str) -> list[int] | None:
    """Where the first closed brace, its commas and its end stand; a brace in a class, or unclosed, is a character."""
    opened: list[list[int]] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "[" and (end := class_end(text, at)):
            at = end
            continue
        if character == "{":
            opened.append([at])
        elif character == "," and opened:
            opened[-1].append(at)
        elif character == "}" and opened:
            found = opened.pop()
            return [*found, at]  # the innermost comes first: what is around it is cut when its turn comes
        at += 1
    return None
