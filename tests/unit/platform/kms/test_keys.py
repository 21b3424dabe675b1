"""Keys: how they are made, found, disabled, deleted, rotated, named and tagged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.kms.specs import SPECS
from tests.support.rooms import ACCOUNT, REGION
from tests.unit.platform.kms.conftest import Keys

NOWHERE = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CRYPTOGRAPHIC: list[tuple[str, dict[str, Any]]] = [
    ("Encrypt", {"Plaintext": b"x"}),
    ("GenerateDataKey", {"KeySpec": "AES_256"}),
    ("GenerateDataKeyPair", {"KeyPairSpec": "ECC_NIST_P256"}),
    ("CreateGrant", {"Operations": ["Decrypt"], "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/bob"}),
]


def facts(keys: Keys, given: str) -> dict[str, Any]:
    found: dict[str, Any] = keys.call("DescribeKey", KeyId=given)["KeyMetadata"]
    return found


@pytest.mark.parametrize("spec", [one.name for one in SPECS.values() if one.size != 4096])
def test_a_key_of_every_spec_and_usage_tells_its_algorithms(keys: Keys, spec: str) -> None:
    for usage in SPECS[spec].usages:
        found = facts(keys, keys.make(spec, usage))
        assert (found["KeySpec"], found["KeyUsage"], found["KeyState"], found["Enabled"]) == (
            spec,
            usage,
            "Enabled",
            True,
        )
        lists = [value for name, value in found.items() if name.endswith("Algorithms")]
        assert lists == [list(SPECS[spec].algorithms[usage])]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"KeySpec": "RSA_2048"}, "ValidationException"),
        ({"KeySpec": "RSA_2048", "KeyUsage": "GENERATE_VERIFY_MAC"}, "ValidationException"),
        ({"KeyUsage": "SIGN_VERIFY"}, "ValidationException"),
        ({"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"}, "ValidationException"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
        ({"MultiRegion": True}, "NotImplemented"),
        ({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1"}, "NotImplemented"),
        ({"Tags": [{"TagKey": "aws:x", "TagValue": ""}]}, "TagException"),
        ({"Tags": [{"TagKey": "x", "TagValue": "1"}, {"TagKey": "x", "TagValue": "2"}]}, "TagException"),
        ({"Tags": [{"TagKey": f"t{n}", "TagValue": ""} for n in range(51)]}, "LimitExceededException"),
    ],
)
def test_a_key_that_cannot_be_is_refused(keys: Keys, asked: dict[str, Any], code: str) -> None:
    assert keys.error("CreateKey", **asked).code == code


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (NOWHERE, f"Key '{NOWHERE}' does not exist"),
        (NOWHERE.rpartition("/")[2], f"Key '{NOWHERE}' does not exist"),
        ("alias/none", f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found."),
        ("nonsense", "Invalid keyId 'nonsense'"),
        (NOWHERE.replace(REGION, "eu-west-1"), "Invalid arn eu-west-1"),
    ],
)
def test_a_key_that_is_not_there_is_not_found(keys: Keys, given: str, message: str) -> None:
    error = keys.error("DescribeKey", KeyId=given)
    assert (error.code, error.message) == ("NotFoundException", message)


def test_a_key_is_found_by_id_arn_alias_and_alias_arn(keys: Keys) -> None:
    arn = keys.make()
    keys.call("CreateAlias", AliasName="alias/found/four-ways", TargetKeyId=arn)
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/found/four-ways"
    for given in (arn, arn.rpartition("/")[2], "alias/found/four-ways", alias):
        assert facts(keys, given)["Arn"] == arn
        assert keys.call("Encrypt", KeyId=given, Plaintext=b"x")["KeyId"] == arn
    assert keys.rooms.door.asked[-1][1].keys["kms:RequestAlias"] == "alias/found/four-ways"
    assert keys.error("GetKeyPolicy", KeyId="alias/found/four-ways").code == "NotFoundException"


@pytest.mark.parametrize(("operation", "params"), CRYPTOGRAPHIC)
def test_a_disabled_key_is_of_no_use_until_it_is_enabled(keys: Keys, operation: str, params: dict[str, Any]) -> None:
    arn = keys.make()
    blob = keys.call("Encrypt", KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    keys.call("DisableKey", KeyId=arn)
    error = keys.error(operation, KeyId=arn, **params)
    assert (error.code, error.message) == ("DisabledException", f"{arn} is disabled.")
    assert keys.error("Decrypt", CiphertextBlob=blob).code == "DisabledException"
    keys.call("EnableKey", KeyId=arn)
    keys.call(operation, KeyId=arn, **params)
    assert keys.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        *CRYPTOGRAPHIC,
        ("EnableKey", {}),
        ("DisableKey", {}),
        ("EnableKeyRotation", {}),
        ("DisableKeyRotation", {}),
        ("RotateKeyOnDemand", {}),
        ("ScheduleKeyDeletion", {}),
        ("UpdateKeyDescription", {"Description": "x"}),
        ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ],
)
def test_a_key_that_is_pending_deletion_is_left_alone(keys: Keys, operation: str, params: dict[str, Any]) -> None:
    arn = keys.make()
    keys.call("ScheduleKeyDeletion", KeyId=arn)
    error = keys.error(operation, KeyId=arn, **params)
    assert (error.code, error.message) == ("KMSInvalidStateException", f"{arn} is pending deletion.")


@pytest.mark.parametrize(
    "operation", ["GetKeyPolicy", "ListGrants", "ListResourceTags", "GetKeyRotationStatus", "DescribeKey"]
)
def test_a_key_that_is_pending_deletion_can_be_looked_at(keys: Keys, operation: str) -> None:
    arn = keys.make()
    keys.call("ScheduleKeyDeletion", KeyId=arn)
    keys.call(operation, KeyId=arn)


def test_a_key_is_deleted_when_its_window_ends_with_all_that_hangs_on_it(keys: Keys) -> None:
    arn = keys.make()
    keys.call("CreateAlias", AliasName="alias/going", TargetKeyId=arn)
    blob = keys.call("Encrypt", KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    said = keys.call("ScheduleKeyDeletion", KeyId=arn, PendingWindowInDays=7)
    assert (said["KeyState"], said["PendingWindowInDays"]) == ("PendingDeletion", 7)
    keys.later(6.99)
    assert facts(keys, arn)["DeletionDate"] == said["DeletionDate"]
    keys.later(0.02)
    assert keys.error("DescribeKey", KeyId=arn).code == "NotFoundException"
    assert keys.error("DescribeKey", KeyId="alias/going").code == "NotFoundException"
    assert keys.error("Decrypt", CiphertextBlob=blob).code == "InvalidCiphertextException"


def test_a_deletion_that_is_cancelled_leaves_a_disabled_key(keys: Keys) -> None:
    arn = keys.make()
    error = keys.error("CancelKeyDeletion", KeyId=arn)
    assert (error.code, error.message) == ("KMSInvalidStateException", f"{arn} is not pending deletion.")
    keys.call("ScheduleKeyDeletion", KeyId=arn, PendingWindowInDays=7)
    keys.call("CancelKeyDeletion", KeyId=arn)
    keys.later(30)
    assert facts(keys, arn)["KeyState"] == "Disabled"
    assert "DeletionDate" not in facts(keys, arn)


@pytest.mark.parametrize("days", [1, 6, 31])
def test_a_deletion_window_has_7_to_30_days(keys: Keys, days: int) -> None:
    assert keys.error("ScheduleKeyDeletion", KeyId=keys.make(), PendingWindowInDays=days).code == "ValidationException"


def test_a_key_rotates_by_the_clock_and_old_ciphertexts_still_open(keys: Keys) -> None:
    arn = keys.make()
    blobs = [keys.call("Encrypt", KeyId=arn, Plaintext=b"first")["CiphertextBlob"]]
    keys.call("EnableKeyRotation", KeyId=arn, RotationPeriodInDays=90)
    before = facts(keys, arn)["CurrentKeyMaterialId"]
    for number in (1, 2):
        keys.later(90.01)
        blobs.append(keys.call("Encrypt", KeyId=arn, Plaintext=b"first")["CiphertextBlob"])
        listed = keys.call("ListKeyRotations", KeyId=arn)["Rotations"]
        assert [one["RotationType"] for one in listed] == ["AUTOMATIC"] * number
    assert facts(keys, arn)["CurrentKeyMaterialId"] != before
    found = [keys.call("Decrypt", CiphertextBlob=blob) for blob in blobs]
    assert [one["Plaintext"] for one in found] == [b"first"] * 3
    assert len({one["KeyMaterialId"] for one in found}) == 3
    keys.call("DisableKeyRotation", KeyId=arn)
    keys.later(200)
    assert len(keys.call("ListKeyRotations", KeyId=arn)["Rotations"]) == 2


def test_a_rotation_that_fell_due_on_a_disabled_key_is_made_up_for(keys: Keys) -> None:
    arn = keys.make()
    keys.call("EnableKeyRotation", KeyId=arn, RotationPeriodInDays=90)
    keys.call("DisableKey", KeyId=arn)
    keys.later(100)
    assert keys.call("ListKeyRotations", KeyId=arn)["Rotations"] == []
    keys.call("EnableKey", KeyId=arn)
    keys.later(0.01)
    assert len(keys.call("ListKeyRotations", KeyId=arn)["Rotations"]) == 1


def test_a_key_rotates_on_demand_25_times(keys: Keys) -> None:
    arn = keys.make()
    for _ in range(25):
        keys.call("RotateKeyOnDemand", KeyId=arn)
    assert keys.error("RotateKeyOnDemand", KeyId=arn).code == "LimitExceededException"
    listed = keys.call("ListKeyRotations", KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in listed] == ["NON_CURRENT"] * 25 + ["CURRENT"]
    page = keys.call("ListKeyRotations", KeyId=arn, Limit=20)
    rest = keys.call("ListKeyRotations", KeyId=arn, Limit=20, Marker=page["NextMarker"])
    assert (len(page["Rotations"]), len(rest["Rotations"]), rest["Truncated"]) == (20, 5, False)


@pytest.mark.parametrize(
    "operation", ["EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand"]
)
def test_only_symmetric_keys_rotate(keys: Keys, operation: str) -> None:
    arn = keys.make("HMAC_256", "GENERATE_VERIFY_MAC")
    assert keys.error(operation, KeyId=arn).code == "UnsupportedOperationException"


def test_an_alias_moves_between_keys_of_one_kind(keys: Keys) -> None:
    one, other, mac = keys.make(), keys.make(), keys.make("HMAC_256", "GENERATE_VERIFY_MAC")
    keys.call("CreateAlias", AliasName="alias/moves", TargetKeyId=one)
    blob = keys.call("Encrypt", KeyId="alias/moves", Plaintext=b"x")["CiphertextBlob"]
    error = keys.error("CreateAlias", AliasName="alias/moves", TargetKeyId=other)
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/moves"
    assert (error.code, error.message) == ("AlreadyExistsException", f"An alias with the name {arn} already exists")
    keys.call("UpdateAlias", AliasName="alias/moves", TargetKeyId=other)
    assert facts(keys, "alias/moves")["Arn"] == other
    assert keys.call("Decrypt", CiphertextBlob=blob)["KeyId"] == one
    assert keys.error("Decrypt", CiphertextBlob=blob, KeyId="alias/moves").code == "IncorrectKeyException"
    assert keys.error("UpdateAlias", AliasName="alias/moves", TargetKeyId=mac).code == "ValidationException"
    keys.call("DeleteAlias", AliasName="alias/moves")
    assert keys.error("DeleteAlias", AliasName="alias/moves").code == "NotFoundException"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mine", "ValidationException"),
        ("alias/aws/mine", "InvalidAliasNameException"),
        ("alias/", "InvalidAliasNameException"),
    ],
)
def test_an_alias_begins_with_alias_and_not_with_aws(keys: Keys, name: str, code: str) -> None:
    assert keys.error("CreateAlias", AliasName=name, TargetKeyId=keys.make()).code == code


def test_a_key_has_at_most_50_aliases_which_are_listed_in_pages(keys: Keys) -> None:
    arn = keys.make()
    for number in range(50):
        keys.call("CreateAlias", AliasName=f"alias/many/{number:02d}", TargetKeyId=arn)
    assert keys.error("CreateAlias", AliasName="alias/many/x", TargetKeyId=arn).code == "LimitExceededException"
    found, marker = [], {}
    while True:
        page = keys.call("ListAliases", KeyId=arn, Limit=20, **marker)
        found += [one["AliasName"] for one in page["Aliases"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert found == [f"alias/many/{number:02d}" for number in range(50)]
    assert keys.error("ListAliases", KeyId=arn, Marker="nonsense").code == "InvalidMarkerException"


def test_an_aws_managed_key_is_made_when_it_is_first_asked_for_and_once(keys: Keys) -> None:
    found = facts(keys, "alias/aws/codecommit")
    assert (found["KeyManager"], found["KeySpec"]) == ("AWS", "SYMMETRIC_DEFAULT")
    assert facts(keys, "alias/aws/codecommit")["Arn"] == found["Arn"]
    policy = json.loads(keys.call("GetKeyPolicy", KeyId=found["KeyId"])["Policy"])
    through = policy["Statement"][0]["Condition"]["StringEquals"]
    assert through == {"kms:CallerAccount": ACCOUNT, "kms:ViaService": f"codecommit.{REGION}.amazonaws.com"}
    assert keys.call("GetKeyRotationStatus", KeyId=found["KeyId"])["RotationPeriodInDays"] == 365
    assert keys.error("DescribeKey", KeyId="alias/aws/no-such-service").code == "NotFoundException"


def test_tags_are_added_replaced_and_taken_off(keys: Keys) -> None:
    arn = keys.make(Tags=[{"TagKey": "a", "TagValue": "1"}])
    keys.call("TagResource", KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "2"}, {"TagKey": "b", "TagValue": ""}])
    keys.call("UntagResource", KeyId=arn, TagKeys=["b", "c"])
    assert keys.call("ListResourceTags", KeyId=arn)["Tags"] == [{"TagKey": "a", "TagValue": "2"}]
    assert keys.rooms.door.asked[-1][1].keys["aws:ResourceTag/a"] == "2"


def test_keys_are_listed_in_pages(keys: Keys) -> None:
    made = {keys.make() for _ in range(3)}
    found, marker = [], {}
    while True:
        page = keys.call("ListKeys", Limit=2, **marker)
        found += [one["KeyArn"] for one in page["Keys"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert made <= set(found)
    assert len(found) == len(set(found))


def test_the_last_use_of_a_key_is_read_off_the_trail(keys: Keys) -> None:
    arn = keys.make()
    assert "KeyLastUsage" not in keys.call("GetKeyLastUsage", KeyId=arn)
    keys.call("Encrypt", KeyId=arn, Plaintext=b"x")
    keys.rooms.clock.advance(60)
    with pytest.raises(AwsError):
        keys.call("Decrypt", KeyId=arn, CiphertextBlob=b"x")
    keys.rooms.gateway.auditor.flush()
    assert keys.call("GetKeyLastUsage", KeyId=arn)["KeyLastUsage"]["Operation"] == "Encrypt"


def test_descriptions_change(keys: Keys) -> None:
    arn = keys.make(Description="one")
    keys.call("UpdateKeyDescription", KeyId=arn, Description="two")
    assert facts(keys, arn)["Description"] == "two"
