"""What IAM tells about an account: credentials, authorizations, context keys, and what is granted and used."""

from __future__ import annotations

import csv
import json
import urllib.parse
from typing import Any

import pytest

from codeyard.contract import AwsError, Principal
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, deny, policy
from tests.unit.platform.iam.test_mfa import Authenticator

READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"


def refused(bench: Bench, operation: str, params: dict[str, Any] | None = None, **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value


def report(bench: Bench) -> dict[str, dict[str, str]]:
    content = bench.call("GetCredentialReport")["Content"].decode()
    return {line["user"]: line for line in csv.DictReader(content.splitlines())}


def test_the_credential_report_has_awss_columns_and_a_line_for_each_user(bench: Bench) -> None:
    ann = bench.user("ann", allow("s3:*"))
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": "Correct-Horse-1"})
    bench.call("UpdateAccountPasswordPolicy", {"MaxPasswordAge": 90})
    Authenticator(bench).enable("ann")
    bench.may(ann, "s3:GetObject")
    assert bench.call("GenerateCredentialReport")["State"] == "STARTED"
    assert bench.call("GenerateCredentialReport") == {"State": "COMPLETE"}
    lines = report(bench)
    assert list(lines) == ["<root_account>", "admin", "ann"]
    assert len(lines["ann"]) == 22
    assert lines["<root_account>"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    line = lines["ann"]
    assert (line["password_enabled"], line["mfa_active"], line["access_key_1_active"]) == ("true", "true", "true")
    assert line["access_key_1_last_used_service"] == "s3"
    assert (line["access_key_2_active"], line["access_key_2_last_rotated"]) == ("false", "N/A")
    assert line["password_next_rotation"] > line["password_last_changed"]
    assert lines["admin"]["password_enabled"] == "false"


def test_the_credential_report_is_there_for_four_hours(bench: Bench) -> None:
    assert refused(bench, "GetCredentialReport").code == "CredentialReportNotPresentException"
    bench.call("GenerateCredentialReport")
    bench.user("late")
    assert "late" not in report(bench)
    bench.clock.advance(4 * 3600)
    assert refused(bench, "GetCredentialReport").code == "CredentialReportExpiredException"
    assert bench.call("GenerateCredentialReport")["State"] == "STARTED"
    assert "late" in report(bench)


def account(bench: Bench) -> None:
    bench.user("ann", allow("s3:*"), Tags=[{"Key": "k", "Value": "v"}])
    bench.call("CreateGroup", {"GroupName": "dev"})
    bench.call("AddUserToGroup", {"GroupName": "dev", "UserName": "ann"})
    bench.call("AttachGroupPolicy", {"GroupName": "dev", "PolicyArn": READ_ONLY})
    bench.role("r", {"Principal": {"Service": "ec2.amazonaws.com"}}, allow("sns:*"))
    bench.call("CreateInstanceProfile", {"InstanceProfileName": "ip"})
    bench.call("AddRoleToInstanceProfile", {"InstanceProfileName": "ip", "RoleName": "r"})
    bench.call("CreatePolicy", {"PolicyName": "own", "PolicyDocument": policy(allow("sqs:*"))})


def test_the_authorization_details_tell_everything(bench: Bench) -> None:
    account(bench)
    found = bench.call("GetAccountAuthorizationDetails")
    assert [one["UserName"] for one in found["UserDetailList"]] == ["admin", "ann"]
    ann = found["UserDetailList"][1]
    assert (ann["GroupList"], ann["Tags"]) == (["dev"], [{"Key": "k", "Value": "v"}])
    assert json.loads(urllib.parse.unquote(ann["UserPolicyList"][0]["PolicyDocument"]))["Statement"]
    assert found["GroupDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"] == READ_ONLY
    role = found["RoleDetailList"][0]
    assert role["InstanceProfileList"][0]["InstanceProfileName"] == "ip"
    assert role["RolePolicyList"][0]["PolicyName"] == "p"
    policies = {one["PolicyName"]: one for one in found["Policies"]}
    assert set(policies) == {"own", "AdministratorAccess", "IAMReadOnlyAccess"}
    assert policies["own"]["PolicyVersionList"][0]["IsDefaultVersion"] is True


def test_the_authorization_details_come_filtered_and_in_pages(bench: Bench) -> None:
    account(bench)
    only = bench.call("GetAccountAuthorizationDetails", {"Filter": ["Role", "LocalManagedPolicy"]})
    assert (only["UserDetailList"], len(only["RoleDetailList"]), len(only["Policies"])) == ([], 1, 1)
    kinds = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    names, asked = [], {"MaxItems": 2}
    while True:
        page = bench.call("GetAccountAuthorizationDetails", asked)
        names += [one["Arn"] for kind in kinds for one in page[kind]]
        if not page["IsTruncated"]:
            break
        asked = {"MaxItems": 2, "Marker": page["Marker"]}
    assert len(names) == len(set(names)) == 7


def test_context_keys_are_those_of_conditions_and_variables(bench: Bench) -> None:
    condition = {"StringEquals": {"aws:SourceVpc": "x", "s3:prefix": "${aws:username}/"}}
    given = policy(allow("s3:*", on="arn:aws:s3:::b/${aws:PrincipalTag/team}/*", Condition=condition))
    keys = bench.call("GetContextKeysForCustomPolicy", {"PolicyInputList": [given]})["ContextKeyNames"]
    assert [key.lower() for key in keys] == ["aws:principaltag/team", "aws:sourcevpc", "aws:username", "s3:prefix"]
    ann = bench.user("ann", allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    more = {"PolicySourceArn": ann.arn, "PolicyInputList": [given]}
    assert "aws:SourceIp" in bench.call("GetContextKeysForPrincipalPolicy", more)["ContextKeyNames"]
    broken = {"PolicyInputList": ["{"]}
    assert refused(bench, "GetContextKeysForCustomPolicy", broken).code == "InvalidInputException"
    nobody = {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/nobody"}
    assert refused(bench, "GetContextKeysForPrincipalPolicy", nobody).code == "NoSuchEntityException"


def test_policies_that_grant_a_service_are_told_with_where_they_come_from(bench: Bench) -> None:
    account(bench)
    bench.call("AttachUserPolicy", {"UserName": "ann", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/own"})
    asked = {"Arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "ServiceNamespaces": ["s3", "iam", "sqs", "sns"]}
    found = bench.call("ListPoliciesGrantingServiceAccess", asked)["PoliciesGrantingServiceAccess"]
    told = {one["ServiceNamespace"]: one["Policies"] for one in found}
    inline = {"PolicyName": "p", "PolicyType": "INLINE", "EntityType": "USER", "EntityName": "ann"}
    assert told["s3"] == [inline]
    assert [one["PolicyArn"] for one in told["iam"]] == [READ_ONLY]
    assert [one["PolicyName"] for one in told["sqs"]] == ["own"]
    assert told["sns"] == []
    policy_arn = {**asked, "Arn": READ_ONLY}
    assert refused(bench, "ListPoliciesGrantingServiceAccess", policy_arn).code == "InvalidInputException"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow("*"), True),
        (allow("S3:Get*"), True),
        (allow("sns:*"), False),
        (deny("s3:*"), False),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, False),
        ({"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}, True),
    ],
)
def test_a_service_is_granted_by_any_action_of_it(statement: dict[str, Any], expected: bool) -> None:
    from codeyard.platform.iam.granting import grants

    assert grants(policy(statement), "s3") is expected


def last_access(bench: Bench, arn: str, **more: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    job = bench.call("GenerateServiceLastAccessedDetails", {"Arn": arn, **more})["JobId"]
    found = bench.call("GetServiceLastAccessedDetails", {"JobId": job})
    assert found["JobStatus"] == "COMPLETED"
    return job, {one["ServiceNamespace"]: one for one in found["ServicesLastAccessed"]}


def test_last_accessed_details_tell_what_is_granted_and_what_was_used(bench: Bench) -> None:
    ann = bench.user("ann", allow("s3:*", "sns:Publish"))
    bench.may(ann, "s3:GetObject", "arn:aws:s3:::b/k")
    job, services = last_access(bench, ann.arn, Granularity="ACTION_LEVEL")
    assert set(services) == {"s3", "sns"}
    assert services["s3"]["ServiceName"] == "Amazon S3"
    assert (services["s3"]["LastAuthenticatedEntity"], services["s3"]["TotalAuthenticatedEntities"]) == (ann.arn, 1)
    assert services["s3"]["LastAuthenticatedRegion"] == "us-east-1"
    assert [one["ActionName"] for one in services["s3"]["TrackedActionsLastAccessed"]] == ["GetObject"]
    assert "LastAuthenticated" not in services["sns"]
    entities = {"JobId": job, "ServiceNamespace": "s3"}
    listed = bench.call("GetServiceLastAccessedDetailsWithEntities", entities)["EntityDetailsList"]
    assert [(one["EntityInfo"]["Name"], one["EntityInfo"]["Type"]) for one in listed] == [("ann", "USER")]
    assert listed[0]["LastAuthenticated"]


def used_by_two(bench: Bench) -> tuple[Principal, Principal]:
    ann, bob = bench.user("ann"), bench.user("bob")
    bench.call("CreateGroup", {"GroupName": "dev"})
    bench.call("AttachGroupPolicy", {"GroupName": "dev", "PolicyArn": READ_ONLY})
    for user in ("ann", "bob"):
        bench.call("AddUserToGroup", {"GroupName": "dev", "UserName": user})
    bench.may(ann, "iam:GetUser")
    bench.clock.advance(5)
    bench.may(bob, "iam:GetUser")
    return ann, bob


def test_groups_and_policies_count_by_their_members(bench: Bench) -> None:
    _, bob = used_by_two(bench)
    for arn in (f"arn:aws:iam::{ACCOUNT}:group/dev", READ_ONLY):
        _, services = last_access(bench, arn)
        assert services["iam"]["LastAuthenticatedEntity"] == bob.arn
        assert services["iam"]["TotalAuthenticatedEntities"] == 2
        assert "TrackedActionsLastAccessed" not in services["iam"]


def test_reports_are_the_accounts_own_and_end_with_a_week(bench: Bench) -> None:
    ann = bench.user("ann", allow("s3:*"))
    job, _ = last_access(bench, ann.arn)
    other = bench.other_account()
    assert refused(bench, "GetServiceLastAccessedDetails", {"JobId": job}, by=other).code == "NoSuchEntityException"
    bench.clock.advance(7 * 86_400 + 1)
    last_access(bench, ann.arn)
    assert refused(bench, "GetServiceLastAccessedDetails", {"JobId": job}).code == "NoSuchEntityException"


def test_the_token_version_is_told_by_the_summary(bench: Bench) -> None:
    assert bench.call("GetAccountSummary")["SummaryMap"]["GlobalEndpointTokenVersion"] == 1
    bench.call("SetSecurityTokenServicePreferences", {"GlobalEndpointTokenVersion": "v2Token"})
    assert bench.call("GetAccountSummary")["SummaryMap"]["GlobalEndpointTokenVersion"] == 2
