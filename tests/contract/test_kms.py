"""KMS with boto3: who may use a key, by policy, by grant, from another account and through a service."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

OTHER = "210987654321"


@pytest.fixture(scope="module")
def abroad(module_yard: TestYard) -> dict[str, str]:
    """The administrator's keys of another account."""
    made = module_yard.yard.accounts.open(OTHER, "")
    assert made is not None
    return {"access_key_id": made[0], "secret_access_key": made[1]}


@pytest.fixture
def kms(module_yard: TestYard) -> Any:
    return module_yard.client("kms")


def allow(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**found, "Condition": condition} if condition else found


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def owner(yard: TestYard, action: str = "kms:*") -> dict[str, Any]:
    return {**allow(action), "Principal": {"AWS": f"arn:aws:iam::{yard.account}:root"}}


def refused(call: Any, *args: Any, **params: Any) -> str:
    """The code and message of the refusal that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def new_key(kms: Any, **facts: Any) -> str:
    return str(kms.create_key(**facts)["KeyMetadata"]["Arn"])


def user(yard: TestYard, name: str, *statements: Mapping[str, Any]) -> tuple[Any, str]:
    """(a KMS client of a new user with these statements, the user's ARN)."""
    keys = yard.user(name, list(statements) or None)
    return yard.client("kms", keys=keys), f"arn:aws:iam::{yard.account}:user/{name}"


def test_identity_policies_count_where_the_key_policy_delegates_to_the_account(module_yard: TestYard, kms: Any) -> None:
    arn = new_key(kms)
    may, _ = user(module_yard, "may-encrypt", allow("kms:Encrypt", arn))
    assert may.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == arn
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert "no identity-based policy allows the kms:Decrypt action" in refused(may.decrypt, CiphertextBlob=blob)


def test_identity_policies_count_for_nothing_where_the_key_policy_does_not_delegate(
    module_yard: TestYard, kms: Any
) -> None:
    admin = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{module_yard.account}:user/admin"}}
    arn = new_key(kms, Policy=policy(admin))
    everything, _ = user(module_yard, "may-everything", allow("*"))
    said = refused(everything.describe_key, KeyId=arn)
    assert said.startswith("AccessDeniedException")
    assert "no resource-based policy allows the kms:DescribeKey action" in said
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["Arn"] == arn


def test_a_user_whom_the_key_policy_names_needs_no_policy_of_its_own(module_yard: TestYard, kms: Any) -> None:
    named, who = user(module_yard, "named-in-the-policy")
    arn = new_key(kms, Policy=policy(owner(module_yard), {**allow("kms:Encrypt"), "Principal": {"AWS": who}}))
    assert named.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == arn
    assert refused(named.describe_key, KeyId=arn).startswith("AccessDeniedException")


def test_an_explicit_denial_in_the_key_policy_stands_above_everything(module_yard: TestYard, kms: Any) -> None:
    denied, who = user(module_yard, "denied-in-the-policy", allow("kms:*"))
    deny = {"Effect": "Deny", "Principal": {"AWS": who}, "Action": "kms:Encrypt", "Resource": "*"}
    arn = new_key(kms, Policy=policy(owner(module_yard), deny))
    kms.create_grant(KeyId=arn, GranteePrincipal=who, Operations=["Encrypt"])
    said = refused(denied.encrypt, KeyId=arn, Plaintext=b"x")
    assert "with an explicit deny in a resource-based policy" in said


def test_a_policy_that_would_lock_its_author_out_is_refused_unless_that_is_wanted(
    module_yard: TestYard, kms: Any
) -> None:
    stranger = policy({**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}})
    arn = new_key(kms)
    expected = (
        "MalformedPolicyDocumentException: "
        "The new key policy will not allow you to update the key policy in the future."
    )
    assert refused(kms.put_key_policy, KeyId=arn, PolicyName="default", Policy=stranger) == expected
    assert refused(kms.create_key, Policy=stranger) == expected
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=stranger, BypassPolicyLockoutSafetyCheck=True)
    assert refused(kms.describe_key, KeyId=arn).startswith("AccessDeniedException")


