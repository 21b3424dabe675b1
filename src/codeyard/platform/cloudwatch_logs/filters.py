"""Filter patterns: terms, JSON selectors and space-delimited fields, compiled to a test of a message. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from codeyard.contract import not_implemented
from codeyard.formats.globs import starred
from codeyard.platform.cloudwatch_logs.errors import invalid

Test = Callable[[str], bool]
Values = Callable[[str], dict[str, str]]
_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)')
_JSON_TOKEN = re.compile(
    r'\s*(\(|\)|&&|\|\||!=|<=|>=|=|<|>|"(?:[^"\\]|\\.)*"|\$(?:\.[\w\-]+|\[\d+\]|\[\*\]|\["[^"]*"\])*|%[^%]*%|[^\s()=<>!&|"]+)'
)
_STEP = re.compile(r'\.([\w\-]+)|\[(\d+)\]|(\[\*\])|\["([^"]*)"\]')
_BLANK, _WORD = re.compile(r"\s*"), re.compile(r"\S+")
_CONDITION = re.compile(r"\s*([\w.\-]+)\s*(?:(!=|<=|>=|=|<|>)\s*(.+?))?\s*")
_MAX_DEPTH = 30
MISSING: Any = object()


def compile_filter(pattern: str) -> Test:
    """The test of a pattern; InvalidParameterException when it is none."""
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text[0] == "{":
        return _json_filter(text)
    if text[0] == "[":
        return SpaceDelimited(text).matches
    if text[0] == "%":
        raise not_implemented("logs", "filter patterns with regular expressions")
    return _terms(text)


def extractor(pattern: str) -> Values:
    """What TestMetricFilter shows of a matching message: the fields of a space-delimited pattern."""
    text = pattern.strip()
    return SpaceDelimited(text).values if text.startswith("[") else lambda message: {}


def bad() -> Exception:
    """The refusal of a pattern."""
    return invalid("Invalid filter pattern")


def _terms(text: str) -> Test:
    needed: list[str] = []
    refused: list[str] = []
    any_of: list[str] = []
    place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None:
            raise bad()
        term = match[3] if match[3] is not None else re.sub(r"\\(.)", r"\1", match[2])
        {"": needed, "-": refused, "?": any_of}[match[1]].append(term)
        place = match.end()
        place += len(text[place:]) - len(text[place:].lstrip())
    if needed or refused:
        return lambda message: all(t in message for t in needed) and not any(t in message for t in refused)
    return lambda message: any(term in message for term in any_of)


def _number(text: Any) -> float | None:
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        return float(text)
    except (ValueError, OverflowError):
        return None


def comparison(sign: str, wanted: str, *, quoted: bool = False) -> Callable[[Any], bool]:
    """The test of one value: numbers compare as numbers, texts as texts with wildcards."""
    number = None if quoted else _number(wanted)
    if sign in ("=", "!="):
        like = starred(wanted)

        def equal(value: Any) -> bool:
            if number is not None and (have := _number(value)) is not None:
                return have == number
            return like(_text(value))

        return equal if sign == "=" else lambda value: not equal(value)
    if number is None:
        raise bad()
    bound = number
    holds: Mapping[str, Callable[[float], bool]] = {
        "<": lambda have: have < bound,
        "<=": lambda have: have <= bound,
        ">": lambda have: have > bound,
        ">=": lambda have: have >= bound,
    }
    test = holds[sign]

    def compare(value: Any) -> bool:
        have = _number(value)
        return have is not None and test(have)

    return compare


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "true" if value is True else "false" if value is False else str(value)


def _json_filter(text: str) -> Test:
    if not text.endswith("}"):
        raise bad()
    test = _JsonParser(text[1:-1]).parse()

    def match(message: str) -> bool:
        try:
            value = orjson.loads(message)
        except ValueError:
            return False
        return isinstance(value, dict | list) and test(value)

    return match


class _JsonParser:
    """Selectors joined by && and || (&& binds tighter), with parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens, place = [], 0
        while text[place:].strip():
            match = _JSON_TOKEN.match(text, place)
            if match is None:
                raise bad()
            self._tokens.append(match[1])
            place = match.end()
        self._place = 0

    def parse(self) -> Callable[[Any], bool]:
        test = self._any(0)
        if self._place != len(self._tokens):
            raise bad()
        return test

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise bad()
        self._place += 1
        return token

    def _any(self, depth: int) -> Callable[[Any], bool]:
        tests = [self._all(depth)]
        while self._peek() == "||":
            self._next()
            tests.append(self._all(depth))
        return lambda value: any(test(value) for test in tests)

    def _all(self, depth: int) -> Callable[[Any], bool]:
        tests = [self._one(depth)]
        while self._peek() == "&&":
            self._next()
            tests.append(self._one(depth))
        return lambda value: all(test(value) for test in tests)

    def _one(self, depth: int) -> Callable[[Any], bool]:
        if depth > _MAX_DEPTH:
            raise bad()
        if self._peek() == "(":
            self._next()
            test = self._any(depth + 1)
            if self._next() != ")":
                raise bad()
            return test
        return self._selector()

    def _selector(self) -> Callable[[Any], bool]:
        path = selector_path(self._next())
        word = self._next()
        if word in ("=", "!=", "<", "<=", ">", ">="):
            return self._compare(path, word)
        words = (word.upper(), self._next().upper())
        if words == ("NOT", "EXISTS"):
            return lambda value: not select(value, path)
        wanted = {("IS", "NULL"): None, ("IS", "TRUE"): True, ("IS", "FALSE"): False}
        if words not in wanted:
            raise bad()
        literal = wanted[words]
        return lambda value: any(found is literal for found in select(value, path))

    def _compare(self, path: list[str | int | None], sign: str) -> Callable[[Any], bool]:
        text = self._next()
        if text.startswith("%"):
            raise not_implemented("logs", "filter patterns with regular expressions")
        if text in ("(", ")", "&&", "||"):
            raise bad()
        quoted = text.startswith('"')
        test = comparison(sign, re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text, quoted=quoted)
        return lambda value: any(test(found) for found in select(value, path) if not isinstance(found, dict | list))


