"""The evaluation order, as tables: who is let in by what, and what limits it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import Principal
from codeyard.platform.iam.policy import Caller, Identity, PolicySet, Request, compile_policy, decide, parse
from tests.unit.platform.iam.bench import ACCOUNT, OTHER, allow, deny

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
USER_WHO = Principal("user", ACCOUNT, USER)
ROLE_WHO = Principal("role", ACCOUNT, SESSION, role_arn=ROLE)
PULL, REPO = "codecommit:GitPull", f"arn:aws:codecommit:us-east-1:{ACCOUNT}:demo"
YES, NO = [allow("*")], [deny("*")]
NOTHING = [allow("x:y")]


def to(principal: Any, **more: Any) -> dict[str, Any]:
    """A resource policy's statement that allows a principal."""
    return {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", **more}


def outcome(
    who: Principal,
    *,
    own: list[Any] | None = None,
    boundary: list[Any] | None = None,
    session: list[Any] | None = None,
    resource: list[Any] | None = None,
    guardrails: list[list[Any]] = [],  # noqa: B006 (never changed)
    owner: str = ACCOUNT,
    action: str = PULL,
    arn: str = REPO,
) -> str:
    """`ok`, or the reason of the refusal."""

    def made(statements: list[Any], kind: Any = "identity") -> PolicySet:
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return PolicySet([compile_policy(parse(text, kind))])

    caller = Caller(
        Identity.of(who),
        made(own) if own else PolicySet(),
        None if boundary is None else made(boundary),
        None if session is None else made(session),
        tuple(made(level) for level in guardrails),
    )
    policy = None if resource is None else made(resource, "resource")
    found = decide(caller, Request(action, arn), action, policy, owner)
    return "ok" if found.allowed else found.message.partition(f"{arn} ")[2].replace(f" the {action} action", "")


IDENTITY, BOUNDARY = "because no identity-based policy allows", "because no permissions boundary allows"
SESSION_POLICY, RESOURCE = "because no session policy allows", "because no resource-based policy allows"
SCP = "because no service control policy allows"
TRUST = "because no role trust policy allows"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, IDENTITY),
        ({"own": YES}, "ok"),
        ({"own": YES + NO}, "with an explicit deny in an identity-based policy"),
        ({"own": YES, "boundary": NO}, "with an explicit deny in a permissions boundary"),
        ({"own": YES, "session": NO}, "with an explicit deny in a session policy"),
        ({"own": YES, "guardrails": [NO]}, "with an explicit deny in a service control policy"),
        ({"own": YES, "boundary": NOTHING}, BOUNDARY),
        ({"own": YES, "boundary": YES}, "ok"),
        ({"own": YES, "session": NOTHING}, SESSION_POLICY),
        ({"boundary": YES, "session": YES}, IDENTITY),
        ({"own": YES, "guardrails": [YES, NOTHING]}, SCP),
        ({"own": YES, "guardrails": [YES, YES]}, "ok"),
        ({"own": YES, "resource": [{**to("*"), "Effect": "Deny"}]}, "with an explicit deny in a resource-based policy"),
    ],
)
def test_a_deny_anywhere_refuses_and_every_limit_must_allow(facts: dict[str, Any], expected: str) -> None:
    assert outcome(ROLE_WHO, **facts) == expected


@pytest.mark.parametrize(
    ("who", "principal", "limits", "expected"),
    [
        (USER_WHO, {"AWS": USER}, {}, "ok"),
        (USER_WHO, {"AWS": USER}, {"boundary": NOTHING}, "ok"),
        (USER_WHO, {"AWS": ACCOUNT}, {}, IDENTITY),
        (USER_WHO, {"AWS": ROOT}, {}, IDENTITY),
        (USER_WHO, {"AWS": ROOT}, {"own": YES}, "ok"),
        (USER_WHO, {"AWS": USER + "x"}, {}, IDENTITY),
        (ROLE_WHO, {"AWS": SESSION}, {}, "ok"),
        (ROLE_WHO, {"AWS": SESSION}, {"boundary": NOTHING, "session": NOTHING}, "ok"),
        (ROLE_WHO, {"AWS": SESSION}, {"session": NO}, "with an explicit deny in a session policy"),
        (ROLE_WHO, {"AWS": ROLE}, {}, "ok"),
        (ROLE_WHO, {"AWS": ROLE}, {"boundary": NOTHING}, BOUNDARY),
        (ROLE_WHO, {"AWS": ROLE}, {"session": NOTHING}, SESSION_POLICY),
        (ROLE_WHO, {"AWS": ROLE}, {"boundary": YES, "session": YES}, "ok"),
        (ROLE_WHO, "*", {"session": NOTHING}, SESSION_POLICY),
        (ROLE_WHO, "*", {}, "ok"),
        (ROLE_WHO, {"Service": "events.amazonaws.com"}, {}, IDENTITY),
    ],
)
def test_in_one_account_a_resource_policy_grants_as_far_as_it_names_the_caller(
    who: Principal, principal: Any, limits: dict[str, Any], expected: str
) -> None:
    assert outcome(who, resource=[to(principal)], **limits) == expected


