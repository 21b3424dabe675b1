"""Glob patterns of buildspecs (`**/*`, `app/*.py`, `{a,b}`), compiled to one regular expression over slash paths.

Texts in which `*` is the only wildcard (`starred`) need no expression and cannot backtrack.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

_LONGEST = 4096


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression to be fully matched; a leading `./` and repeated slashes do not count."""
    if len(pattern) > _LONGEST:
        raise ValueError("the pattern is too long")
    text = re.sub(r"/+", "/", pattern)
    while text.startswith("./"):
        text = text[2:]
    return re.compile(_translate(text), re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    """Whether a relative slash path is meant by the pattern; `*` and `?` stay within one name, `**` does not."""
    return compiled(pattern).fullmatch(path) is not None


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


def _translate(pattern: str) -> str:
    out: list[str] = []
    at, depth = 0, 0
    while at < len(pattern):
        character = pattern[at]
        if pattern.startswith("**", at):
            at, piece = _stars(pattern, at)
            out.append(piece)
            continue
        if character == "[":
            at, piece = _class(pattern, at)
            out.append(piece)
            continue
        if character == "{" and "}" in pattern[at:]:
            depth, piece = depth + 1, "(?:"
        elif character == "}" and depth:
            depth, piece = depth - 1, ")"
        elif character == "," and depth:
            piece = "|"
        else:
            piece = {"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character))
        out.append(piece)
        at += 1
    return "".join(out) + ")" * depth


def _stars(pattern: str, at: int) -> tuple[int, str]:
    end = at
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    if pattern.startswith("/", end) and (at == 0 or pattern[at - 1] == "/"):
        return end + 1, "(?:[^/]+/)*"
    return end, ".*"


def _class(pattern: str, at: int) -> tuple[int, str]:
    end = pattern.find("]", at + 2)
    if end < 0:
        return at + 1, re.escape("[")
    body = pattern[at + 1 : end]
    negated = body[:1] in ("!", "^")
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    try:
        re.compile(f"[{inside}]")
    except re.error:
        return end + 1, re.escape(pattern[at : end + 1])
    return end + 1, f"(?!/)[{'^' if negated else ''}{inside}]"
