"""The walk through IAM and STS."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from codeyard.platform.iam import totp
from tests.contract.walks.steps import Step, walker

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}"
iam, sts = walker("iam"), walker("sts")


def policy(action: str = "s3:GetObject", **more: Any) -> str:
    """A policy document."""
    statement = {"Effect": "Allow", "Action": action, **({"Resource": "*"} if "Principal" not in more else {}), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = policy("sts:AssumeRole", Principal={"AWS": ACCOUNT})
LAMBDA = policy("sts:AssumeRole", Principal={"Service": "codebuild.amazonaws.com"})
TAG = {"Key": "team", "Value": "a"}
KEYS = {"ann_key": "AccessKey.AccessKeyId", "ann_secret": "AccessKey.SecretAccessKey"}


def tagged(noun: str, verb: str = "", **by: Any) -> list[Step]:
    """Tagging, listing the tags and untagging of one thing."""
    return [
        iam(f"Tag{verb or noun}", **by, Tags=[TAG]),
        iam(f"List{noun}Tags", **by, shows={"Tags": [TAG]}),
        iam(f"Untag{verb or noun}", **by, TagKeys=["team"]),
    ]


def world(now_us: int) -> dict[str, Any]:
    """What the steps need from outside: keys and certificates."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    start = datetime.datetime.fromtimestamp(now_us / 1e6, datetime.UTC) - datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=90))
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    ssh = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {
        "now": now_us,
        "private": private.decode(),
        "certificate": made.sign(key, hashes.SHA256()).public_bytes(pem).decode(),
        "ssh": ssh.decode(),
    }


def code(offset: int) -> Any:
    """The code of the virtual device, so many steps from now."""

    def at(known: Mapping[str, Any]) -> str:
        seed = known["seed"]
        raw = base64.b32decode(seed if isinstance(seed, str) else seed.decode())
        return totp.code_at(raw, totp.step_at(known["now"]) + offset)

    return at


def codes(first: int) -> dict[str, Any]:
    """Two codes in a row."""
    return {"AuthenticationCode1": code(first), "AuthenticationCode2": code(first + 1)}