def selector_path(text: str) -> list[str | int | None]:
    """The steps of a selector: names, indexes, None for `[*]`."""
    if not text.startswith("$"):
        raise bad()
    steps: list[str | int | None] = []
    for match in _STEP.finditer(text[1:]):
        name, index, _, quoted = match.groups()
        steps.append(name if name is not None else quoted if quoted is not None else int(index) if index else None)
    return steps


def select(value: Any, path: list[str | int | None]) -> list[Any]:
    """Everything that the selector finds."""
    found = [value]
    for step in path:
        following: list[Any] = []
        for one in found:
            if step is None and isinstance(one, list):
                following += one
            elif _has(one, step):
                following.append(one[step])
        found = following
    return found


def _has(value: Any, step: Any) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


class SpaceDelimited:
    """`[ip, user, ..., status = 4*]`: named fields of a line split at spaces, brackets and quotes."""

    def __init__(self, text: str) -> None:
        if not text.endswith("]"):
            raise bad()
        self._fields = [self._field(part) for part in text[1:-1].split(",")]
        if sum(name == "..." for name, _ in self._fields) > 1:
            raise bad()

    @staticmethod
    def _field(part: str) -> tuple[str, list[Callable[[Any], bool]]]:
        if part.strip() == "...":
            return "...", []
        tests, name = [], ""
        for condition in re.split(r"&&", part):
            match = _CONDITION.fullmatch(condition)
            if match is None:
                raise bad()
            name = name or match[1]
            if match[2]:
                quoted = match[3].startswith('"')
                tests.append(comparison(match[2], match[3].strip('"'), quoted=quoted))
        return name, tests

    def _aligned(self, message: str) -> list[tuple[str, list[Callable[[Any], bool]], str]] | None:
        words = _words(message)
        names = [name for name, _ in self._fields]
        if "..." not in names:
            if len(words) != len(names):
                return None
            return [(name, tests, word) for (name, tests), word in zip(self._fields, words, strict=True)]
        at = names.index("...")
        after = len(names) - at - 1
        if len(words) < at + after:
            return None
        front = zip(self._fields[:at], words[:at], strict=True)
        back = zip(self._fields[at + 1 :], words[len(words) - after :], strict=True)
        return [(name, tests, word) for (name, tests), word in (*front, *back)]

    def matches(self, message: str) -> bool:
        """Whether the line has these fields and each holds."""
        aligned = self._aligned(message)
        return aligned is not None and all(test(word) for _, tests, word in aligned for test in tests)

    def values(self, message: str) -> dict[str, str]:
        """The fields by `$name`."""
        return {f"${name}": word for name, _, word in self._aligned(message) or ()}


def _words(message: str) -> list[str]:
    """A line split at spaces, brackets and quotes. A closing bracket that is not there is looked for once."""
    found, place = [], 0
    closed, quoted = message.rfind("]"), message.rfind('"')
    while (match := _BLANK.match(message, place)) is not None and (place := match.end()) < len(message):
        end = {"[": "]", '"': '"'}.get(message[place], "")
        if end and place < (closed if end == "]" else quoted):
            after = message.index(end, place + 1)
            found.append(message[place + 1 : after])
            place = after + 1
        else:
            after = _WORD.match(message, place).end()  # type: ignore[union-attr]  # a character is there, and no blank
            found.append(message[place:after])
            place = after
    return found