@pytest.mark.parametrize(
    ("who", "principal", "own", "expected"),
    [
        (USER_WHO, {"AWS": USER}, None, IDENTITY),
        (USER_WHO, {"AWS": USER}, YES, "ok"),
        (USER_WHO, {"AWS": ACCOUNT}, YES, "ok"),
        (USER_WHO, {"AWS": OTHER}, YES, RESOURCE),
        (USER_WHO, None, YES, RESOURCE),
        (ROLE_WHO, {"AWS": SESSION}, None, IDENTITY),
        (ROLE_WHO, {"AWS": ROLE}, YES, "ok"),
        (Principal("root", ACCOUNT, ROOT), {"AWS": ACCOUNT}, None, "ok"),
        (Principal("root", ACCOUNT, ROOT), None, None, RESOURCE),
    ],
)
def test_across_accounts_both_sides_must_allow(who: Principal, principal: Any, own: Any, expected: str) -> None:
    resource = None if principal is None else [to(principal)]
    assert outcome(who, own=own, resource=resource, owner=OTHER) == expected


@pytest.mark.parametrize(
    ("principal", "own", "expected"),
    [
        ({"AWS": OTHER}, YES, RESOURCE),
        ({"AWS": ACCOUNT}, None, IDENTITY),
        ({"AWS": ACCOUNT}, YES, "ok"),
        ({"AWS": USER}, None, "ok"),
    ],
)
def test_a_keys_policy_is_always_needed(principal: Any, own: Any, expected: str) -> None:
    assert outcome(USER_WHO, own=own, resource=[to(principal)], action="kms:Decrypt", arn=KEY) == expected


@pytest.mark.parametrize(
    ("action", "principal", "own", "expected"),
    [
        ("sts:AssumeRole", {"AWS": USER}, None, "ok"),
        ("sts:AssumeRole", {"AWS": ROOT}, None, IDENTITY),
        ("sts:AssumeRole", {"AWS": ROOT}, YES, "ok"),
        ("sts:AssumeRole", {"AWS": OTHER}, YES, TRUST),
        ("sts:AssumeRole", None, YES, TRUST),
        ("sts:TagSession", {"AWS": USER}, None, IDENTITY),
        ("sts:TagSession", {"AWS": USER}, YES, "ok"),
        ("sts:TagSession", {"AWS": OTHER}, YES, TRUST),
    ],
)
def test_a_role_is_assumed_by_its_trust_policy(action: str, principal: Any, own: Any, expected: str) -> None:
    trust = None if principal is None else [{"Effect": "Allow", "Principal": principal, "Action": "sts:*"}]
    assert outcome(USER_WHO, own=own, resource=trust, action=action, arn=ROLE) == expected


@pytest.mark.parametrize(
    ("who", "named", "expected"),
    [
        (ROLE_WHO, [SESSION], "with an explicit deny in a resource-based policy"),
        (ROLE_WHO, [ROLE, SESSION], "with an explicit deny in a resource-based policy"),
        (ROLE_WHO, [ROOT, ROLE, SESSION], "ok"),
        (USER_WHO, [USER], "with an explicit deny in a resource-based policy"),
        (USER_WHO, [ACCOUNT, USER], "ok"),
        (Principal("root", ACCOUNT, ROOT), [ROOT], "ok"),
    ],
)
def test_not_principal_with_deny_spares_only_who_is_named_in_full(
    who: Principal, named: list[str], expected: str
) -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": named}, "Action": "*", "Resource": "*"}
    assert outcome(who, own=YES, resource=[statement]) == expected


def test_not_action_allows_all_but_those_named() -> None:
    own = [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]
    assert outcome(USER_WHO, own=own) == "ok"
    assert outcome(USER_WHO, own=own, action="iam:CreateUser") == IDENTITY


def test_not_resource_denies_all_but_those_named() -> None:
    own = [*YES, {"Effect": "Deny", "Action": "*", "NotResource": [REPO]}]
    assert outcome(USER_WHO, own=own) == "ok"
    assert "explicit deny" in outcome(USER_WHO, own=own, arn=REPO + "2")


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/c:d", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/", False),
        ("arn:aws:s3:::B/x", "arn:aws:s3:::b/x", False),
        ("arn:aws:codecommit:*:demo", REPO, False),
        ("arn:aws:codecommit:*:*:demo", REPO, True),
        ("arn:aws:codecommit", REPO, True),
        ("arn:aws:codecommit:us-east-1", REPO, True),
        ("arn:aws:code", REPO, False),
        ("arn:aws:code*", REPO, True),
        ("arn:aws:*:us-east-1:*:demo", REPO, True),
        ("arn:aws:code*t:us-*:1111*:d?mo", REPO, True),
        ("arn:aws:s3:::b/*a*b*c", "arn:aws:s3:::b/xaxbxxc", True),
        ("arn:aws:s3:::b/*a*b*c", "arn:aws:s3:::b/xbxaxxc", False),
        ("*", "*", True),
        ("arn:aws:s3:::b", "*", False),
    ],
)
def test_wildcards_cross_slashes_but_not_an_arns_parts(pattern: str, resource: str, expected: bool) -> None:
    assert (outcome(USER_WHO, own=[allow("*", on=pattern)], arn=resource) == "ok") is expected


def test_actions_are_matched_without_regard_to_case() -> None:
    assert outcome(USER_WHO, own=[allow("CodeCommit:gitP*")]) == "ok"


def test_a_policy_full_of_stars_does_not_make_the_server_hang() -> None:
    pattern = "arn:aws:s3:::" + "*a" * 60 + "*b"
    assert outcome(USER_WHO, own=[allow("*", on=pattern)], arn="arn:aws:s3:::" + "a" * 2000) == IDENTITY
