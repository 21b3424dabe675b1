"""A resource policy that could not be judged by is kept nowhere: each service refuses it by its own name."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.support.yard import TestYard
from tests.unit.formats.test_resource_policies import BAD


@pytest.fixture(scope="module")
def doors(module_yard: TestYard) -> dict[str, tuple[str, str, dict[str, Any], str]]:
    """Each operation that keeps a policy: its service, the member that holds it, the rest, and the refusal."""
    call = module_yard.call
    topic = call("sns", "CreateTopic", {"Name": "t"})["TopicArn"]
    call("s3", "CreateBucket", {"Bucket": "bucket"})
    call("secretsmanager", "CreateSecret", {"Name": "s", "SecretString": "x"})
    key = call("kms", "CreateKey")["KeyMetadata"]["KeyId"]
    attribute = {"TopicArn": topic, "AttributeName": "Policy"}
    return {
        "PutPermission": ("events", "Policy", {}, "ValidationException"),
        "SetTopicAttributes": ("sns", "AttributeValue", attribute, "InvalidParameterException"),
        "PutResourcePolicy of logs": ("logs", "policyDocument", {"policyName": "p"}, "InvalidParameterException"),
        "PutResourcePolicy": (
            "secretsmanager",
            "ResourcePolicy",
            {"SecretId": "s"},
            "MalformedPolicyDocumentException",
        ),
        "PutBucketPolicy": ("s3", "Policy", {"Bucket": "bucket"}, "MalformedPolicy"),
        "PutKeyPolicy": (
            "kms",
            "Policy",
            {"KeyId": key, "PolicyName": "default"},
            "MalformedPolicyDocumentException",
        ),
    }


@pytest.mark.parametrize("what", [name for name in BAD if name != "too deep"])
def test_every_door_refuses(module_yard: TestYard, doors: dict[str, Any], what: str) -> None:
    said = {}
    for name, (service, member, rest, expected) in doors.items():
        try:
            module_yard.call(service, name.partition(" ")[0], {**rest, member: BAD[what]})
            said[name] = "nothing"
        except AwsError as refusal:
            if refusal.code != expected:
                said[name] = refusal.code
    assert not said