def test_a_key_of_another_account_is_used_by_arn_when_both_accounts_allow_it(
    module_yard: TestYard, kms: Any, abroad: dict[str, str]
) -> None:
    use = {
        **allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]),
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
    }
    arn = new_key(kms, Policy=policy(owner(module_yard), use))
    kms.create_alias(AliasName="alias/shared", TargetKeyId=arn)
    there = module_yard.client("kms", keys=abroad)
    alias = f"arn:aws:kms:us-east-1:{module_yard.account}:alias/shared"
    blob = there.encrypt(KeyId=alias, Plaintext=b"across")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"across"
    assert refused(there.get_key_policy, KeyId=arn).startswith("AccessDeniedException")
    assert refused(there.encrypt, KeyId=arn.rpartition("/")[2], Plaintext=b"x").startswith("NotFoundException")
    iam = module_yard.client("iam", keys=abroad)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = module_yard.client(
        "kms", keys={"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    )
    assert "no identity-based policy allows" in refused(nobody.decrypt, CiphertextBlob=blob)


def test_a_stranger_does_not_learn_whether_a_key_exists(
    module_yard: TestYard, kms: Any, abroad: dict[str, str]
) -> None:
    there, real = module_yard.client("kms", keys=abroad), new_key(kms)
    made_up = real.rpartition("/")[0] + "/1234abcd-12ab-34cd-56ef-1234567890ab"
    told = [refused(there.describe_key, KeyId=one).replace(one, "ARN") for one in (real, made_up)]
    assert told[0] == told[1]
    assert told[0].startswith("AccessDeniedException")


def test_a_grant_allows_what_it_says_until_it_is_revoked(module_yard: TestYard, kms: Any) -> None:
    arn = new_key(kms)
    granted, who = user(module_yard, "granted")
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"dept": "a", "n": "1"})["CiphertextBlob"]
    asked = {"CiphertextBlob": blob, "EncryptionContext": {"dept": "a", "n": "1"}}
    assert refused(granted.decrypt, **asked).startswith("AccessDeniedException")
    made = kms.create_grant(
        KeyId=arn,
        GranteePrincipal=who,
        Operations=["Decrypt", "RetireGrant"],
        Constraints={"EncryptionContextSubset": {"dept": "a"}},
    )
    assert granted.decrypt(**asked, GrantTokens=[made["GrantToken"]])["Plaintext"] == b"x"
    other = kms.encrypt(KeyId=arn, Plaintext=b"y", EncryptionContext={"dept": "b"})["CiphertextBlob"]
    said = refused(granted.decrypt, CiphertextBlob=other, EncryptionContext={"dept": "b"})
    assert said.startswith("AccessDeniedException")
    assert refused(granted.encrypt, KeyId=arn, Plaintext=b"x").startswith("AccessDeniedException")
    granted.retire_grant(GrantToken=made["GrantToken"])
    assert refused(granted.decrypt, **asked).startswith("AccessDeniedException")


