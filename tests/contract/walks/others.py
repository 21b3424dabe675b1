"""The walks through KMS, CloudTrail and Organizations."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.contract.walks.steps import Step, walker
from tests.support.trails import BUCKET, open_bucket
from tests.support.yard import TestYard

ACCOUNT = "123456789012"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"
kms, trail, org, sts = walker("kms"), walker("cloudtrail"), walker("organizations"), walker("sts")
KEYS = {"key": "AccessKeyId", "secret": "SecretAccessKey", "token": "SessionToken"}
TAG = {"TagKey": "team", "TagValue": "a"}
SCP = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
IMPORT = "RSAES_OAEP_SHA_256"


def world(yard: TestYard) -> dict[str, Any]:
    """What the steps need: a bucket for trails, and keys whose bytes the two clients show in different forms."""
    open_bucket(yard, name="walked")
    call, mac_key = yard.call, {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
    two = (mac_key, _use("ECC_NIST_P256", "SIGN"))
    mac, signer = (call("kms", "CreateKey", one)["KeyMetadata"]["KeyId"] for one in two)
    agree, wrap = (
        call("kms", "CreateKey", one)["KeyMetadata"]["KeyId"]
        for one in (_use("ECC_NIST_P256", "AGREE"), _use("SYMMETRIC_DEFAULT", "ENCRYPT"))
    )
    said = call("kms", "Encrypt", {"KeyId": wrap, "Plaintext": b"hello"})["CiphertextBlob"]
    hashed = {"KeyId": mac, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
    signed = {"KeyId": signer, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    return {
        "mac": mac,
        "signer": signer,
        "agree": agree,
        "wrap": wrap,
        "ciphertext": said,
        "hash": call("kms", "GenerateMac", hashed)["Mac"],
        "signature": call("kms", "Sign", signed)["Signature"],
        "public": call("kms", "GetPublicKey", {"KeyId": agree})["PublicKey"],
        **_imported(yard),
        **_encapsulated(yard),
    }


def _use(spec: str, usage: str) -> dict[str, str]:
    names = {"SIGN": "SIGN_VERIFY", "AGREE": "KEY_AGREEMENT", "ENCRYPT": "ENCRYPT_DECRYPT"}
    return {"KeySpec": spec, "KeyUsage": names[usage]}


def _imported(yard: TestYard) -> dict[str, Any]:
    """A key that waits for material, and the material on its way to it."""
    key = yard.call("kms", "CreateKey", {"Origin": "EXTERNAL"})["KeyMetadata"]["KeyId"]
    asked = {"KeyId": key, "WrappingAlgorithm": IMPORT, "WrappingKeySpec": "RSA_2048"}
    given = yard.call("kms", "GetParametersForImport", asked)
    public: Any = load_der_public_key(given["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return {"waiting": key, "token": given["ImportToken"], "material": public.encrypt(b"k" * 32, oaep)}


def _encapsulated(yard: TestYard) -> dict[str, Any]:
    """A key for encapsulation, and a secret that was encapsulated to it."""
    made = {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
    key = yard.call("kms", "CreateKey", made)["KeyMetadata"]["KeyId"]
    sent = yard.call("kms", "Encapsulate", {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"})
    return {"kem": key, "capsule": sent["SharedSecretCiphertextBlob"]}


KMS: list[Step] = [
    kms("CreateKey", Description="d", Tags=[TAG], keep={"key": "KeyMetadata.KeyId", "arn": "KeyMetadata.Arn"}),
    kms("DescribeKey", KeyId="$key", shows={"KeyMetadata.Description": "d"}),
    kms("UpdateKeyDescription", KeyId="$key", Description="e"),
    kms("ListKeys"),
    kms("ListResourceTags", KeyId="$key", shows={"Tags": [TAG]}),
    kms("TagResource", KeyId="$key", Tags=[{"TagKey": "x", "TagValue": "y"}]),
    kms("UntagResource", KeyId="$key", TagKeys=["x"]),
    kms("CreateAlias", AliasName="alias/a", TargetKeyId="$key"),
    kms("UpdateAlias", AliasName="alias/a", TargetKeyId="$wrap"),
    kms("ListAliases", KeyId="$wrap", shows={"Aliases.0.AliasName": "alias/a"}),
    kms("DeleteAlias", AliasName="alias/a"),
    kms("GetKeyPolicy", KeyId="$key", PolicyName="default", keep={"policy": "Policy"}),
    kms("PutKeyPolicy", KeyId="$key", PolicyName="default", Policy="$policy"),
    kms("ListKeyPolicies", KeyId="$key", shows={"PolicyNames": ["default"]}),
    kms("Encrypt", KeyId="$wrap", Plaintext=b"hello", EncryptionContext={"a": "b"}),
    kms("Decrypt", CiphertextBlob="$ciphertext", shows={"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
    kms("ReEncrypt", CiphertextBlob="$ciphertext", DestinationKeyId="$key", shows={"KeyId": "$arn"}),
    kms("GenerateDataKey", KeyId="$key", KeySpec="AES_256", shows={"KeyId": "$arn"}),
    kms("GenerateDataKeyWithoutPlaintext", KeyId="$key", NumberOfBytes=16),
    kms("GenerateDataKeyPair", KeyId="$key", KeyPairSpec="ECC_NIST_P256", shows={"KeyPairSpec": "ECC_NIST_P256"}),
    kms("GenerateDataKeyPairWithoutPlaintext", KeyId="$key", KeyPairSpec="RSA_2048"),
    kms("GenerateRandom", NumberOfBytes=8),
    kms("GenerateMac", KeyId="$mac", Message=b"m", MacAlgorithm="HMAC_SHA_256"),
    kms("VerifyMac", KeyId="$mac", Message=b"m", MacAlgorithm="HMAC_SHA_256", Mac="$hash", shows={"MacValid": True}),
    kms("Sign", KeyId="$signer", Message=b"m", SigningAlgorithm="ECDSA_SHA_256"),
    kms("Verify", KeyId="$signer", Message=b"m", SigningAlgorithm="ECDSA_SHA_256", Signature="$signature",
        shows={"SignatureValid": True}),
    kms("GetPublicKey", KeyId="$signer", shows={"KeyUsage": "SIGN_VERIFY"}),
    kms("DeriveSharedSecret", KeyId="$agree", KeyAgreementAlgorithm="ECDH", PublicKey="$public"),
    kms("Encapsulate", KeyId="$kem", EncapsulationAlgorithm="ML_KEM"),
    kms("Decapsulate", KeyId="$kem", EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob="$capsule"),
    kms("GetKeyLastUsage", KeyId="$key"),
    kms("EnableKeyRotation", KeyId="$key", RotationPeriodInDays=90),
    kms("GetKeyRotationStatus", KeyId="$key", shows={"KeyRotationEnabled": True}),
    kms("RotateKeyOnDemand", KeyId="$key"),
    kms("ListKeyRotations", KeyId="$key", shows={"Rotations.#": 1}),
    kms("DisableKeyRotation", KeyId="$key"),
    kms("CreateGrant", KeyId="$key", GranteePrincipal=ADMIN, RetiringPrincipal=ADMIN, Operations=["Decrypt"],
        keep={"grant": "GrantId"}),
    kms("ListGrants", KeyId="$key", shows={"Grants.0.GrantId": "$grant"}),
    kms("ListRetirableGrants", RetiringPrincipal=ADMIN, shows={"Grants.0.GrantId": "$grant"}),
    kms("RetireGrant", KeyId="$arn", GrantId="$grant"),
    kms("CreateGrant", KeyId="$key", GranteePrincipal=ADMIN, Operations=["Encrypt"], keep={"grant": "GrantId"}),
    kms("RevokeGrant", KeyId="$key", GrantId="$grant"),
    kms("GetParametersForImport", KeyId="$waiting", WrappingAlgorithm=IMPORT, WrappingKeySpec="RSA_2048"),
    kms("ImportKeyMaterial", KeyId="$waiting", ImportToken="$token", EncryptedKeyMaterial="$material",
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE"),
    kms("DeleteImportedKeyMaterial", KeyId="$waiting"),
    kms("DisableKey", KeyId="$key"),
    kms("EnableKey", KeyId="$key"),
    kms("ScheduleKeyDeletion", KeyId="$key", PendingWindowInDays=7, shows={"KeyState": "PendingDeletion"}),
    kms("CancelKeyDeletion", KeyId="$key", shows={"KeyId": "$arn"}),
]  # fmt: skip
CLOUDTRAIL: list[Step] = [
    trail("CreateTrail", Name="walked", S3BucketName=BUCKET, EnableLogFileValidation=True, keep={"trail": "TrailARN"}),
    trail("StartLogging", Name="walked"),
    trail("GetTrail", Name="walked", shows={"Trail.TrailARN": "$trail"}),
    trail("GetTrailStatus", Name="$trail", shows={"IsLogging": True}),
    trail("DescribeTrails", trailNameList=["walked"], shows={"trailList.0.Name": "walked"}),
    trail("ListTrails", shows={"Trails.0.TrailARN": "$trail"}),
    trail("UpdateTrail", Name="walked", IncludeGlobalServiceEvents=True, IsMultiRegionTrail=True),
    trail("PutEventSelectors", TrailName="walked",
        EventSelectors=[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": []}]),
    trail("GetEventSelectors", TrailName="walked", shows={"EventSelectors.0.ReadWriteType": "WriteOnly"}),
    trail("PutInsightSelectors", TrailName="walked", InsightSelectors=[]),
    trail("GetInsightSelectors", TrailName="walked", error="InsightNotEnabledException"),
    trail("AddTags", ResourceId="$trail", TagsList=[{"Key": "k", "Value": "v"}]),
    trail("ListTags", ResourceIdList=["$trail"], shows={"ResourceTagList.0.TagsList": [{"Key": "k", "Value": "v"}]}),
    trail("RemoveTags", ResourceId="$trail", TagsList=[{"Key": "k"}]),
    trail("ListPublicKeys"),
    trail("LookupEvents", LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTrail"}],
        shows={"Events.0.EventName": "CreateTrail"}),
    trail("StopLogging", Name="walked"),
    trail("DeleteTrail", Name="walked"),
]  # fmt: skip
ORGANIZATIONS: list[Step] = [
    org("CreateOrganization", FeatureSet="ALL", keep={"org": "Organization.Id"}),
    org("DescribeOrganization", shows={"Organization.Id": "$org"}),
    org("ListRoots", keep={"root": "Roots.0.Id"}),
    org("EnablePolicyType", RootId="$root", PolicyType="SERVICE_CONTROL_POLICY"),
    org("CreateOrganizationalUnit", ParentId="$root", Name="dev", keep={"unit": "OrganizationalUnit.Id"}),
    org("UpdateOrganizationalUnit", OrganizationalUnitId="$unit", Name="devs"),
    org("DescribeOrganizationalUnit", OrganizationalUnitId="$unit", shows={"OrganizationalUnit.Name": "devs"}),
    org("ListOrganizationalUnitsForParent", ParentId="$root", shows={"OrganizationalUnits.0.Id": "$unit"}),
    org("CreateAccount", AccountName="b", Email="b@example.com", keep={"request": "CreateAccountStatus.Id"}),
    org("DescribeCreateAccountStatus", CreateAccountRequestId="$request",
        keep={"account": "CreateAccountStatus.AccountId"}),
    org("ListCreateAccountStatus", shows={"CreateAccountStatuses.0.AccountId": "$account"}),
    org("DescribeAccount", AccountId="$account", shows={"Account.Name": "b"}),
    org("ListAccounts", shows={"Accounts.#": 2}),
    org("ListAccountsForParent", ParentId="$root", shows={"Accounts.#": 2}),
    org("MoveAccount", AccountId="$account", SourceParentId="$root", DestinationParentId="$unit"),
    org("ListParents", ChildId="$account", shows={"Parents.0.Id": "$unit"}),
    org("ListChildren", ParentId="$unit", ChildType="ACCOUNT", shows={"Children.0.Id": "$account"}),
    org("CreatePolicy", Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=SCP,
        keep={"policy": "Policy.PolicySummary.Id"}),
    org("UpdatePolicy", PolicyId="$policy", Name="q"),
    org("DescribePolicy", PolicyId="$policy", shows={"Policy.PolicySummary.Name": "q"}),
    org("ListPolicies", Filter="SERVICE_CONTROL_POLICY"),
    org("AttachPolicy", PolicyId="$policy", TargetId="$unit"),
    org("ListPoliciesForTarget", TargetId="$unit", Filter="SERVICE_CONTROL_POLICY"),
    org("ListTargetsForPolicy", PolicyId="$policy", shows={"Targets.0.TargetId": "$unit"}),
    org("DetachPolicy", PolicyId="$policy", TargetId="$unit"),
    org("DeletePolicy", PolicyId="$policy"),
    org("MoveAccount", AccountId="$account", SourceParentId="$unit", DestinationParentId="$root"),
    org("RemoveAccountFromOrganization", AccountId="$account"),
    org("CreateAccount", AccountName="c", Email="c@example.com", keep={"member": "CreateAccountStatus.Id"}),
    org("DescribeCreateAccountStatus", CreateAccountRequestId="$member",
        keep={"member": "CreateAccountStatus.AccountId"}),
    sts("AssumeRole", RoleArn="arn:aws:iam::${member}:role/OrganizationAccountAccessRole", RoleSessionName="leaving",
        keep={f"member_{name}": f"Credentials.{value}" for name, value in KEYS.items()}),
    org("LeaveOrganization", by="member"),
    org("DeleteOrganizationalUnit", OrganizationalUnitId="$unit"),
    org("DisablePolicyType", RootId="$root", PolicyType="SERVICE_CONTROL_POLICY"),
    org("DeleteOrganization"),
]  # fmt: skip