USERS = [
    iam("CreateUser", UserName="ann", Path="/dev/", Tags=[TAG], shows={"User.Path": "/dev/"}),
    iam("GetUser", UserName="ann", shows={"User.Arn": f"{ROOT}:user/dev/ann", "User.Tags": [TAG]}),
    iam("UpdateUser", UserName="ann", NewPath="/ops/"),
    iam("ListUsers", PathPrefix="/ops/", shows={"Users.0.UserName": "ann", "Users.#": 1}),
    *tagged("User", UserName="ann"),
    iam("CreateAccessKey", UserName="ann", keep=KEYS),
    iam("ListAccessKeys", UserName="ann", shows={"AccessKeyMetadata.0.AccessKeyId": "$ann_key"}),
    iam("UpdateAccessKey", UserName="ann", AccessKeyId="$ann_key", Status="Inactive"),
    iam("UpdateAccessKey", UserName="ann", AccessKeyId="$ann_key", Status="Active"),
    iam("GetAccessKeyLastUsed", AccessKeyId="$ann_key", shows={"UserName": "ann"}),
    sts("GetAccessKeyInfo", AccessKeyId="$ann_key", shows={"Account": ACCOUNT}),
    iam("PutUserPolicy", UserName="ann", PolicyName="own", PolicyDocument=policy("iam:*")),
    iam("GetUserPolicy", UserName="ann", PolicyName="own", shows={"PolicyName": "own"}),
    iam("ListUserPolicies", UserName="ann", shows={"PolicyNames": ["own"]}),
    iam("CreateLoginProfile", UserName="ann", Password="Correct-horse-1"),
    iam("GetLoginProfile", UserName="ann", shows={"LoginProfile.UserName": "ann"}),
    iam("UpdateLoginProfile", UserName="ann", Password="Correct-horse-2"),
    iam("ChangePassword", by="ann", OldPassword="Correct-horse-2", NewPassword="Correct-horse-3"),
    iam("DeleteLoginProfile", UserName="ann"),
]
POLICIES = [
    iam("CreatePolicy", PolicyName="p", PolicyDocument=policy(), keep={"policy": "Policy.Arn"}),
    iam("GetPolicy", PolicyArn="$policy", shows={"Policy.DefaultVersionId": "v1"}),
    iam("CreatePolicyVersion", PolicyArn="$policy", PolicyDocument=policy("s3:PutObject")),
    iam("SetDefaultPolicyVersion", PolicyArn="$policy", VersionId="v2"),
    iam("GetPolicyVersion", PolicyArn="$policy", VersionId="v2", shows={"PolicyVersion.IsDefaultVersion": True}),
    iam("ListPolicyVersions", PolicyArn="$policy", shows={"Versions.#": 2}),
    iam("DeletePolicyVersion", PolicyArn="$policy", VersionId="v1"),
    *tagged("Policy", PolicyArn="$policy"),
    iam("ListPolicies", Scope="Local", shows={"Policies.0.Arn": "$policy"}),
    iam("AttachUserPolicy", UserName="ann", PolicyArn="$policy"),
    iam("ListAttachedUserPolicies", UserName="ann", shows={"AttachedPolicies.0.PolicyArn": "$policy"}),
    iam("ListEntitiesForPolicy", PolicyArn="$policy", shows={"PolicyUsers.0.UserName": "ann"}),
    iam("DetachUserPolicy", UserName="ann", PolicyArn="$policy"),
    iam("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary="$policy"),
    iam("DeleteUserPermissionsBoundary", UserName="ann"),
]
GROUPS = [
    iam("CreateGroup", GroupName="dev"),
    iam("UpdateGroup", GroupName="dev", NewGroupName="devs"),
    iam("AddUserToGroup", GroupName="devs", UserName="ann"),
    iam("GetGroup", GroupName="devs", shows={"Users.0.UserName": "ann"}),
    iam("ListGroups", shows={"Groups.0.GroupName": "devs"}),
    iam("ListGroupsForUser", UserName="ann", shows={"Groups.0.GroupName": "devs"}),
    iam("PutGroupPolicy", GroupName="devs", PolicyName="in", PolicyDocument=policy()),
    iam("GetGroupPolicy", GroupName="devs", PolicyName="in", shows={"GroupName": "devs"}),
    iam("ListGroupPolicies", GroupName="devs", shows={"PolicyNames": ["in"]}),
    iam("DeleteGroupPolicy", GroupName="devs", PolicyName="in"),
    iam("AttachGroupPolicy", GroupName="devs", PolicyArn="$policy"),
    iam("ListAttachedGroupPolicies", GroupName="devs", shows={"AttachedPolicies.0.PolicyName": "p"}),
    iam("ListPoliciesGrantingServiceAccess", Arn=f"{ROOT}:user/ops/ann", ServiceNamespaces=["s3"],
        shows={"PoliciesGrantingServiceAccess.0.ServiceNamespace": "s3"}),
    iam("DetachGroupPolicy", GroupName="devs", PolicyArn="$policy"),
    iam("RemoveUserFromGroup", GroupName="devs", UserName="ann"),
    iam("DeleteGroup", GroupName="devs"),
]  # fmt: skip
ROLES = [
    iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=LAMBDA, keep={"role": "Role.Arn"}),
    iam("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=TRUST),
    iam("UpdateRole", RoleName="r", MaxSessionDuration=7200),
    iam("UpdateRoleDescription", RoleName="r", Description="for all", shows={"Role.Description": "for all"}),
    iam("GetRole", RoleName="r", shows={"Role.MaxSessionDuration": 7200}),
    iam("ListRoles", shows={"Roles.0.RoleName": "r"}),
    *tagged("Role", RoleName="r"),
    iam("PutRolePolicy", RoleName="r", PolicyName="in", PolicyDocument=policy()),
    iam("GetRolePolicy", RoleName="r", PolicyName="in", shows={"RoleName": "r"}),
    iam("ListRolePolicies", RoleName="r", shows={"PolicyNames": ["in"]}),
    iam("AttachRolePolicy", RoleName="r", PolicyArn="$policy"),
    iam("ListAttachedRolePolicies", RoleName="r", shows={"AttachedPolicies.0.PolicyArn": "$policy"}),
    iam("PutRolePermissionsBoundary", RoleName="r", PermissionsBoundary="$policy"),
    iam("SimulatePrincipalPolicy", PolicySourceArn="$role", ActionNames=["s3:PutObject"],
        shows={"EvaluationResults.0.EvalDecision": "allowed"}),
    iam("GetContextKeysForPrincipalPolicy", PolicySourceArn="$role"),
    iam("SimulateCustomPolicy", PolicyInputList=[policy()], ActionNames=["s3:PutObject"],
        shows={"EvaluationResults.0.EvalDecision": "implicitDeny"}),
    iam("GetContextKeysForCustomPolicy", PolicyInputList=[policy(Condition={"Bool": {"aws:SecureTransport": "true"}})],
        shows={"ContextKeyNames": ["aws:SecureTransport"]}),
    sts("AssumeRole", RoleArn="$role", RoleSessionName="session", keep={"session": "Credentials.AccessKeyId"}),
    sts("GetSessionToken", keep={"session": "Credentials.SessionToken"}),
    sts("GetFederationToken", Name="guest", Policy=policy(), keep={"guest": "FederatedUser.Arn"}),
    sts("GetCallerIdentity", by="ann", shows={"Arn": f"{ROOT}:user/ops/ann"}),
    iam("DeleteRolePermissionsBoundary", RoleName="r"),
    iam("DetachRolePolicy", RoleName="r", PolicyArn="$policy"),
    iam("DeleteRolePolicy", RoleName="r", PolicyName="in"),
]  # fmt: skip
PROFILES = [
    iam("CreateInstanceProfile", InstanceProfileName="ip"),
    iam("AddRoleToInstanceProfile", InstanceProfileName="ip", RoleName="r"),
    iam("GetInstanceProfile", InstanceProfileName="ip", shows={"InstanceProfile.Roles.0.RoleName": "r"}),
    iam("ListInstanceProfiles", shows={"InstanceProfiles.#": 1}),
    iam("ListInstanceProfilesForRole", RoleName="r", shows={"InstanceProfiles.0.InstanceProfileName": "ip"}),
    *tagged("InstanceProfile", InstanceProfileName="ip"),
    iam("RemoveRoleFromInstanceProfile", InstanceProfileName="ip", RoleName="r"),
    iam("DeleteInstanceProfile", InstanceProfileName="ip"),
    iam("DeleteRole", RoleName="r"),
    iam(
        "CreateServiceLinkedRole",
        AWSServiceName="codestar-notifications.amazonaws.com",
        keep={"linked": "Role.RoleName"},
    ),
    iam("DeleteServiceLinkedRole", RoleName="$linked", keep={"task": "DeletionTaskId"}),
    iam("GetServiceLinkedRoleDeletionStatus", DeletionTaskId="$task"),
]
CREDENTIALS = [
    iam("UploadSSHPublicKey", UserName="ann", SSHPublicKeyBody="$ssh", keep={"sshid": "SSHPublicKey.SSHPublicKeyId"}),
    iam("GetSSHPublicKey", UserName="ann", SSHPublicKeyId="$sshid", Encoding="SSH"),
    iam("ListSSHPublicKeys", UserName="ann", shows={"SSHPublicKeys.0.SSHPublicKeyId": "$sshid"}),
    iam("UpdateSSHPublicKey", UserName="ann", SSHPublicKeyId="$sshid", Status="Inactive"),
    iam("DeleteSSHPublicKey", UserName="ann", SSHPublicKeyId="$sshid"),
    iam("CreateServiceSpecificCredential", UserName="ann", ServiceName="codecommit.amazonaws.com",
        keep={"git": "ServiceSpecificCredential.ServiceSpecificCredentialId"}),
    iam("ListServiceSpecificCredentials", UserName="ann", shows={"ServiceSpecificCredentials.#": 1}),
    iam("UpdateServiceSpecificCredential", UserName="ann", ServiceSpecificCredentialId="$git", Status="Inactive"),
    iam("ResetServiceSpecificCredential", UserName="ann", ServiceSpecificCredentialId="$git"),
    iam("DeleteServiceSpecificCredential", UserName="ann", ServiceSpecificCredentialId="$git"),
    iam("UploadSigningCertificate", UserName="ann", CertificateBody="$certificate",
        keep={"signing": "Certificate.CertificateId"}),
    iam("ListSigningCertificates", UserName="ann", shows={"Certificates.0.CertificateId": "$signing"}),
    iam("UpdateSigningCertificate", UserName="ann", CertificateId="$signing", Status="Inactive"),
    iam("DeleteSigningCertificate", UserName="ann", CertificateId="$signing"),
    iam("UploadServerCertificate", ServerCertificateName="c", CertificateBody="$certificate", PrivateKey="$private"),
    iam("GetServerCertificate", ServerCertificateName="c"),
    iam("UpdateServerCertificate", ServerCertificateName="c", NewServerCertificateName="d"),
    iam("ListServerCertificates", shows={"ServerCertificateMetadataList.0.ServerCertificateName": "d"}),
    *tagged("ServerCertificate", ServerCertificateName="d"),
    iam("DeleteServerCertificate", ServerCertificateName="d"),
    iam("EnableMFADevice", UserName="ann", SerialNumber="$serial", **codes(-1)),
    iam("ListMFADevices", UserName="ann", shows={"MFADevices.0.SerialNumber": "$serial"}),
    iam("GetMFADevice", SerialNumber="$serial", shows={"UserName": "ann"}),
    iam("ListVirtualMFADevices", AssignmentStatus="Assigned", shows={"VirtualMFADevices.0.SerialNumber": "$serial"}),
    iam("ResyncMFADevice", UserName="ann", SerialNumber="$serial", **codes(0)),
    *tagged("MFADevice", SerialNumber="$serial"),
    iam("DeactivateMFADevice", UserName="ann", SerialNumber="$serial"),
    iam("DeleteVirtualMFADevice", SerialNumber="$serial"),
]  # fmt: skip
PROVIDERS = [
    iam("CreateOpenIDConnectProvider", Url="https://issuer.example", ThumbprintList=["a" * 40], ClientIDList=["one"],
        keep={"oidc": "OpenIDConnectProviderArn"}),
    iam("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn="$oidc", ClientID="two"),
    iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn="$oidc", shows={"ClientIDList": ["one", "two"]}),
    iam("RemoveClientIDFromOpenIDConnectProvider", OpenIDConnectProviderArn="$oidc", ClientID="two"),
    iam("UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn="$oidc", ThumbprintList=["b" * 40]),
    iam("ListOpenIDConnectProviders", shows={"OpenIDConnectProviderList": [{"Arn": "$oidc"}]}),
    *tagged("OpenIDConnectProvider", OpenIDConnectProviderArn="$oidc"),
    iam("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn="$oidc"),
    iam("EnableOutboundWebIdentityFederation"),
    iam("GetOutboundWebIdentityFederationInfo"),
    sts("GetWebIdentityToken", Audience=["https://example.com"], SigningAlgorithm="RS256"),
    iam("DisableOutboundWebIdentityFederation"),
]  # fmt: skip
ACCOUNTS = [
    iam("CreateAccountAlias", AccountAlias="our-yard"),
    iam("ListAccountAliases", shows={"AccountAliases": ["our-yard"]}),
    iam("DeleteAccountAlias", AccountAlias="our-yard"),
    iam("UpdateAccountPasswordPolicy", MinimumPasswordLength=12),
    iam("GetAccountPasswordPolicy", shows={"PasswordPolicy.MinimumPasswordLength": 12}),
    iam("DeleteAccountPasswordPolicy"),
    iam("GetAccountSummary", shows={"SummaryMap.Users": 2}),
    iam("GetAccountAuthorizationDetails", Filter=["User"]),
    iam("GenerateCredentialReport"),
    iam("GetCredentialReport", shows={"ReportFormat": "text/csv"}),
    iam("GenerateServiceLastAccessedDetails", Arn=f"{ROOT}:user/ops/ann", keep={"job": "JobId"}),
    iam("GetServiceLastAccessedDetails", JobId="$job"),
    iam("GetServiceLastAccessedDetailsWithEntities", JobId="$job", ServiceNamespace="iam"),
    iam("SetSecurityTokenServicePreferences", GlobalEndpointTokenVersion="v2Token"),
    iam("DeletePolicy", PolicyArn="$policy"),
    iam("DeleteUserPolicy", UserName="ann", PolicyName="own"),
    iam("DeleteAccessKey", UserName="ann", AccessKeyId="$ann_key"),
    iam("DeleteUser", UserName="ann"),
]
STEPS = [*USERS, *POLICIES, *GROUPS, *ROLES, *PROFILES, *CREDENTIALS, *PROVIDERS, *ACCOUNTS]
# Made by the tests themselves: the clients disagree on how its answer comes (bytes, or a file).
DEVICE = {"VirtualMFADeviceName": "phone"}
# Walked elsewhere, each by boto3 and by `aws`, since it needs more than a yard.
ELSEWHERE = {
    ("sts", "AssumeRoleWithWebIdentity"): "needs an issuer",
    ("sts", "DecodeAuthorizationMessage"): "needs a refusal",
    ("iam", "CreateVirtualMFADevice"): "its answer goes to a file",
    ("iam", "ListOrganizationsFeatures"): "needs an organization",
}
