"""Statements to closures. A policy's candidates for an action are looked up once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from codeyard.platform.iam.policy.conditions import Holds, compile_condition
from codeyard.platform.iam.policy.document import Document, Statement
from codeyard.platform.iam.policy.patterns import Test, Variable, completed, glob, simple, tokens
from codeyard.platform.iam.policy.principals import Identity, Names, Reach, compile_principal
from codeyard.platform.iam.policy.request import Request

_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled statement."""

    deny: bool
    action: Callable[[str], bool]
    resource: Holds | None
    conditions: Holds | None
    names: Names | None
    sid: str
    keys: frozenset[str]
    fixed: bool
    source: str = ""

    def matches(self, request: Request) -> bool:
        """Whether resource and conditions hold; the action was looked at before."""
        if self.resource is not None and not self.resource(request):
            return False
        return self.conditions is None or self.conditions(request)


Candidates = tuple[tuple[Rule, ...], tuple[Rule, ...]]


def compile_policy(document: Document, source: str = "") -> tuple[Rule, ...]:
    """The rules of a document; `source` names the policy in simulations."""
    return tuple(_rule(one, document.variables, source) for one in document.statements)


def _rule(statement: Statement, variables: bool, source: str) -> Rule:
    conditions = tuple(
        compile_condition(operator, key, values, variables=variables) for operator, key, values in statement.conditions
    )
    return Rule(
        statement.effect == "Deny",
        _action(statement),
        _resource(statement, variables),
        _together(conditions),
        compile_principal(statement),
        statement.sid,
        frozenset(_keys(statement, variables)),
        _is_fixed(statement, variables),
        source,
    )


def _together(conditions: tuple[Holds, ...]) -> Holds | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None

    def together(request: Request) -> bool:
        for holds in conditions:  # noqa: SIM110 (a generator costs as much as a condition)
            if not holds(request):
                return False
        return True

    return together


def _is_fixed(statement: Statement, variables: bool) -> bool:
    """Whether the resource part looks at nothing but the resource."""
    patterns = (*(statement.resources or ()), *(statement.not_resources or ()))
    return not any(isinstance(one, Variable) for text in patterns for one in tokens(text, variables=variables))


def _keys(statement: Statement, variables: bool) -> Iterator[str]:
    """The condition keys that the statement looks at, variables included."""
    texts = [*(statement.resources or ()), *(statement.not_resources or ())]
    for _, key, values in statement.conditions:
        yield key
        texts.extend(values)
    for text in texts:
        yield from (one.key for one in tokens(text, variables=variables) if isinstance(one, Variable))


def _action(statement: Statement) -> Callable[[str], bool]:
    if statement.actions is not None:
        return _any_action(statement.actions)
    listed = _any_action(statement.not_actions or ())
    return lambda action: not listed(action)


def _any_action(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    nothing = Request("", "")
    lowered = [pattern.lower() for pattern in patterns]
    exact = frozenset(one for one in lowered if "*" not in one and "?" not in one)
    tests = [glob(one, variables=False) for one in lowered if one not in exact]
    return lambda action: action in exact or any(test(action, nothing) for test in tests)


def _resource(statement: Statement, variables: bool) -> Holds | None:
    if statement.resources is not None:
        return None if "*" in statement.resources else _any_resource(statement.resources, variables)
    if statement.not_resources is not None:
        listed = _any_resource(statement.not_resources, variables)
        return lambda request: not listed(request)
    return None


def _any_resource(patterns: tuple[str, ...], variables: bool) -> Holds:
    exact: set[str] = set()
    prefixes: list[str] = []
    tests: list[Test] = []
    for pattern in patterns:
        found = simple(pattern, variables=variables)
        if found is None:
            tests.append(glob(completed(pattern), variables=variables, arn=True))
        elif found[1]:
            prefixes.append(found[0])
        else:
            exact.add(found[0])
    return _resource_test(frozenset(exact), tuple(prefixes), tuple(tests))


def _resource_test(exact: frozenset[str], prefixes: tuple[str, ...], tests: tuple[Test, ...]) -> Holds:
    if not tests:
        return lambda request: request.resource in exact or request.resource.startswith(prefixes)
    if len(tests) == 1 and not exact and not prefixes:
        only = tests[0]
        return lambda request: only(request.resource, request)

    def holds(request: Request) -> bool:
        resource = request.resource
        if resource in exact or resource.startswith(prefixes):
            return True
        for test in tests:  # noqa: SIM110 (a generator costs as much as the test itself)
            if test(resource, request):
                return True
        return False

    return holds


class PolicySet:
    """Policies of one kind taken together: a Deny in any denies, an Allow in any allows.

    Which rules speak of an action, and of an action on a resource, is remembered: both are bounded.
    """

    __slots__ = ("_by_action", "_by_resource", "rules")

    def __init__(self, policies: Iterable[tuple[Rule, ...]] = ()) -> None:
        self.rules = tuple(rule for policy in policies for rule in policy)
        self._by_action: dict[str, tuple[Rule, ...]] = {}
        self._by_resource: dict[tuple[str, str], Candidates] = {}

    def about(self, action: str) -> tuple[Rule, ...]:
        """The rules whose action matches."""
        found = self._by_action.get(action)
        if found is None:
            if len(self._by_action) >= _KEPT:
                self._by_action.clear()
            found = self._by_action[action] = tuple(rule for rule in self.rules if rule.action(action))
        return found

    def candidates(self, request: Request) -> Candidates:
        """The (denying, allowing) rules that the request's action and resource leave over."""
        place = request.action, request.resource
        found = self._by_resource.get(place)
        if found is None:
            denying: list[Rule] = []
            allowing: list[Rule] = []
            for rule in self.about(request.action):
                # A fixed resource part is decided for good; one with variables depends on the caller.
                if rule.resource is None or not rule.fixed or rule.resource(request):
                    (denying if rule.deny else allowing).append(rule)
            found = tuple(denying), tuple(allowing)
            if len(self._by_resource) >= _KEPT:
                self._by_resource.clear()
            self._by_resource[place] = found
        return found

    def denies(self, request: Request) -> bool:
        """Whether a statement refuses."""
        denying = self.candidates(request)[0]
        return bool(denying) and _any(denying, request)

    def allows(self, request: Request) -> bool:
        """Whether a statement allows."""
        return _any(self.candidates(request)[1], request)

    def denies_to(self, request: Request, who: Identity) -> bool:
        """Whether a statement of a resource policy refuses this caller."""
        named = (rule for rule in self.candidates(request)[0] if rule.names is not None and rule.names(who))
        return any(_holds(rule, request) for rule in named)

    def reach(self, request: Request, who: Identity) -> Reach:
        """How far this resource policy's statements let the caller in."""
        best = Reach.NONE
        for rule in self.candidates(request)[1]:
            reach = rule.names(who) if rule.names is not None else Reach.NONE
            if reach > best and _holds(rule, request):
                best = reach
        return best

    def matched(self, request: Request) -> list[Rule]:
        """Every rule that speaks for or against, for simulations."""
        denying, allowing = self.candidates(request)
        return [rule for rule in (*denying, *allowing) if rule.matches(request)]


def _holds(rule: Rule, request: Request) -> bool:
    """What is left to ask of a candidate."""
    if not rule.fixed:
        return rule.matches(request)
    return rule.conditions is None or rule.conditions(request)


def _any(rules: tuple[Rule, ...], request: Request) -> bool:
    for rule in rules:
        if rule.fixed:
            if rule.conditions is None or rule.conditions(request):
                return True
        elif rule.matches(request):
            return True
    return False
