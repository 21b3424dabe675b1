"""IAM's operations: what they keep, list, refuse and tell."""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from codeyard.contract import AwsError, Principal
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, policy

DOCUMENT = policy(allow("s3:*"))
ADMIN_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"})


def refused(bench: Bench, operation: str, params: dict[str, Any] | None = None, **more: Any) -> str:
    """The code of the error that a call ends in."""
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value.code


def test_a_user_is_made_found_renamed_and_deleted(bench: Bench) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    made = bench.call("CreateUser", {"UserName": "ann", "Path": "/eng/", "Tags": tags})["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eng/ann"
    assert re.fullmatch("AIDA[A-Z2-7]{17}", made["UserId"])
    assert made["Tags"] == tags
    assert refused(bench, "CreateUser", {"UserName": "ANN"}) == "EntityAlreadyExistsException"
    bench.call("UpdateUser", {"UserName": "ann", "NewUserName": "anna", "NewPath": "/"})
    assert bench.call("GetUser", {"UserName": "anna"})["User"]["Arn"].endswith(":user/anna")
    assert refused(bench, "GetUser", {"UserName": "ann"}) == "NoSuchEntityException"
    bench.call("DeleteUser", {"UserName": "anna"})
    assert refused(bench, "DeleteUser", {"UserName": "anna"}) == "NoSuchEntityException"


def test_without_a_name_a_user_asks_for_itself(bench: Bench) -> None:
    user = bench.user("ann", allow("iam:GetUser", on="arn:aws:iam::*:user/${aws:username}"))
    assert bench.call("GetUser", {}, by=user)["User"]["UserName"] == "ann"
    assert refused(bench, "GetUser", {"UserName": "admin"}, by=user) == "AccessDenied"
    root = Principal("root", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert refused(bench, "GetUser", {}, by=root) == "ValidationError"


def test_a_user_that_something_hangs_on_is_not_deleted(bench: Bench) -> None:
    bench.user("ann", allow("s3:*"))
    assert refused(bench, "DeleteUser", {"UserName": "ann"}) == "DeleteConflictException"
    bench.call("DeleteUserPolicy", {"UserName": "ann", "PolicyName": "p"})
    assert refused(bench, "DeleteUser", {"UserName": "ann"}) == "DeleteConflictException"


def test_lists_come_in_pages_under_a_path(bench: Bench) -> None:
    for name in ("d", "b", "c", "a"):
        bench.call("CreateUser", {"UserName": name, "Path": "/x/" if name != "c" else "/y/"})
    first = bench.call("ListUsers", {"PathPrefix": "/x/", "MaxItems": 2})
    second = bench.call("ListUsers", {"PathPrefix": "/x/", "MaxItems": 2, "Marker": first["Marker"]})
    assert [user["UserName"] for user in first["Users"] + second["Users"]] == ["a", "b", "d"]
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert refused(bench, "ListUsers", {"Marker": "%"}) == "ValidationError"


def test_groups_hold_users(bench: Bench) -> None:
    bench.user("ann")
    bench.call("CreateGroup", {"GroupName": "dev"})
    bench.call("AddUserToGroup", {"GroupName": "dev", "UserName": "ann"})
    bench.call("AddUserToGroup", {"GroupName": "dev", "UserName": "ann"})
    assert [user["UserName"] for user in bench.call("GetGroup", {"GroupName": "dev"})["Users"]] == ["ann"]
    assert [g["GroupName"] for g in bench.call("ListGroupsForUser", {"UserName": "ann"})["Groups"]] == ["dev"]
    assert refused(bench, "DeleteGroup", {"GroupName": "dev"}) == "DeleteConflictException"
    bench.call("UpdateGroup", {"GroupName": "dev", "NewGroupName": "devs"})
    bench.call("RemoveUserFromGroup", {"GroupName": "devs", "UserName": "ann"})
    bench.call("DeleteGroup", {"GroupName": "devs"})
    assert bench.call("ListGroups")["Groups"] == []


def test_a_role_keeps_its_trust_policy_url_encoded(bench: Bench) -> None:
    made = bench.call("CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 7200})
    role = made["Role"]
    assert json.loads(urllib.parse.unquote(role["AssumeRolePolicyDocument"])) == json.loads(TRUST)
    assert re.fullmatch("AROA[A-Z2-7]{17}", role["RoleId"])
    bench.call("UpdateRole", {"RoleName": "r", "Description": "d"})
    found = bench.call("GetRole", {"RoleName": "r"})["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("d", 7200)
    assert [one["RoleName"] for one in bench.call("ListRoles")["Roles"]] == ["r"]


def test_a_trust_policy_names_only_principals_that_are_there(bench: Bench) -> None:
    nobody = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}
    trust = policy({"Effect": "Allow", "Principal": nobody, "Action": "sts:AssumeRole"})
    params = {"RoleName": "r", "AssumeRolePolicyDocument": trust}
    assert refused(bench, "CreateRole", params) == "MalformedPolicyDocumentException"
    bench.call("CreateUser", {"UserName": "nobody"})
    bench.call("CreateRole", params)


def test_a_managed_policy_has_at_most_five_versions(bench: Bench) -> None:
    arn = bench.call("CreatePolicy", {"PolicyName": "p", "PolicyDocument": DOCUMENT})["Policy"]["Arn"]
    other = policy(allow("sns:*"))
    for _ in range(4):
        bench.call("CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": other})
    more = {"PolicyArn": arn, "PolicyDocument": other}
    assert refused(bench, "CreatePolicyVersion", more) == "LimitExceededException"
    assert bench.call("GetPolicy", {"PolicyArn": arn})["Policy"]["DefaultVersionId"] == "v1"
    bench.call("SetDefaultPolicyVersion", {"PolicyArn": arn, "VersionId": "v5"})
    assert refused(bench, "DeletePolicyVersion", {"PolicyArn": arn, "VersionId": "v5"}) == "DeleteConflictException"
    bench.call("DeletePolicyVersion", {"PolicyArn": arn, "VersionId": "v2"})
    made = bench.call("CreatePolicyVersion", {**more, "SetAsDefault": True})["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v6", True)
    listed = [one["VersionId"] for one in bench.call("ListPolicyVersions", {"PolicyArn": arn})["Versions"]]
    assert listed == ["v6", "v5", "v4", "v3", "v1"]
    assert refused(bench, "DeletePolicy", {"PolicyArn": arn}) == "DeleteConflictException"
    for version in ("v1", "v3", "v4", "v5"):
        bench.call("DeletePolicyVersion", {"PolicyArn": arn, "VersionId": version})
    bench.call("DeletePolicy", {"PolicyArn": arn})
    assert refused(bench, "GetPolicy", {"PolicyArn": arn}) == "NoSuchEntityException"


def test_a_policy_that_is_attached_is_not_deleted_and_tells_to_whom(bench: Bench) -> None:
    bench.user("ann")
    bench.call("CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST})
    arn = bench.call("CreatePolicy", {"PolicyName": "p", "PolicyDocument": DOCUMENT})["Policy"]["Arn"]
    bench.call("AttachUserPolicy", {"UserName": "ann", "PolicyArn": arn})
    bench.call("PutRolePermissionsBoundary", {"RoleName": "r", "PermissionsBoundary": arn})
    assert refused(bench, "DeletePolicy", {"PolicyArn": arn}) == "DeleteConflictException"
    found = bench.call("ListEntitiesForPolicy", {"PolicyArn": arn})
    assert [one["UserName"] for one in found["PolicyUsers"]] == ["ann"]
    assert [one["RoleName"] for one in found["PolicyRoles"]] == ["r"]
    attached = bench.call("ListPolicies", {"OnlyAttached": True, "Scope": "Local"})["Policies"]
    assert [(one["AttachmentCount"], one["PermissionsBoundaryUsageCount"]) for one in attached] == [(1, 1)]
    bench.call("DetachUserPolicy", {"UserName": "ann", "PolicyArn": arn})
    assert refused(bench, "DetachUserPolicy", {"UserName": "ann", "PolicyArn": arn}) == "NoSuchEntityException"


def test_awss_managed_policies_are_there_and_read_only(bench: Bench) -> None:
    listed = bench.call("ListPolicies", {"Scope": "AWS", "MaxItems": 1000})["Policies"]
    known = {"AdministratorAccess", "PowerUserAccess", "AWSCodeCommitPowerUser", "AWSCodeDeployFullAccess"}
    assert known <= {one["PolicyName"] for one in listed}
    for arn, id in ((one["Arn"], one["DefaultVersionId"]) for one in listed):
        version = bench.call("GetPolicyVersion", {"PolicyArn": arn, "VersionId": id})["PolicyVersion"]
        text = urllib.parse.unquote(version["Document"])
        made = bench.call("CreatePolicy", {"PolicyName": arn.rpartition("/")[2], "PolicyDocument": text})
        assert made["Policy"]["PolicyId"]
    assert refused(bench, "DeletePolicy", {"PolicyArn": ADMIN_POLICY}) == "InvalidInputException"


def test_inline_policies_are_put_listed_and_bounded_in_size(bench: Bench) -> None:
    bench.user("ann")
    for name in ("b", "a"):
        bench.call("PutUserPolicy", {"UserName": "ann", "PolicyName": name, "PolicyDocument": DOCUMENT})
    assert bench.call("ListUserPolicies", {"UserName": "ann"})["PolicyNames"] == ["a", "b"]
    found = bench.call("GetUserPolicy", {"UserName": "ann", "PolicyName": "a"})
    assert urllib.parse.unquote(found["PolicyDocument"]) == DOCUMENT
    long = policy(allow(*(f"s3:Get{n}" for n in range(300))))
    put = {"UserName": "ann", "PolicyName": "c", "PolicyDocument": long}
    assert refused(bench, "PutUserPolicy", put) == "LimitExceededException"
    assert refused(bench, "PutUserPolicy", {**put, "PolicyDocument": "{"}) == "MalformedPolicyDocumentException"
    assert refused(bench, "GetUserPolicy", {"UserName": "ann", "PolicyName": "z"}) == "NoSuchEntityException"


def test_at_most_two_access_keys_and_their_secrets_are_told_once(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    keys = [bench.call("CreateAccessKey", {"UserName": "ann"})["AccessKey"] for _ in range(2)]
    assert all(re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"]) for key in keys)
    assert all(len(key["SecretAccessKey"]) == 40 for key in keys)
    assert refused(bench, "CreateAccessKey", {"UserName": "ann"}) == "LimitExceededException"
    listed = bench.call("ListAccessKeys", {"UserName": "ann"})["AccessKeyMetadata"]
    assert {one["AccessKeyId"] for one in listed} == {key["AccessKeyId"] for key in keys}
    assert "SecretAccessKey" not in listed[0]
    stranger = {"UserName": "admin", "AccessKeyId": keys[0]["AccessKeyId"]}
    assert refused(bench, "DeleteAccessKey", stranger) == "NoSuchEntityException"


def test_no_secret_is_stored_in_clear(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    key = bench.call("CreateAccessKey", {"UserName": "ann"})["AccessKey"]
    asked = {"UserName": "ann", "ServiceName": "codecommit.amazonaws.com"}
    git = bench.call("CreateServiceSpecificCredential", asked)["ServiceSpecificCredential"]
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": "Correct-horse-9"})
    raw = b"".join(path.read_bytes() for path in bench.kit.data_dir.glob("test.db*"))
    for secret in (key["SecretAccessKey"], git["ServicePassword"], "Correct-horse-9"):
        assert secret.encode() not in raw
    assert key["AccessKeyId"].encode() in raw


def test_at_most_two_git_credentials_each_with_a_name_of_its_own(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    asked = {"UserName": "ann", "ServiceName": "codecommit.amazonaws.com"}
    made = [bench.call("CreateServiceSpecificCredential", asked)["ServiceSpecificCredential"] for _ in range(2)]
    assert [one["ServiceUserName"] for one in made] == [f"ann-at-{ACCOUNT}", f"ann+1-at-{ACCOUNT}"]
    assert refused(bench, "CreateServiceSpecificCredential", asked) == "LimitExceededException"
    wrong = {**asked, "ServiceName": "x.amazonaws.com"}
    assert refused(bench, "CreateServiceSpecificCredential", wrong) == "ServiceNotSupportedException"
    everyone = bench.call("ListServiceSpecificCredentials", {"AllUsers": True})["ServiceSpecificCredentials"]
    assert len(everyone) == 2
    assert "ServicePassword" not in everyone[0]


def test_ssh_keys_are_rsa_and_told_in_both_encodings(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    key = rsa.generate_private_key(65537, 2048).public_key()
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    made = bench.call("UploadSSHPublicKey", {"UserName": "ann", "SSHPublicKeyBody": f"{line} ann@home"})["SSHPublicKey"]
    assert re.fullmatch("([0-9a-f]{2}:){15}[0-9a-f]{2}", made["Fingerprint"])
    asked = {"UserName": "ann", "SSHPublicKeyId": made["SSHPublicKeyId"]}
    pem = bench.call("GetSSHPublicKey", {**asked, "Encoding": "PEM"})["SSHPublicKey"]["SSHPublicKeyBody"]
    assert pem.encode() == key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    again = {"UserName": "ann", "SSHPublicKeyBody": pem}
    assert refused(bench, "UploadSSHPublicKey", again) == "DuplicateSSHPublicKeyException"
    bench.call("UpdateSSHPublicKey", {**asked, "Status": "Inactive"})
    assert [one["Status"] for one in bench.call("ListSSHPublicKeys", {"UserName": "ann"})["SSHPublicKeys"]] == [
        "Inactive"
    ]
    bench.call("DeleteSSHPublicKey", asked)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    for body in ("nonsense", curve.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()):
        wrong = {"UserName": "ann", "SSHPublicKeyBody": body}
        assert refused(bench, "UploadSSHPublicKey", wrong) == "InvalidPublicKeyException"


def test_a_login_profile_needs_a_strong_password(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    weak = {"UserName": "ann", "Password": "weak"}
    assert refused(bench, "CreateLoginProfile", weak) == "PasswordPolicyViolationException"
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": "Correct-horse-9"})
    assert refused(bench, "CreateLoginProfile", {**weak, "Password": "Xx-12345"}) == "EntityAlreadyExistsException"
    assert bench.call("GetLoginProfile", {"UserName": "ann"})["LoginProfile"]["PasswordResetRequired"] is False
    bench.call("UpdateLoginProfile", {"UserName": "ann", "Password": "Battery-staple-8"})
    bench.call("DeleteLoginProfile", {"UserName": "ann"})
    assert refused(bench, "GetLoginProfile", {"UserName": "ann"}) == "NoSuchEntityException"


def test_tags_differ_by_more_than_case_and_are_bounded(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    bench.call("TagUser", {"UserName": "ann", "Tags": [{"Key": "Team", "Value": "a"}]})
    bench.call("TagUser", {"UserName": "ann", "Tags": [{"Key": "team", "Value": "b"}]})
    assert bench.call("ListUserTags", {"UserName": "ann"})["Tags"] == [{"Key": "team", "Value": "b"}]
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    assert refused(bench, "TagUser", {"UserName": "ann", "Tags": many}) == "LimitExceededException"
    reserved = [{"Key": "aws:x", "Value": ""}]
    assert refused(bench, "TagUser", {"UserName": "ann", "Tags": reserved}) == "InvalidInputException"


def test_an_instance_profile_holds_one_role(bench: Bench) -> None:
    bench.call("CreateInstanceProfile", {"InstanceProfileName": "web"})
    bench.call("CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST})
    both = {"InstanceProfileName": "web", "RoleName": "r"}
    bench.call("AddRoleToInstanceProfile", both)
    assert refused(bench, "AddRoleToInstanceProfile", both) == "LimitExceededException"
    assert refused(bench, "DeleteRole", {"RoleName": "r"}) == "DeleteConflictException"
    found = bench.call("ListInstanceProfilesForRole", {"RoleName": "r"})["InstanceProfiles"]
    assert [role["RoleName"] for one in found for role in one["Roles"]] == ["r"]
    bench.call("RemoveRoleFromInstanceProfile", both)
    bench.call("DeleteInstanceProfile", {"InstanceProfileName": "web"})


def test_an_alias_belongs_to_one_account_and_the_summary_counts(bench: Bench) -> None:
    bench.call("CreateAccountAlias", {"AccountAlias": "acme"})
    other = bench.other_account()
    assert refused(bench, "CreateAccountAlias", {"AccountAlias": "acme"}, by=other) == "EntityAlreadyExistsException"
    assert bench.call("ListAccountAliases")["AccountAliases"] == ["acme"]
    assert bench.call("GetAccountSummary")["SummaryMap"]["Users"] == 1
    bench.call("DeleteAccountAlias", {"AccountAlias": "acme"})
    assert bench.call("ListAccountAliases")["AccountAliases"] == []


def test_accounts_do_not_see_each_other(bench: Bench) -> None:
    other = bench.other_account()
    bench.call("CreateUser", {"UserName": "ann"}, by=other)
    assert refused(bench, "GetUser", {"UserName": "ann"}) == "NoSuchEntityException"
    arn = bench.call("CreatePolicy", {"PolicyName": "p", "PolicyDocument": DOCUMENT}, by=other)["Policy"]["Arn"]
    assert refused(bench, "GetPolicy", {"PolicyArn": arn}) == "AccessDenied"
    attach = {"UserName": "admin", "PolicyArn": arn}
    assert refused(bench, "AttachUserPolicy", attach) == "NoSuchEntityException"


def test_a_boundary_can_be_demanded_of_everyone_whom_a_user_makes(bench: Bench) -> None:
    arn = bench.call("CreatePolicy", {"PolicyName": "edge", "PolicyDocument": DOCUMENT})["Policy"]["Arn"]
    bounded = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    user = bench.user("ann", allow("iam:CreateUser", "iam:AttachUserPolicy", "iam:PutUserPolicy", Condition=bounded))
    assert refused(bench, "CreateUser", {"UserName": "bob"}, by=user) == "AccessDenied"
    bench.call("CreateUser", {"UserName": "bob", "PermissionsBoundary": arn}, by=user)
    bench.call("AttachUserPolicy", {"UserName": "bob", "PolicyArn": ADMIN_POLICY}, by=user)
    bob = bench.principal("bob")
    assert bench.may(bob, "s3:GetObject", "arn:aws:s3:::b/k").allowed
    assert "no permissions boundary" in bench.may(bob, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:t").message
    assert refused(bench, "AttachUserPolicy", {"UserName": "ann", "PolicyArn": ADMIN_POLICY}, by=user) == "AccessDenied"


def test_tags_and_policy_arns_of_requests_and_resources_can_be_asked_for(bench: Bench) -> None:
    same = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    asked = {"StringEquals": {"aws:RequestTag/team": "a"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    which = {"ArnEquals": {"iam:PolicyARN": ADMIN_POLICY}}
    team = [{"Key": "team", "Value": "a"}]
    user = bench.user(
        "ann",
        allow("iam:DeleteUser", Condition=same),
        allow("iam:CreateUser", Condition=asked),
        allow("iam:AttachUserPolicy", Condition=which),
        Tags=team,
    )
    assert refused(bench, "CreateUser", {"UserName": "bob"}, by=user) == "AccessDenied"
    bench.call("CreateUser", {"UserName": "bob", "Tags": team}, by=user)
    bench.call("CreateUser", {"UserName": "cat"})
    assert refused(bench, "DeleteUser", {"UserName": "cat"}, by=user) == "AccessDenied"
    bench.call("DeleteUser", {"UserName": "bob"}, by=user)
    bench.call("AttachUserPolicy", {"UserName": "cat", "PolicyArn": ADMIN_POLICY}, by=user)
    other = {"UserName": "cat", "PolicyArn": "arn:aws:iam::aws:policy/IAMFullAccess"}
    assert refused(bench, "AttachUserPolicy", other, by=user) == "AccessDenied"


def test_every_operation_needs_its_permission(bench: Bench) -> None:
    user = bench.user("ann")
    for operation in bench.registry.built("iam"):
        for params in ({}, {"UserName": 7, "Tags": "x", "RoleName": None, "PolicyArn": {}}):
            assert refused(bench, operation, params, by=user) == "AccessDenied", operation


def test_a_simulation_decides_without_doing(bench: Bench) -> None:
    user = bench.user("ann", allow("s3:Get*"), {"Effect": "Deny", "Action": "s3:GetBucketPolicy", "Resource": "*"})
    asked = {"PolicySourceArn": user.arn, "ActionNames": ["s3:GetObject", "s3:GetBucketPolicy", "s3:PutObject"]}
    found = bench.call("SimulatePrincipalPolicy", asked)["EvaluationResults"]
    assert [one["EvalDecision"] for one in found] == ["allowed", "explicitDeny", "implicitDeny"]
    condition = {"StringEquals": {"aws:PrincipalTag/team": "a", "aws:RequestedRegion": "x"}}
    custom = {
        "PolicyInputList": [policy(allow("s3:*", Condition=condition))],
        "ActionNames": ["s3:GetObject"],
        "ContextEntries": [
            {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["x"], "ContextKeyType": "string"}
        ],
    }
    result = bench.call("SimulateCustomPolicy", custom)["EvaluationResults"][0]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["MissingContextValues"] == ["aws:PrincipalTag/team"]
    wrong = {**custom, "PolicyInputList": ["{"]}
    assert refused(bench, "SimulateCustomPolicy", wrong) == "InvalidInputException"
