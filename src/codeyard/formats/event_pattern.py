"""The event pattern language, compiled to closures: what EventBridge rules and SNS filter policies are written in.

A pattern mirrors the event's nesting. A leaf is a list of alternatives; a list in the event matches when any of its
elements does, and the fields of one object in such a list must match together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

Value = Any
Test = Callable[[Value], bool]
MISSING: Any = object()
MAX_DEPTH = 60
MAX_COMBINATIONS = 1000
_MAX_NUMBER = 5_000_000_000
_OPERATORS = frozenset(
    {"prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists"}
)


class PatternError(ValueError):
    """The pattern breaks the language; the message says how."""


def compile_text(text: str) -> Test:
    """The test of a pattern given as JSON text."""
    return compile_pattern(parse(text))


def parse(text: str) -> dict[str, Any]:
    """The pattern as an object; PatternError when the text is none."""
    try:
        pattern = orjson.loads(text)
    except (ValueError, UnicodeError):
        raise PatternError("Filter is not valid JSON") from None
    if not isinstance(pattern, dict):
        raise PatternError("Filter is not an object")
    return pattern


def compile_pattern(pattern: Mapping[str, Any]) -> Test:
    """The test of a pattern: called with an event (a dict), says whether it matches."""
    if not pattern:
        raise PatternError("Empty objects are not allowed")
    if combinations(pattern) > MAX_COMBINATIONS:
        raise PatternError(f"The $or alternatives make more than {MAX_COMBINATIONS} combinations")
    return _object(pattern, 0)


def combinations(pattern: Mapping[str, Any], depth: int = 0) -> int:
    """How many plain patterns the $or alternatives multiply to."""
    if depth > MAX_DEPTH:
        raise PatternError("Nesting is too deep")
    total = 1
    for name, inner in pattern.items():
        if is_or(name, inner):
            total *= sum(combinations(one, depth + 1) for one in inner)
        elif isinstance(inner, Mapping):
            total *= combinations(inner, depth + 1)
    return total


def is_or(name: str, value: Any) -> bool:
    """Whether a member is the $or operator: two or more objects whose names are no operators."""
    if name != "$or" or not isinstance(value, list) or len(value) < 2:
        return False
    return all(isinstance(one, dict) and one and not _OPERATORS & one.keys() for one in value)


def _object(pattern: Mapping[str, Any], depth: int) -> Test:
    if depth > MAX_DEPTH:
        raise PatternError("Nesting is too deep")
    if not pattern:
        raise PatternError("Empty objects are not allowed")
    tests = [_member(name, inner, depth) for name, inner in pattern.items()]
    if len(tests) == 1:
        return tests[0]

    def every(event: Value) -> bool:
        for test in tests:  # noqa: SIM110 - a generator inside all() costs twice the time on this hot path
            if not test(event):
                return False
        return True

    return every


def _member(name: str, inner: Any, depth: int) -> Test:
    if is_or(name, inner):
        ways = [_object(one, depth + 1) for one in inner]
        return lambda event: any(way(event) for way in ways)
    if isinstance(inner, Mapping):
        return _nested(name, _object(inner, depth + 1))
    if isinstance(inner, list):
        return _leaf(name, inner)
    raise PatternError(f'"{name}" must be an object or an array')


def _nested(name: str, test: Test) -> Test:
    def match(event: Value) -> bool:
        value = event.get(name)
        if type(value) is dict:
            return test(value)
        if type(value) is list:
            return _any_object(value, test)
        return test({})

    return match


def _any_object(values: list[Any], test: Test) -> bool:
    objects = [value for value in _flat(values) if type(value) is dict]
    return any(test(value) for value in objects) if objects else test({})


def _leaf(name: str, alternatives: Sequence[Any]) -> Test:
    if not alternatives:
        raise PatternError("Empty arrays are not allowed")
    test = _alternatives(alternatives)

    def match(event: Value) -> bool:
        value = event.get(name, MISSING)
        if type(value) is list:
            leaves = [one for one in _flat(value) if type(one) is not dict]
            return any(test(one) for one in leaves) if leaves else test(MISSING)
        return test(MISSING if type(value) is dict else value)

    return match


def _flat(values: list[Any]) -> list[Any]:
    """The values, those of lists in lists among them; without recursion: events may nest deeper than calls may."""
    found: list[Any] = []
    left = values[::-1]
    while left:
        value = left.pop()
        if type(value) is list:
            left.extend(reversed(value))
        else:
            found.append(value)
    return found


def _alternatives(alternatives: Sequence[Any]) -> Test:
    exact = frozenset(key_of(one) for one in alternatives if not isinstance(one, dict | list))
    if any(isinstance(one, list) for one in alternatives):
        raise PatternError("Arrays inside arrays are not allowed")
    tests = [_operator(one) for one in alternatives if isinstance(one, dict)]
    if exact and all(type(key) is str for key in exact) and not tests:
        return lambda value: type(value) is str and value in exact
    return lambda value: (value is not MISSING and key_of(value) in exact) or any(test(value) for test in tests)


def key_of(value: Any) -> Any:
    """What two scalars have in common when they count as the same: true is not 1, 300 is 300.0."""
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return ("number", value)
    return ("literal", value)


def _operator(one: Mapping[str, Any]) -> Test:
    if len(one) != 1:
        raise PatternError("Only one key allowed in match expression")
    name, operand = next(iter(one.items()))
    if name == "exists":
        return _exists(operand)
    if name == "anything-but":
        return _anything_but(operand)
    if name == "numeric":
        return _numeric(operand)
    if name == "cidr":
        return _cidr(operand)
    if name in _OPERATORS:
        return _text_test(name, operand)
    raise PatternError(f"Unrecognized match type {name}")


def _exists(operand: Any) -> Test:
    if operand is True:
        return lambda value: value is not MISSING
    if operand is False:
        return lambda value: value is MISSING
    raise PatternError("exists match pattern must be either true or false.")


def _text_test(name: str, operand: Any) -> Test:
    if name in ("prefix", "suffix") and isinstance(operand, dict):
        if list(operand) != ["equals-ignore-case"]:
            raise PatternError(f"Unsupported {name} pattern: {next(iter(operand), '')}")
        return _affix(name, _string(name, operand["equals-ignore-case"]).casefold(), fold=True)
    text = _string(name, operand)
    if name in ("prefix", "suffix"):
        return _affix(name, text, fold=False)
    if name == "equals-ignore-case":
        folded = text.casefold()
        return lambda value: type(value) is str and value.casefold() == folded
    return _wildcard(text)


def _string(name: str, operand: Any) -> str:
    if type(operand) is not str:
        raise PatternError(f"{name} match pattern must be a string")
    return operand


def _affix(name: str, text: str, *, fold: bool) -> Test:
    method = str.startswith if name == "prefix" else str.endswith
    if fold:
        return lambda value: type(value) is str and method(value.casefold(), text)
    return lambda value: type(value) is str and method(value, text)


def _wildcard(text: str) -> Test:
    """`*` stands for zero or more characters, a backslash takes the next character as it is."""
    parts: list[str] = []
    current, position = "", 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            if text[position + 1 : position + 2] not in ("*", "\\"):
                raise PatternError(f"Invalid escape character at pos {position}")
            current, position = current + text[position + 1], position + 2
            continue
        if char == "*":
            if position and text[position - 1] == "*" and not current and parts:
                raise PatternError(f"Consecutive wildcard characters at pos {position - 1}")
            parts.append(current)
            current = ""
        else:
            current += char
        position += 1
    parts.append(current)
    return lambda value: type(value) is str and like(value, parts)


def like(value: str, parts: Sequence[str]) -> bool:
    """Whether the value is the parts in order with anything between them."""
    if len(parts) == 1:
        return value == parts[0]
    first, last = parts[0], parts[-1]
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    place, end = len(first), len(value) - len(last)
    for part in parts[1:-1]:
        found = value.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1 or (name := next(iter(operand))) not in (
            "prefix",
            "suffix",
            "wildcard",
            "equals-ignore-case",
        ):
            raise PatternError(f"Unsupported anything-but pattern: {next(iter(operand), '')}")
        tests = [_text_test(name, one) for one in _some(operand[name])]
        return lambda value: value is not MISSING and not any(test(value) for test in tests)
    values = _some(operand)
    if not all(type(one) in (str, int, float) for one in values):
        raise PatternError("Inside anything but list, either all values are strings or numbers")
    refused = frozenset(key_of(one) for one in values)
    return lambda value: value is not MISSING and key_of(value) not in refused


def _some(operand: Any) -> list[Any]:
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise PatternError("Empty arrays are not allowed")
    if any(isinstance(one, list) for one in values):
        raise PatternError("Arrays inside arrays are not allowed")
    return values


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise PatternError("Invalid member in numeric match: it takes an operator and a number, once or twice")
    pairs = [(operand[at], operand[at + 1]) for at in range(0, len(operand), 2)]
    for sign, bound in pairs:
        if type(sign) is not str or sign not in _COMPARISONS:
            raise PatternError(f"Unrecognized numeric range operator: {sign}")
        if type(bound) not in (int, float) or abs(bound) > _MAX_NUMBER:
            raise PatternError(f"Value of {sign} must be numeric, between -{_MAX_NUMBER} and {_MAX_NUMBER}")
    if len(pairs) == 2:
        _check_range(pairs)
    tests = [(_COMPARISONS[sign], bound) for sign, bound in pairs]
    return lambda value: type(value) in (int, float) and all(holds(value, bound) for holds, bound in tests)


def _check_range(pairs: Sequence[tuple[str, float]]) -> None:
    (low, bottom), (high, top) = pairs
    if low not in (">", ">=") or high not in ("<", "<="):
        raise PatternError("Bad numeric range operator: a lower bound comes first, then an upper one")
    if bottom >= top:
        raise PatternError("Bottom must be less than top")


def _cidr(operand: Any) -> Test:
    text = _string("cidr", operand)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PatternError(f"Malformed CIDR, one '/' required: {text}") from None
    if "/" not in text:
        raise PatternError("Malformed CIDR, one '/' required")

    def match(value: Value) -> bool:
        if type(value) is not str or len(value) > 45:
            return False
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return address.version == network.version and address in network

    return match
