"""What an owner granted beside a policy allows alone; denials and the caller's own limits stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import Principal
from codeyard.platform.iam.policy import Caller, Identity, PolicySet, Request, compile_policy, decide, parse
from tests.unit.platform.iam.bench import ACCOUNT, OTHER, allow, deny

KEY, DECRYPT = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k", "kms:Decrypt"
ANN = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann")
STRANGER = Principal("user", OTHER, f"arn:aws:iam::{OTHER}:user/bob")
NOT_ANN = {"Effect": "Deny", "Principal": {"AWS": ANN.arn}, "Action": "*", "Resource": "*"}
NOTHING = [allow("x:y")]


def made(statements: list[Any], kind: Any = "identity") -> PolicySet:
    return PolicySet([compile_policy(parse(json.dumps({"Version": "2012-10-17", "Statement": statements}), kind))])


@pytest.mark.parametrize(
    ("who", "facts", "expected"),
    [
        (ANN, {}, True),
        (STRANGER, {}, True),
        (ANN, {"policies": [deny("*")]}, False),
        (ANN, {"policy": [NOT_ANN]}, False),
        (ANN, {"boundary": NOTHING}, False),
        (ANN, {"session": NOTHING}, False),
        (ANN, {"guardrail": NOTHING}, False),
    ],
)
def test_a_grant_allows_alone_and_nothing_that_is_denied(who: Principal, facts: dict[str, Any], expected: bool) -> None:
    sets = {name: made(facts[name]) for name in ("boundary", "session") if name in facts}
    guardrails = (made(facts["guardrail"]),) if "guardrail" in facts else ()
    caller = Caller(Identity.of(who), made(facts.get("policies", NOTHING)), guardrails=guardrails, **sets)
    policy = made(
        facts.get("policy", [{**NOT_ANN, "Principal": {"AWS": OTHER}, "Effect": "Allow", "Action": "x:y"}]), "resource"
    )
    request = Request(DECRYPT, KEY)

    assert decide(caller, request, DECRYPT, policy, ACCOUNT, granted=True).allowed is expected
    assert decide(caller, request, DECRYPT, policy, ACCOUNT).allowed is False