def test_a_grant_alone_suffices_for_a_principal_of_another_account(
    module_yard: TestYard, kms: Any, abroad: dict[str, str]
) -> None:
    arn = new_key(kms)
    iam = module_yard.client("iam", keys=abroad)
    who = iam.create_user(UserName="grantee")["User"]["Arn"]
    key = iam.create_access_key(UserName="grantee")["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    kms.create_grant(KeyId=arn, GranteePrincipal=who, Operations=["GenerateDataKey"])
    assert module_yard.client("kms", keys=keys).generate_data_key(KeyId=arn, KeySpec="AES_256")["KeyId"] == arn


def test_the_holder_of_a_grant_passes_on_no_more_than_it_has(module_yard: TestYard, kms: Any) -> None:
    arn = new_key(kms)
    holder, who = user(module_yard, "grant-holder")
    other, friend = user(module_yard, "grant-friend")
    kms.create_grant(KeyId=arn, GranteePrincipal=who, Operations=["Encrypt", "CreateGrant"])
    wide = {"KeyId": arn, "GranteePrincipal": friend, "Operations": ["Encrypt", "Decrypt"]}
    assert refused(holder.create_grant, **wide).startswith("AccessDeniedException")
    holder.create_grant(**{**wide, "Operations": ["Encrypt"]})
    assert other.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == arn


@pytest.mark.parametrize(
    ("number", "condition", "good", "bad"),
    [
        (1, {"StringEquals": {"kms:EncryptionContext:dept": "a"}}, {"EncryptionContext": {"dept": "a"}}, {}),
        (
            2,
            {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["dept"]}},
            {"EncryptionContext": {"dept": "a"}},
            {"EncryptionContext": {"dept": "a", "other": "b"}},
        ),
        (3, {"StringEquals": {"kms:RequestAlias": "alias/condition-3"}}, {"KeyId": "alias/condition-3"}, {}),
        (4, {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/condition-4"}}, {}, None),
        (5, {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT"}}, {}, None),
        (6, {"StringEquals": {"kms:KeyOrigin": "AWS_KMS", "kms:CallerAccount": "123456789012"}}, {}, None),
        (7, {"StringEquals": {"aws:ResourceTag/team": "a"}}, {}, None),
        (8, {"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}, {}, None),
        (9, {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}, None, {}),
    ],
)
def test_a_condition_key_of_kms_decides(
    module_yard: TestYard, kms: Any, number: int, condition: Any, good: Any, bad: Any
) -> None:
    arn = new_key(kms, Tags=[{"TagKey": "team", "TagValue": "a"}])
    kms.create_alias(AliasName=f"alias/condition-{number}", TargetKeyId=arn)
    asker, _ = user(module_yard, f"condition-{number}", allow("kms:Encrypt", "*", **condition))
    if good is not None:
        asker.encrypt(**{"KeyId": arn, "Plaintext": b"x", **good})
    if bad is not None:
        assert refused(asker.encrypt, **{"KeyId": arn, "Plaintext": b"x", **bad}).startswith("AccessDeniedException")


def test_an_aws_managed_key_is_used_through_its_service_alone(module_yard: TestYard, kms: Any) -> None:
    found = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert refused(kms.encrypt, KeyId=found["KeyId"], Plaintext=b"x").startswith("AccessDeniedException")
    assert refused(kms.schedule_key_deletion, KeyId=found["KeyId"]).startswith("AccessDeniedException")
    assert refused(kms.delete_alias, AliasName="alias/aws/s3").startswith("AccessDeniedException")


def test_every_use_is_on_the_trail_with_its_key_and_without_its_plaintext(module_yard: TestYard, kms: Any) -> None:
    arn = new_key(kms)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"never-on-the-trail", EncryptionContext={"shown": "yes"})["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob, EncryptionContext={"shown": "yes"})
    refused(kms.decrypt, CiphertextBlob=blob)
    made = kms.create_grant(
        KeyId=arn, GranteePrincipal=f"arn:aws:iam::{module_yard.account}:root", Operations=["Decrypt"]
    )
    mine = [one for one in module_yard.trail() if any(r["ARN"] == arn for r in one.get("resources", ()))]
    assert {one["eventName"] for one in mine} == {"Encrypt", "Decrypt", "CreateGrant"}
    by_name = {(one["eventName"], one.get("errorCode")): one for one in mine}
    encrypt = by_name["Encrypt", None]
    assert encrypt["readOnly"] is True
    assert encrypt["requestParameters"]["encryptionContext"] == {"shown": "yes"}
    assert encrypt["resources"] == [{"accountId": module_yard.account, "ARN": arn, "type": "AWS::KMS::Key"}]
    assert ("Decrypt", "InvalidCiphertextException") in by_name
    everything = json.dumps(mine)
    for secret in ("never-on-the-trail", "bmV2ZXItb24tdGhlLXRyYWls", made["GrantToken"]):
        assert secret not in everything


def test_the_trail_has_nothing_that_a_key_was_used_on_or_made(module_yard: TestYard, kms: Any) -> None:
    data, key = b"data under a key", new_key(kms)
    mac = new_key(kms, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    pair = new_key(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signing = {"KeyId": pair, "Message": data, "SigningAlgorithm": "ECDSA_SHA_256"}
    macs = {"KeyId": mac, "Message": data, "MacAlgorithm": "HMAC_SHA_256"}
    blob = kms.encrypt(KeyId=key, Plaintext=data)["CiphertextBlob"]
    made = [blob, kms.sign(**signing)["Signature"], kms.generate_mac(**macs)["Mac"]]
    made.append(kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)["CiphertextBlob"])
    made += [v for v in kms.generate_data_key(KeyId=key, KeySpec="AES_256").values() if isinstance(v, bytes)]
    made += [v for v in kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256").values() if type(v) is bytes]
    kms.decrypt(CiphertextBlob=blob)
    kms.verify(**signing, Signature=made[1])
    kms.verify_mac(**macs, Mac=made[2])
    refused(kms.decrypt, CiphertextBlob=blob[:-1])
    refused(kms.import_key_material, KeyId=key, ImportToken=blob, EncryptedKeyMaterial=made[1])
    records = [one for one in module_yard.trail() if one["eventSource"] == "kms.amazonaws.com"]
    everything = json.dumps(records)
    for secret in (data, *made, blob[:-1]):
        assert base64.b64encode(secret).decode()[:24] not in everything
    mine = [one for one in records if any(r["ARN"] in (key, mac, pair) for r in one.get("resources", ()))]
    asked = {one["eventName"]: one["requestParameters"] or {} for one in mine}
    assert set(asked["Sign"]) == {"keyId", "signingAlgorithm"}
    assert set(asked["VerifyMac"]) == {"keyId", "macAlgorithm"}
    assert set(asked["ReEncrypt"]) == {"destinationKeyId"}
    assert "HIDDEN" not in json.dumps([asked[name] for name in ("Encrypt", "Decrypt", "Sign", "Verify", "GenerateMac")])


def test_paginators_and_waits_of_boto3_fit(kms: Any) -> None:
    arn = new_key(kms)
    for number in range(3):
        kms.create_alias(AliasName=f"alias/paged-{number}", TargetKeyId=arn)
    pages = list(kms.get_paginator("list_aliases").paginate(KeyId=arn, PaginationConfig={"PageSize": 2}))
    assert [len(page["Aliases"]) for page in pages] == [2, 1]


def test_the_rest_of_kms_answers_boto3(module_yard: TestYard, kms: Any) -> None:
    key = new_key(kms, Description="before", Tags=[{"TagKey": "team", "TagValue": "a"}])
    assert len(kms.generate_random(NumberOfBytes=33)["Plaintext"]) == 33
    without = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=24)
    assert "Plaintext" not in without
    assert len(kms.decrypt(CiphertextBlob=without["CiphertextBlob"])["Plaintext"]) == 24
    pair = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in pair
    assert kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]
    kms.update_key_description(KeyId=key, Description="after")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "after"
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "team", "TagValue": "a"}]
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    assert key in [one["KeyArn"] for page in kms.get_paginator("list_keys").paginate() for one in page["Keys"]]
    other = new_key(kms)
    kms.create_alias(AliasName="alias/moving", TargetKeyId=key)
    kms.update_alias(AliasName="alias/moving", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/moving")["KeyMetadata"]["Arn"] == other


def test_rotation_through_boto3(kms: Any) -> None:
    key = new_key(kms)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    shown = kms.get_key_rotation_status(KeyId=key)
    assert (shown["KeyRotationEnabled"], shown["RotationPeriodInDays"]) == (True, 100)
    blob = kms.encrypt(KeyId=key, Plaintext=b"older")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [one["RotationType"] for one in rotations] == ["ON_DEMAND"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"older"
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


def test_grants_through_boto3(module_yard: TestYard, kms: Any) -> None:
    key = new_key(kms)
    root = f"arn:aws:iam::{module_yard.account}:root"
    made = kms.create_grant(KeyId=key, GranteePrincipal=root, RetiringPrincipal=root, Operations=["Decrypt"])
    retirable = kms.list_retirable_grants(RetiringPrincipal=root)["Grants"]
    assert made["GrantId"] in [one["GrantId"] for one in retirable]
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_two_sides_derive_one_secret_through_boto3(kms: Any) -> None:
    ours, theirs = (new_key(kms, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT") for _ in range(2))
    public = {key: kms.get_public_key(KeyId=key)["PublicKey"] for key in (ours, theirs)}
    found = [
        kms.derive_shared_secret(KeyId=own, KeyAgreementAlgorithm="ECDH", PublicKey=public[other])["SharedSecret"]
        for own, other in ((ours, theirs), (theirs, ours))
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 32


def test_the_account_of_a_key_id_is_told_by_sts(module_yard: TestYard) -> None:
    known = module_yard.user("owner-of-keys")["access_key_id"]
    assert module_yard.client("sts").get_access_key_info(AccessKeyId=known)["Account"] == module_yard.account
