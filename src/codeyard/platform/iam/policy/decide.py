"""The decision: AWS's evaluation order over compiled policies, and its refusals in AWS's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from codeyard.platform.iam.policy.compile import PolicySet
from codeyard.platform.iam.policy.principals import Identity, Reach
from codeyard.platform.iam.policy.request import Request

# These need the role's trust policy and the caller's own policies to agree, even inside one account.
_BOTH = frozenset({"sts:tagsession", "sts:setsourceidentity"})


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer; `message` says why not, `encoded` the same with every reason, sealed."""

    allowed: bool
    message: str = ""
    encoded: str = ""


ALLOWED = Decision(True)


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal with the policies that bind it. `guardrails` are organizations' levels: each must allow."""

    identity: Identity
    policies: PolicySet = field(default_factory=PolicySet)
    boundary: PolicySet | None = None
    session: PolicySet | None = None
    guardrails: tuple[PolicySet, ...] = ()


def decide(
    caller: Caller, request: Request, action: str, policy: PolicySet | None, owner: str, *, granted: bool = False
) -> Decision:
    """Whether the caller may; `policy` is the resource's own, `owner` the account that the resource belongs to.

    What the owner `granted` beside the policy needs no policy to allow it, in the caller's own account neither.
    """
    reason = _denied(caller, request, policy) or _unallowed(caller, request, policy, owner, granted)
    if reason is None:
        return ALLOWED
    if caller.identity.kind == "webidentity":
        return Decision(False, f"Not authorized to perform {action}")
    who = "anonymous" if caller.identity.kind == "anonymous" else caller.identity.arn
    because = reason.format(action=action)
    return Decision(
        False, f"User: {who} is not authorized to perform: {action} on resource: {request.resource} {because}"
    )


def _denied(caller: Caller, request: Request, policy: PolicySet | None) -> str | None:
    """An explicit deny in any policy that applies."""
    if any(level.denies(request) for level in caller.guardrails):
        return "with an explicit deny in a service control policy"
    if policy is not None and policy.denies_to(request, caller.identity):
        return "with an explicit deny in " + ("the role trust policy" if _trust(request) else "a resource-based policy")
    if caller.policies.denies(request):
        return "with an explicit deny in an identity-based policy"
    if caller.boundary is not None and caller.boundary.denies(request):
        return "with an explicit deny in a permissions boundary"
    if caller.session is not None and caller.session.denies(request):
        return "with an explicit deny in a session policy"
    return None


def _unallowed(caller: Caller, request: Request, policy: PolicySet | None, owner: str, granted: bool) -> str | None:
    """Why nothing allows it, or None when something does."""
    if not all(level.allows(request) for level in caller.guardrails):
        return _none("service control policy")
    if granted:
        return _limits(caller, request)
    who = caller.identity
    reach = Reach.NONE if policy is None else policy.reach(request, who)
    needs_policy = _trust(request) or request.action in _BOTH or _key_policy(request, policy)
    if who.kind in ("service", "anonymous", "webidentity"):
        return None if reach else _no_resource_policy(request)
    foreign = who.account != owner
    if reach is Reach.NONE and (foreign or needs_policy) and not _own_root(who, request, foreign):
        return _no_resource_policy(request)
    if who.kind == "root":
        return None
    if not foreign and reach >= Reach.LIMITED and request.action not in _BOTH:
        return None if reach is Reach.DIRECT else _limits(caller, request)
    if not caller.policies.allows(request):
        return _none("identity-based policy")
    return _limits(caller, request)


def _own_root(who: Identity, request: Request, foreign: bool) -> bool:
    """An account's root needs nobody's leave in its own account, save a key's or a role's own policy."""
    return who.kind == "root" and not foreign and not _trust(request) and not request.action.startswith("kms:")


def _limits(caller: Caller, request: Request) -> str | None:
    if caller.boundary is not None and not caller.boundary.allows(request):
        return _none("permissions boundary")
    if caller.session is not None and not caller.session.allows(request):
        return _none("session policy")
    return None


def _key_policy(request: Request, policy: PolicySet | None) -> bool:
    """A key's policy always counts: identity policies only where it delegates to the account."""
    return policy is not None and request.action.startswith("kms:")


def _trust(request: Request) -> bool:
    return request.action.startswith("sts:assumerole")


def _no_resource_policy(request: Request) -> str:
    trust = _trust(request) or request.action in _BOTH
    return _none("role trust policy" if trust else "resource-based policy")


def _none(kind: str) -> str:
    return f"because no {kind} allows the {{action}} action"
