"""What KMS does by itself is on the trail, as service events, and on the event bus."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.support.yard import TestYard

DAY = 86_400


def told(yard: TestYard, name: str) -> list[dict[str, Any]]:
    """The trail's records of that name, oldest first; asked in process, since clients sign by the machine's clock."""
    asked = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]}
    found = yard.call("cloudtrail", "LookupEvents", asked)["Events"]
    return [json.loads(one["CloudTrailEvent"]) for one in reversed(found)]


def pass_days(yard: TestYard, days: int) -> None:
    yard.clock.advance(days * DAY + 1)
    yard.settle()


def test_a_deletion_that_falls_due_is_told_once_as_awss_own_doing(yard: TestYard) -> None:
    key = yard.call("kms", "CreateKey")["KeyMetadata"]
    yard.call("kms", "ScheduleKeyDeletion", {"KeyId": key["KeyId"], "PendingWindowInDays": 7})
    pass_days(yard, 6)
    assert told(yard, "DeleteKey") == []
    pass_days(yard, 2)
    (record,) = told(yard, "DeleteKey")
    assert record["eventType"] == "AwsServiceEvent"
    assert record["userIdentity"] == {"accountId": yard.account, "invokedBy": "AWS Internal"}
    assert record["sourceIPAddress"] == "AWS Internal"
    assert record["resources"] == [{"accountId": yard.account, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
    assert record["serviceEventDetails"] == {"keyId": key["KeyId"]}
    by_name = {"LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": key["Arn"]}]}
    assert "DeleteKey" in [one["EventName"] for one in yard.call("cloudtrail", "LookupEvents", by_name)["Events"]]


def test_each_rotation_by_the_clock_is_told_with_the_materials(yard: TestYard) -> None:
    key = yard.call("kms", "CreateKey")["KeyMetadata"]
    yard.call("kms", "EnableKeyRotation", {"KeyId": key["KeyId"], "RotationPeriodInDays": 90})
    pass_days(yard, 90)
    (first,) = (one["serviceEventDetails"] for one in told(yard, "RotateKey"))
    pass_days(yard, 90)
    second = told(yard, "RotateKey")[-1]["serviceEventDetails"]  # the trail is asked about 90 days
    assert (first["keyId"], first["rotationType"], first["keyOrigin"]) == (key["KeyId"], "AUTOMATIC", "AWS_KMS")
    assert first["previousKeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert second["previousKeyMaterialId"] == first["currentKeyMaterialId"]
    now = yard.call("kms", "DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
    assert second["currentKeyMaterialId"] == now["CurrentKeyMaterialId"]


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("Encrypt", {"Plaintext": b"secret"}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("GenerateMac", {"Message": b"secret", "MacAlgorithm": "HMAC_SHA_256"}),
        ("VerifyMac", {"Message": b"secret", "MacAlgorithm": "HMAC_SHA_256", "Mac": b"secret" * 6}),
        ("Sign", {"Message": b"secret", "SigningAlgorithm": "ECDSA_SHA_256"}),
        ("Verify", {"Message": b"secret", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": b"secret"}),
        ("Decrypt", {"CiphertextBlob": b"secret"}),
    ],
)
def test_no_record_holds_what_was_encrypted_signed_or_opened(
    module_yard: TestYard, operation: str, more: dict[str, Any]
) -> None:
    use = {"Mac": ("HMAC_256", "GENERATE_VERIFY_MAC"), "ign": ("ECC_NIST_P256", "SIGN_VERIFY")}
    use["erify"] = use["ign"]
    spec, usage = next((v for k, v in use.items() if operation.endswith(k)), ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"))
    key = module_yard.call("kms", "CreateKey", {"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"]["KeyId"]
    with contextlib.suppress(AwsError):  # a ciphertext, MAC or signature that is none: refusals are recorded too
        module_yard.call("kms", operation, {"KeyId": key, **more})
    module_yard.yard.gateway.auditor.flush()
    record = told(module_yard, operation)[-1]
    asked = record["requestParameters"]
    shown = {name[:1].lower() + name[1:]: value for name, value in more.items() if not isinstance(value, bytes)}
    assert asked == {"keyId": key, **shown}
