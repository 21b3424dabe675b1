"""Texts with wildcards and policy variables, as they stand in Action, Resource and Condition values.

A variable's value is matched literally: a user called `*` is no wildcard. A variable that the request has no
single value for, and that has no default, makes its text match nothing. Matching is linear: `*` becomes an atomic
group, so that no policy can make the server backtrack for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import takewhile

from codeyard.platform.iam.policy.request import Request

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"\s*([^,\s]+)\s*,\s*'([^']*)'\s*")


class Wild(Enum):
    """What is not literal in a pattern: `*`, `?`, and a colon between an ARN's parts."""

    STAR = "*"
    ONE = "?"
    COLON = ":"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`."""

    key: str
    default: str | None = None

    def resolve(self, request: Request) -> str | None:
        """Its value in this request; None when it has none."""
        found = request.single(self.key)
        return self.default if found is None else found


Token = str | Wild | Variable
Test = Callable[[str, Request], bool]
Text = Callable[[Request], str | None]


def tokens(text: str, *, variables: bool, wild: bool = True) -> list[Token]:
    """The text cut into literals, wildcards and variables (these under version 2012-10-17 only)."""
    found: list[Token] = []
    end = 0
    for match in _VARIABLE.finditer(text) if variables else ():
        found.extend(_plain(text[end : match.start()], wild))
        found.append(_variable(match.group(1)))
        end = match.end()
    found.extend(_plain(text[end:], wild))
    return found


def _plain(text: str, wild: bool) -> Iterable[Token]:
    if not wild:
        return (text,) if text else ()
    return (Wild(part) if part in "*?:" else part for part in re.split(r"([*?:])", text) if part)


def _variable(inside: str) -> Token:
    if inside in ("*", "?", "$"):
        return inside
    with_default = _DEFAULT.fullmatch(inside)
    if with_default:
        return Variable(with_default.group(1).lower(), with_default.group(2))
    return Variable(inside.strip().lower())


def plain_text(text: str, *, variables: bool) -> Text:
    """The text without wildcards, its variables filled in at each request; None where one has no value."""
    parts = tokens(text, variables=variables, wild=False)
    if not any(isinstance(part, Variable) for part in parts):
        fixed = "".join(str(part) for part in parts)
        return lambda request: fixed
    return lambda request: _joined(parts, request)


def _joined(parts: Sequence[Token], request: Request) -> str | None:
    found = [part.resolve(request) if isinstance(part, Variable) else str(part) for part in parts]
    return None if None in found else "".join(part for part in found if part is not None)


def glob(text: str, *, variables: bool, arn: bool = False) -> Test:
    """A test for `*` and `?`; with `arn`, the first five parts are matched each for itself."""
    parts = tokens(text, variables=variables)
    arn = arn and parts.count(Wild.COLON) >= 5
    if not any(isinstance(part, Variable) for part in parts):
        match = re.compile(_regex(parts, arn) % (), re.DOTALL).fullmatch
        return lambda value, request: match(value) is not None
    return _filled_test(parts, arn)


def completed(text: str) -> str:
    """A Resource's ARN with fewer than six parts stands for any in those that are missing."""
    missing = 5 - _VARIABLE.sub("", text).count(":")
    return text + ":*" * missing if text.startswith("arn:") and missing > 0 else text


def _filled_test(parts: Sequence[Token], arn: bool) -> Test:
    """A test whose variables are filled in at each request; what does not begin alike is told apart before that."""
    start = "".join(_text(part) for part in takewhile(_is_literal, parts))
    variables = [part for part in parts if isinstance(part, Variable)]
    template = _regex(parts, arn)

    def test(value: str, request: Request) -> bool:
        if not value.startswith(start):
            return False
        filled = [variable.resolve(request) for variable in variables]
        return None not in filled and _filled(template, *filled)(value) is not None

    return test


def _is_literal(part: Token) -> bool:
    return isinstance(part, str) or part is Wild.COLON


def _text(part: Token) -> str:
    return part.value if isinstance(part, Wild) else str(part)


@lru_cache(maxsize=1024)
def _filled(template: str, *values: str | None) -> Callable[[str], re.Match[str] | None]:
    """The match of a template with these values in it, each literally."""
    return re.compile(template % tuple(re.escape(value or "") for value in values), re.DOTALL).fullmatch


def simple(text: str, *, variables: bool) -> tuple[str, bool] | None:
    """(text, whether a prefix) of a resource that needs no regular expression, else None."""
    parts = tokens(completed(text), variables=variables)
    colons = parts.count(Wild.COLON)
    prefix = bool(parts) and parts[-1] is Wild.STAR and (colons >= 5 or len(parts) == 1)
    body = parts[:-1] if prefix else parts
    if any(part in (Wild.STAR, Wild.ONE) or isinstance(part, Variable) for part in body):
        return None
    return "".join(map(_text, body)), prefix


def _regex(parts: Sequence[Token], arn: bool) -> str:
    """The regular expression as a template: `%s` for each variable, `%%` for a percent sign."""
    segments: list[list[Token]] = [[]]
    for part in parts:
        if arn and part is Wild.COLON and len(segments) < 6:
            segments.append([])
        else:
            segments[-1].append(part)
    last = len(segments) - 1
    return ":".join(_segment(one, "." if i == last else "[^:]") for i, one in enumerate(segments))


def _segment(parts: Sequence[Token], any_char: str) -> str:
    """Chunks between stars: all but the last are found leftmost and never given up again."""
    chunks = [""]
    for part in parts:
        if part is Wild.STAR:
            chunks.append("")
        elif part is Wild.ONE:
            chunks[-1] += any_char
        elif isinstance(part, Variable):
            chunks[-1] += "%s"
        else:
            chunks[-1] += re.escape(_text(part)).replace("%", "%%")
    first, *rest = chunks
    if not rest:
        return first
    middle = "".join(f"(?>{any_char}*?{chunk})" for chunk in rest[:-1] if chunk)
    return f"{first}{middle}{any_char}*{rest[-1]}"
