"""One line of a Condition block, compiled: values are OR-ed (NOR-ed when negated), absent keys follow the rules."""

from __future__ import annotations

from collections.abc import Callable

from codeyard.platform.iam.policy.operators import OPERATORS, spell
from codeyard.platform.iam.policy.patterns import Test
from codeyard.platform.iam.policy.request import Request

Holds = Callable[[Request], bool]


def compile_condition(operator: str, key: str, values: tuple[str, ...], *, variables: bool) -> Holds:
    """The test that one operator makes of one key."""
    said = spell(operator)
    key = key.lower()
    if said.name == "null":
        return _null(key, values)
    chosen = OPERATORS[said.name]
    tests = tuple(chosen.make(value, variables) for value in values)
    if said.quantifier == "forallvalues":
        return _for_all(key, tests, chosen.negated)
    if said.quantifier == "foranyvalue":
        return _for_any(key, tests, chosen.negated, said.if_exists)
    return _plain(key, tests, chosen.negated, said.if_exists)


def _null(key: str, values: tuple[str, ...]) -> Holds:
    wanted = {value.lower() for value in values}
    return lambda request: ("false" if request.values(key) else "true") in wanted


def _matches(tests: tuple[Test, ...], value: str, request: Request) -> bool:
    for test in tests:  # noqa: SIM110 (a generator costs as much as the test itself)
        if test(value, request):
            return True
    return False


def _plain(key: str, tests: tuple[Test, ...], negated: bool, if_exists: bool) -> Holds:
    """Absent: false, or true for a negated operator and with IfExists. Several values: any of them may match."""
    absent = negated or if_exists

    def holds(request: Request) -> bool:
        found = request.keys.get(key)
        if isinstance(found, str):
            for test in tests:
                if test(found, request):
                    return not negated
            return negated
        if not found:
            return absent
        return any(_matches(tests, value, request) for value in found) is not negated

    return holds


def _for_all(key: str, tests: tuple[Test, ...], negated: bool) -> Holds:
    """Every value of the request must hold; of no values that is true, which is this operator's trap."""
    return lambda request: all(_matches(tests, value, request) is not negated for value in _given(request.values(key)))


def _for_any(key: str, tests: tuple[Test, ...], negated: bool, if_exists: bool) -> Holds:
    """One value of the request must hold; of no values that is false, unless IfExists says otherwise."""

    def holds(request: Request) -> bool:
        found = _given(request.values(key))
        if not found:
            return if_exists
        for value in found:  # noqa: SIM110 (a generator costs as much as the test itself)
            if _matches(tests, value, request) is not negated:
                return True
        return False

    return holds


def _given(values: tuple[str, ...]) -> tuple[str, ...]:
    """Set operators take a lone empty value for none at all."""
    return () if values == ("",) else values
