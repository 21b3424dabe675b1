"""Simulations: what would these policies decide? So that users can test them before they count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from codeyard.contract import AwsError, Context, Params, Principal
from codeyard.platform.iam import errors
from codeyard.platform.iam.api.base import Answer, Room, find_group, sliced
from codeyard.platform.iam.callers import Callers, Compiler, Holdings, principal_keys
from codeyard.platform.iam.door import user_principal
from codeyard.platform.iam.model import Role, User
from codeyard.platform.iam.policy import Caller, Identity, PolicySet, Request, decide, parse
from codeyard.platform.iam.policy.compile import Rule
from codeyard.platform.iam.policy.request import Values
from codeyard.platform.iam.store import entities, policies
from codeyard.storage import Tx

_SOURCE = re.compile(r"arn:aws:iam::(\d{12}):(user|group|role)/(?:.*/)?([\w+=,.@-]+)")
Sources = list[tuple[str, str]]


class Simulations(Room):
    """Operations that decide without doing."""

    def simulate_custom_policy(self, ctx: Context, req: Params) -> Answer:
        """Decide by the policies given."""
        nobody = Principal("user", ctx.account, req.get("CallerArn") or f"arn:aws:iam::{ctx.account}:user/simulated")
        held = Holdings((), None)
        return self._simulate(ctx, req, nobody, held)

    def simulate_principal_policy(self, ctx: Context, req: Params) -> Answer:
        """Decide by the policies of a user, group or role, and those given beside."""

        def look(tx: Tx) -> tuple[Principal, Holdings]:
            return self._source(tx, ctx, req["PolicySourceArn"])

        return self._simulate(ctx, req, *self._read(look))

    def get_context_keys_for_custom_policy(self, ctx: Context, req: Params) -> Answer:
        """The condition keys that policies look at, those in their variables included."""
        return {"ContextKeyNames": _key_names(_given(req))}

    def get_context_keys_for_principal_policy(self, ctx: Context, req: Params) -> Answer:
        """The condition keys that the policies of a user (its groups' too), group or role look at, and those given."""
        _, held = self._read(lambda tx: self._source(tx, ctx, req["PolicySourceArn"]))
        return {"ContextKeyNames": _key_names([*held.documents, *_given(req)])}

    def _source(self, tx: Tx, ctx: Context, arn: str) -> tuple[Principal, Holdings]:
        named = _SOURCE.fullmatch(arn)
        if named is None or named.group(1) != ctx.account:
            raise errors.invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
        _, kind, name = named.groups()
        callers = Callers(self.kit.db, self.aws, Compiler())
        if kind == "group":
            group = find_group(tx, ctx, name)
            found = [(n, d) for _, n, d in policies.inline_policies(tx, [group.id])]
            found += callers.documents(tx, [a for _, a in policies.attached(tx, [group.id])])
            return Principal("user", ctx.account, arn), Holdings(tuple(found), None)
        entity: User | Role | None = (entities.user if kind == "user" else entities.role)(tx, ctx.account, name)
        if entity is None:
            raise errors.no_such(f"The {kind} with name {name} cannot be found.")
        principal = (
            user_principal(entity) if isinstance(entity, User) else Principal("role", ctx.account, arn, role_arn=arn)
        )
        return principal, callers.holdings(tx, entity)

    def _simulate(self, ctx: Context, req: Params, principal: Principal, held: Holdings) -> Answer:
        given = _given(req)
        bounds = [(f"PermissionsBoundaryPolicyInputList.{n}", text)
                  for n, text in enumerate(req.get("PermissionsBoundaryPolicyInputList") or (), 1)]  # fmt: skip
        if bounds == [] and held.boundary is not None:
            bounds = [held.boundary]
        for _, text in bounds:
            _checked(text, "PermissionsBoundaryPolicyInputList")
        boundary = _set(bounds) if bounds else None
        caller = Caller(Identity.of(principal), _set([*held.documents, *given]), boundary)
        keys = principal_keys(principal, held.tags) | _context(req.get("ContextEntries") or ())
        resources = req.get("ResourceArns") or ["*"]
        owner = _owner(req, ctx)
        policy = _resource_policy(req)
        results = [
            _result(caller, action, resource, keys, policy, owner)
            for action in req["ActionNames"]
            for resource in resources
        ]
        numbered = list(enumerate(results))
        shown, more = sliced(req, numbered, lambda one: f"{one[0]:06d}")
        return {"EvaluationResults": [result for _, result in shown], **more}


def _given(req: Params) -> Sources:
    """The policies that a request brings, checked."""
    given = [(f"PolicyInputList.{n}", text) for n, text in enumerate(req.get("PolicyInputList") or (), 1)]
    for _, text in given:
        _checked(text, "PolicyInputList")
    return given


def _key_names(sources: Sources) -> list[str]:
    found = {key.lower(): key for rule in _set(sources).rules for key in rule.keys}
    return sorted(found.values(), key=str.lower)


def _checked(text: str, member: str) -> None:
    try:
        parse(text, "identity")
    except AwsError as error:
        raise errors.invalid(f"Invalid {member}: {error.message}") from None


def _set(sources: Iterable[tuple[str, str]]) -> PolicySet:
    compiler = Compiler()
    return PolicySet(compiler.rules(text, "identity", source) for source, text in sources)


def _owner(req: Params, ctx: Context) -> str:
    owner = str(req.get("ResourceOwner") or "")
    found = re.search(r"\d{12}", owner)
    return found.group() if found else ctx.account


def _resource_policy(req: Params) -> PolicySet | None:
    text = req.get("ResourcePolicy")
    if not text:
        return None
    parse(text, "resource")
    return PolicySet([Compiler().rules(text, "resource", "ResourcePolicy")])


def _context(entries: Sequence[Params]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for entry in entries:
        name, values = entry.get("ContextKeyName"), list(entry.get("ContextKeyValues") or ())
        if name:
            listed = str(entry.get("ContextKeyType") or "").endswith("List")
            found[name.lower()] = values[0] if len(values) == 1 and not listed else tuple(values)
    return found


def _result(
    caller: Caller, action: str, resource: str, keys: dict[str, Values], policy: PolicySet | None, owner: str
) -> Answer:
    request = Request(action, resource, keys)
    decision = decide(caller, request, action, policy, owner)
    sets = [one for one in (caller.policies, caller.boundary, policy) if one is not None]
    matched = [rule for one in sets for rule in one.matched(request)]
    explicit = not decision.allowed and "explicit deny" in decision.message
    result: Answer = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": "allowed" if decision.allowed else "explicitDeny" if explicit else "implicitDeny",
        "MatchedStatements": [_statement(rule, caller.identity.kind) for rule in matched if rule.deny or not explicit],
        "MissingContextValues": sorted(_missing(sets, request)),
    }
    if caller.boundary is not None:
        allowed = caller.boundary.allows(request) and not caller.boundary.denies(request)
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _statement(rule: Rule, kind: str) -> Answer:
    source = rule.source
    if source == "ResourcePolicy":
        kind = "resource"
    elif source.startswith("arn:aws:iam::"):
        kind = "aws-managed" if source.startswith("arn:aws:iam::aws:") else "user-managed"
    elif "InputList." in source:
        kind = "none"
    return {"SourcePolicyId": source, "SourcePolicyType": kind}


def _missing(sets: Iterable[PolicySet], request: Request) -> set[str]:
    """Keys that statements of the action look at and the simulation was not told."""
    names = {name for one in sets for rule in one.about(request.action) for name in rule.keys}
    return {name for name in names if not request.values(name.lower())}
