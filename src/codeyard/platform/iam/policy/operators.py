"""The families of condition operators: each turns one policy value into a test of one request value."""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from codeyard.platform.iam.policy.patterns import Test, glob, plain_text
from codeyard.platform.iam.policy.request import Request

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*")
Make = Callable[[str, bool], Test]


def _never(value: str, request: Request) -> bool:
    return False


def _equals(text: str, variables: bool) -> Test:
    wanted = plain_text(text, variables=variables)
    return lambda value, request: value == wanted(request)


def _equals_any_case(text: str, variables: bool) -> Test:
    wanted = plain_text(text, variables=variables)

    def test(value: str, request: Request) -> bool:
        found = wanted(request)
        return found is not None and value.lower() == found.lower()

    return test


def _like(text: str, variables: bool) -> Test:
    return glob(text, variables=variables)


def _arn(text: str, variables: bool) -> Test:
    if text == "*":
        return lambda value, request: True
    if text.count(":") < 5:
        return _never
    test = glob(text, variables=variables, arn=True)
    return lambda value, request: value.count(":") >= 5 and test(value, request)


def _bool(text: str, variables: bool) -> Test:
    wanted = text.lower()
    return lambda value, request: value.lower() == wanted


def _binary(text: str, variables: bool) -> Test:
    wanted = _bytes(text)
    return lambda value, request: wanted is not None and _bytes(value) == wanted


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _address(text: str, variables: bool) -> Test:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return _never

    version, mask, start = network.version, int(network.netmask), int(network.network_address)

    def test(value: str, request: Request) -> bool:
        found = _parsed(value)
        return found is not None and found[0] == version and found[1] & mask == start

    return test


@lru_cache(maxsize=256)
def _parsed(address: str) -> tuple[int, int] | None:
    """(version, number) of an address, kept: a request's is held against many networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return found.version, int(found)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _moment(text: str) -> float | None:
    """Seconds since the epoch of an epoch number or an ISO 8601 time (UTC unless it says otherwise)."""
    number = _number(text)
    if number is not None:
        return number
    try:
        found = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()


def _compare(read: Callable[[str], float | None], holds: Callable[[Any, Any], bool]) -> Make:
    def make(text: str, variables: bool) -> Test:
        wanted = read(text)

        def test(value: str, request: Request) -> bool:
            found = read(value)
            return found is not None and wanted is not None and holds(found, wanted)

        return test

    return make


@dataclass(frozen=True, slots=True)
class Operator:
    """How one policy value is tested, and whether the operator is the negation of that."""

    make: Make
    negated: bool = False


_ORDER: Mapping[str, tuple[Callable[[Any, Any], bool], bool]] = MappingProxyType(
    {
        "Equals": (operator.eq, False),
        "NotEquals": (operator.eq, True),
        "LessThan": (operator.lt, False),
        "LessThanEquals": (operator.le, False),
        "GreaterThan": (operator.gt, False),
        "GreaterThanEquals": (operator.ge, False),
    }
)

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "stringequals": Operator(_equals),
        "stringnotequals": Operator(_equals, True),
        "stringequalsignorecase": Operator(_equals_any_case),
        "stringnotequalsignorecase": Operator(_equals_any_case, True),
        "stringlike": Operator(_like),
        "stringnotlike": Operator(_like, True),
        "arnequals": Operator(_arn),
        "arnlike": Operator(_arn),
        "arnnotequals": Operator(_arn, True),
        "arnnotlike": Operator(_arn, True),
        "bool": Operator(_bool),
        "binaryequals": Operator(_binary),
        "ipaddress": Operator(_address),
        "notipaddress": Operator(_address, True),
        **{f"numeric{name}".lower(): Operator(_compare(_number, fn), neg) for name, (fn, neg) in _ORDER.items()},
        **{f"date{name}".lower(): Operator(_compare(_moment, fn), neg) for name, (fn, neg) in _ORDER.items()},
    }
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """An operator as a policy spells it: `ForAnyValue:StringLikeIfExists` taken apart."""

    quantifier: str
    name: str
    if_exists: bool


def spell(text: str) -> Spelling:
    """Take an operator's name apart."""
    quantifier, _colon, name = text.lower().rpartition(":")
    if_exists = name.endswith("ifexists")
    return Spelling(quantifier, name.removesuffix("ifexists"), if_exists)


def is_operator(text: str) -> bool:
    """Whether a policy may use this operator."""
    said = spell(text)
    if said.quantifier not in ("", "foranyvalue", "forallvalues"):
        return False
    if said.name == "null":
        return not said.if_exists and not said.quantifier
    return said.name in OPERATORS
