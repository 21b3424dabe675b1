"""What is no policy, and how IAM says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.iam.policy import parse
from codeyard.platform.iam.policy.document import Kind
from tests.unit.platform.iam.bench import allow

SYNTAX = "Syntax errors in policy."
TRUST = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def refused(text: str, kind: Kind = "identity") -> str:
    """The message that refuses the text."""
    with pytest.raises(AwsError) as problem:
        parse(text, kind)
    assert problem.value.code == "MalformedPolicyDocumentException"
    return problem.value.message


def of(statement: Any, version: Any = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": statement})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", SYNTAX),
        ("[]", SYNTAX),
        ("[" * 100_000, SYNTAX),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
        (of([]), SYNTAX),
        (of([7]), SYNTAX),
        (of(allow("s3:*"), "2020-01-01"), SYNTAX),
        (of(allow("s3:*"), "2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (of({**allow("s3:*"), "Effect": "Maybe"}), SYNTAX),
        (of({**allow("s3:*"), "Extra": 1}), SYNTAX),
        (of({**allow("s3:*"), "NotAction": "s3:*"}), SYNTAX),
        (of({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (of({"Effect": "Allow", "Action": "s3:*"}), "Policy statement must contain resources."),
        (of(allow("ListUsers")), VENDOR),
        (of(allow("s 3:*")), "Vendor s 3 is not valid"),
        (of(allow("s3:*", on="bucket")), 'Resource bucket must be in ARN format or "*".'),
        (of([{**allow("s3:*"), "Sid": "a"}] * 2), "Statement IDs (SID) in a single policy must be unique."),
        (of({**allow("s3:*"), "Principal": "*"}), "Policy document should not specify a principal."),
        (of(allow("s3:*", Condition={"StringIs": {"a:b": "c"}})), "Invalid Condition type : StringIs."),
        (of(allow("s3:*", Condition={"NullIfExists": {"a:b": "true"}})), "Invalid Condition type : NullIfExists."),
        (of(allow("s3:*", Condition={"StringEquals": {"b": "c"}})), VENDOR),
        (of(allow("s3:*", Condition={"StringEquals": {"a:b": {}}})), SYNTAX),
        (of(allow("s3:*", Condition=[])), SYNTAX),
    ],
)
def test_an_identity_policy_is_refused_with_its_reason(text: str, message: str) -> None:
    assert refused(text) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({**TRUST, "Resource": "*"}, "Has prohibited field Resource"),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ({**TRUST, "Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({**TRUST, "Principal": {"AWS": "ann"}}, 'Invalid principal in policy: "AWS":"ann"'),
        (
            {**TRUST, "Principal": {"AWS": "arn:aws:iam::1:user/*"}},
            'Invalid principal in policy: "AWS":"arn:aws:iam::1:user/*"',
        ),
        ({**TRUST, "Principal": {"Anyone": "x"}}, SYNTAX),
        ({**TRUST, "Principal": {}}, SYNTAX),
    ],
)
def test_a_trust_policy_is_refused_with_its_reason(statement: Any, message: str) -> None:
    assert refused(of(statement), "trust") == message


def test_what_is_a_policy_is_read() -> None:
    document = parse(of(allow("s3:*", Condition={"Bool": {"aws:SecureTransport": True}})))
    assert document.statements[0].conditions == (("Bool", "aws:SecureTransport", ("true",)),)
    assert parse(of([TRUST, {**TRUST, "Principal": {"AWS": "111122223333"}}]), "trust").variables
    assert not parse(of({**TRUST, "Action": "s3:*", "Principal": "*"}, "2008-10-17"), "resource").variables
