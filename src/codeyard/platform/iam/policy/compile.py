"""Statements to closures. A policy's candidates for an action are looked up once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from codeyard.platform.iam.policy.conditions import Holds, compile_condition
from codeyard.platform.iam.policy.document import Document, Statement
from codeyard.platform.iam.policy.patterns import Test, Variable, Wild, glob, simple, tokens
from codeyard.platform.iam.policy.principals import Identity, Names, Reach, compile_principal
from codeyard.platform.iam.policy.request import Request

_KEPT_ACTIONS = 2048


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled statement."""

    deny: bool
    action: Callable[[str], bool]
    resource: Holds | None
    conditions: tuple[Holds, ...]
    names: Names | None
    sid: str
    keys: frozenset[str]
    source: str = ""

    def matches(self, request: Request) -> bool:
        """Whether resource and conditions hold; the action was looked at before."""
        if self.resource is not None and not self.resource(request):
            return False
        for holds in self.conditions:
            if not holds(request):
                return False
        return True


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
        conditions,
        compile_principal(statement),
        statement.sid,
        frozenset(_keys(statement, variables)),
        source,
    )


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
            tests.append(glob(pattern, variables=variables, arn=True))
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
        return any(test(resource, request) for test in tests)

    return holds


class PolicySet:
    """Policies of one kind taken together: a Deny in any denies, an Allow in any allows."""

    __slots__ = ("_by_action", "rules")

    def __init__(self, policies: Iterable[tuple[Rule, ...]] = ()) -> None:
        self.rules = tuple(rule for policy in policies for rule in policy)
        self._by_action: dict[str, tuple[tuple[Rule, ...], tuple[Rule, ...]]] = {}

    def candidates(self, action: str) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """The (denying, allowing) rules whose action matches."""
        found = self._by_action.get(action)
        if found is None:
            chosen = [rule for rule in self.rules if rule.action(action)]
            found = tuple(r for r in chosen if r.deny), tuple(r for r in chosen if not r.deny)
            if len(self._by_action) >= _KEPT_ACTIONS:
                self._by_action.clear()
            self._by_action[action] = found
        return found

    def denies(self, request: Request) -> bool:
        """Whether a statement refuses."""
        return any(rule.matches(request) for rule in self.candidates(request.action)[0])

    def allows(self, request: Request) -> bool:
        """Whether a statement allows."""
        return any(rule.matches(request) for rule in self.candidates(request.action)[1])

    def denies_to(self, request: Request, who: Identity) -> bool:
        """Whether a statement of a resource policy refuses this caller."""
        return any(
            rule.names is not None and rule.names(who) and rule.matches(request)
            for rule in self.candidates(request.action)[0]
        )

    def reach(self, request: Request, who: Identity) -> Reach:
        """How far this resource policy's statements let the caller in."""
        best = Reach.NONE
        for rule in self.candidates(request.action)[1]:
            reach = rule.names(who) if rule.names is not None else Reach.NONE
            if reach > best and rule.matches(request):
                best = reach
        return best

    def matched(self, request: Request) -> list[Rule]:
        """Every rule that speaks for or against, for simulations."""
        denying, allowing = self.candidates(request.action)
        return [rule for rule in (*denying, *allowing) if rule.matches(request)]


def has_wildcard(text: str) -> bool:
    """Whether a resource pattern stands for more than itself."""
    return any(part in (Wild.STAR, Wild.ONE) for part in tokens(text, variables=True))
