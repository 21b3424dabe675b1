"""One glob without braces as a machine that reads a path once: the states it may be in are the bits of one number.

`*` and `?` stay within a name; a `**/` that begins a name is any folders, none too; any other `**` is anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

JOINT = "\0"  # stands between parts that were put together: stars on its two sides are not one wildcard
_ONE, _STAR, _ANY, _FOLDERS = "?", "*", "**", "**/"


def machine(pattern: str) -> Callable[[str], bool]:
    """The test of a whole path; where few stars leave an expression nothing to go back over, that is faster."""
    tokens = list(_tokens(pattern))
    stars, folders, anything = (tokens.count(one) for one in (_STAR, _FOLDERS, _ANY))
    if (stars <= 1 and folders <= 1 and not anything) or (anything == 1 and not stars + folders):
        expression = re.compile("".join(map(_expression, tokens)), re.DOTALL)
        return lambda path: expression.fullmatch(path) is not None
    made = _Machine()
    for token in tokens:
        made.add(token)
    return made.matches


def _expression(token: str) -> str:
    known = {_ONE: "[^/]", _STAR: "[^/]*", _ANY: ".*", _FOLDERS: "(?:[^/]+/)*"}.get(token)
    if known is not None:
        return known
    return f"(?!/){token}" if len(token) > 1 and token.startswith("[") else re.escape(token[-1])


@dataclass(slots=True)
class _Machine:
    """State n is before the nth place. `_FOLDERS` takes two: between names, and within one that it passes over."""

    end: int = 0
    within: int = 0  # places that stay on any character but a slash
    always: int = 0  # places that stay on any character
    between: int = 0  # first places of _FOLDERS
    one: int = 0  # places that one character but a slash leads on from
    letters: dict[str, int] = field(default_factory=dict)
    classes: list[tuple[int, re.Pattern[str]]] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)

    def add(self, token: str) -> None:
        """Put a token behind those that are there."""
        place = 1 << self.end
        self.end += 1
        if token == _FOLDERS:
            self.between |= place
            self.end += 1
        elif token == _ANY:
            self.always |= place
        elif token == _STAR:
            self.within |= place
        elif token == _ONE:
            self.one |= place
        elif len(token) > 1 and token.startswith("["):
            self.classes.append((place, re.compile(token, re.DOTALL)))
        else:
            self.letters[token[-1]] = self.letters.get(token[-1], 0) | place

    def matches(self, path: str) -> bool:
        """Whether the whole path is meant."""
        states = self._free(1)
        for character in path:
            states = self._free(self._step(states, character))
            if not states:
                return False
        return bool(states >> self.end & 1)

    def _step(self, states: int, character: str) -> int:
        taken = self.known.get(character)
        if taken is None:
            taken = self.known[character] = self._taking(character)
        following = (states & taken) << 1 | states & self.always
        if character == "/":
            return following | states >> 1 & self.between
        inside = self.between << 1
        return following | states & (self.within | inside) | (states & self.between) << 1

    def _taking(self, character: str) -> int:
        """The places that this character leads on from."""
        found = self.letters.get(character, 0)
        if character != "/":
            found |= self.one
            for place, letters in self.classes:
                found |= place if letters.fullmatch(character) else 0
        return found

    def _free(self, states: int) -> int:
        """The states, and those that are reached from them without a character."""
        skipped = self.within | self.always
        while True:
            more = states | (states & skipped) << 1 | (states & self.between) << 2
            if more == states:
                return states
            states = more


def class_end(pattern: str, at: int) -> int:
    """The place behind the class that begins here; 0 where none is closed."""
    return pattern.find("]", at + 2) + 1


def _tokens(pattern: str) -> Iterator[str]:
    """Stars and `?` as they are, classes as regular expressions, every other character behind a backslash."""
    at, before = 0, ""
    while at < len(pattern):
        if pattern[at] == JOINT:
            at += 1
            continue
        at, token = _token(pattern, at)
        if not (token == before and token in (_FOLDERS, _ANY)):
            yield token
        before = token


def _token(pattern: str, at: int) -> tuple[int, str]:
    character = pattern[at]
    if pattern.startswith(_ANY, at):
        end = at
        while pattern[end : end + 1] == "*":
            end += 1
        folders = pattern.startswith("/", end) and (at == 0 or pattern[at - 1] == "/")
        return (end + 1, _FOLDERS) if folders else (end, _ANY)
    if character == "[" and (end := class_end(pattern, at)):
        return _class(pattern, at, end)
    return at + 1, character if character in (_ONE, _STAR) else "\\" + character


def _class(pattern: str, at: int, end: int) -> tuple[int, str]:
    """The class; one that cannot be, such as `[z-a]`, means its first bracket as it is."""
    body = pattern[at + 1 : end - 1]
    negated = body[:1] in ("!", "^")
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    text = f"[{'^' if negated else ''}{inside}]"
    try:
        re.compile(text)
    except re.error:
        return at + 1, "\\["
    return end, text
