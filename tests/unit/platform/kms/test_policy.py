"""Key policies: what may be kept, and what would lock everybody out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.kms import policy
from tests.support.rooms import ACCOUNT
from tests.unit.platform.kms.conftest import Keys

GOOD = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}


def document(*statements: Any, **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **top})


@pytest.mark.parametrize(
    "text",
    [
        document(GOOD),
        document(GOOD, Id="mine"),
        document({**GOOD, "Principal": "*"}),
        document({**GOOD, "Principal": {"AWS": ["*", "123456789012", "AROAEXAMPLEEXAMPLE"]}}),
        document({**GOOD, "Principal": {"Service": "logs.us-east-1.amazonaws.com"}}),
        document({**GOOD, "Action": ["kms:Decrypt", "kms:Generate*"]}),
        document({**GOOD, "Condition": {"ForAnyValue:StringLike": {"kms:EncryptionContextKeys": ["a", "b"]}}}),
        document({**GOOD, "Condition": {"Null": {"aws:PrincipalTag/x": True}}}),
        json.dumps({"Version": "2012-10-17", "Statement": GOOD}),
    ],
)
def test_a_policy_that_can_be_judged_by_is_kept(text: str) -> None:
    policy.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 5000,
        document(),
        document("x"),
        document(GOOD, Version="2011-01-01"),
        document(GOOD, Extra=1),
        document(GOOD, Id=3),
        document({**GOOD, "Effect": "Maybe"}),
        document({**GOOD, "Sid": 1}),
        document({**GOOD, "Extra": 1}),
        document({**GOOD, "NotPrincipal": "*"}),
        document({**GOOD, "Principal": {"AWS": "somebody"}}),
        document({**GOOD, "Principal": {"AWS": []}}),
        document({**GOOD, "Principal": {"Nobody": "x"}}),
        document({**GOOD, "Principal": []}),
        document({**GOOD, "Action": "Decrypt"}),
        document({**GOOD, "Action": []}),
        document({**GOOD, "NotAction": "kms:*"}),
        document({**GOOD, "Resource": [1]}),
        document({**GOOD, "Condition": {"NoSuchOperator": {"kms:x": "y"}}}),
        document({**GOOD, "Condition": {"StringEquals": {"nocolon": "y"}}}),
        document({**GOOD, "Condition": {"StringEquals": {"kms:x": {}}}}),
        document({**GOOD, "Condition": []}),
        document(GOOD)[:-1] + ', "Version": "2012-10-17"}',
    ],
)
def test_a_policy_that_cannot_be_judged_by_is_malformed(text: str) -> None:
    with pytest.raises(AwsError, match="MalformedPolicyDocumentException"):
        policy.check(text)


def test_a_policy_has_at_most_32_kilobytes() -> None:
    with pytest.raises(AwsError, match="LimitExceededException"):
        policy.check(document({**GOOD, "Sid": "x" * 33_000}))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (GOOD, True),
        ({**GOOD, "Action": "kms:Put*"}, True),
        ({**GOOD, "Action": ["kms:Decrypt", "*"]}, True),
        ({**GOOD, "Principal": {"AWS": [ACCOUNT]}}, True),
        ({**GOOD, "Action": "kms:Decrypt"}, False),
        ({**GOOD, "Effect": "Deny"}, False),
        ({**GOOD, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, False),
        ({**GOOD, "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}, False),
    ],
)
def test_a_policy_delegates_when_it_lets_the_account_change_it(statement: dict[str, Any], expected: bool) -> None:
    assert policy.delegates(document(statement), ACCOUNT) is expected


def test_the_policy_is_one_named_default(keys: Keys) -> None:
    arn = keys.make()
    assert json.loads(keys.call("GetKeyPolicy", KeyId=arn)["Policy"])["Id"] == "key-default-1"
    assert keys.call("ListKeyPolicies", KeyId=arn)["PolicyNames"] == ["default"]
    keys.call("PutKeyPolicy", KeyId=arn, Policy=document(GOOD, Id="new"), PolicyName="default")
    assert keys.error("GetKeyPolicy", KeyId=arn, PolicyName="other").code == "NotFoundException"


def test_the_door_is_handed_the_policy_of_the_key(keys: Keys) -> None:
    arn = keys.make()
    keys.call("PutKeyPolicy", KeyId=arn, Policy=document(GOOD, Id="handed"))
    keys.call("Encrypt", KeyId=arn, Plaintext=b"x")
    assert keys.rooms.door.asked[-1][1].policy == document(GOOD, Id="handed")
