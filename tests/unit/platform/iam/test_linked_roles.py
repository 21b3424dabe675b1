"""Service-linked roles: a service's own, made by its name, changed by nobody."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, policy

SERVICE = "codestar-notifications.amazonaws.com"
NAME = "AWSServiceRoleForCodeStarNotifications"


def refused(bench: Bench, operation: str, params: dict[str, Any], **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value


def test_a_services_role_has_its_name_path_and_trust(bench: Bench) -> None:
    role = bench.call("CreateServiceLinkedRole", {"AWSServiceName": SERVICE, "Description": "d"})["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SERVICE}/{NAME}"
    trust = json.loads(urllib.parse.unquote(role["AssumeRolePolicyDocument"]))
    assert trust["Statement"][0]["Principal"] == {"Service": SERVICE}
    again = refused(bench, "CreateServiceLinkedRole", {"AWSServiceName": SERVICE})
    assert again.code == "InvalidInputException"
    assert again.message.startswith(f"Service role name {NAME} has been taken in this account")


def test_only_services_that_have_one_get_one_and_few_get_a_suffix(bench: Bench) -> None:
    unknown = {"AWSServiceName": "codecommit.amazonaws.com"}
    assert refused(bench, "CreateServiceLinkedRole", unknown).code == "InvalidInputException"
    suffixed = {"AWSServiceName": SERVICE, "CustomSuffix": "x"}
    assert refused(bench, "CreateServiceLinkedRole", suffixed).code == "InvalidInputException"
    scaling = {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "x"}
    made = bench.call("CreateServiceLinkedRole", scaling)["Role"]
    assert made["RoleName"] == "AWSServiceRoleForAutoScaling_x"


def test_the_condition_key_of_the_service_counts(bench: Bench) -> None:
    only = {"StringEquals": {"iam:AWSServiceName": SERVICE}}
    ann = bench.user("ann", allow("iam:CreateServiceLinkedRole", Condition=only))
    bench.call("CreateServiceLinkedRole", {"AWSServiceName": SERVICE}, by=ann)
    other = {"AWSServiceName": "ssm.amazonaws.com"}
    assert refused(bench, "CreateServiceLinkedRole", other, by=ann).code == "AccessDenied"


def test_nobody_changes_a_services_role(bench: Bench) -> None:
    bench.call("CreateServiceLinkedRole", {"AWSServiceName": SERVICE})
    named, document = {"RoleName": NAME}, policy(allow("s3:*"))
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    for operation, more in (
        ("PutRolePolicy", {"PolicyName": "p", "PolicyDocument": document}),
        ("DeleteRolePolicy", {"PolicyName": "p"}),
        ("AttachRolePolicy", {"PolicyArn": admin}),
        ("DetachRolePolicy", {"PolicyArn": admin}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": document}),
        ("PutRolePermissionsBoundary", {"PermissionsBoundary": admin}),
        ("DeleteRolePermissionsBoundary", {}),
        ("TagRole", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("DeleteRole", {}),
    ):
        problem = refused(bench, operation, {**named, **more})
        assert problem.code == "UnmodifiableEntityException", operation
    bench.call("UpdateRoleDescription", {**named, "Description": "mine"})
    trust = policy({"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"})
    reserved = {"RoleName": "x", "Path": f"/aws-service-role/{SERVICE}/", "AssumeRolePolicyDocument": trust}
    assert refused(bench, "CreateRole", reserved).code == "InvalidInputException"


def test_its_deletion_is_a_task_that_can_be_asked_about(bench: Bench) -> None:
    bench.call("CreateServiceLinkedRole", {"AWSServiceName": SERVICE})
    task = bench.call("DeleteServiceLinkedRole", {"RoleName": NAME})["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/{SERVICE}/{NAME}/")
    assert bench.call("GetServiceLinkedRoleDeletionStatus", {"DeletionTaskId": task})["Status"] == "SUCCEEDED"
    assert refused(bench, "GetRole", {"RoleName": NAME}).code == "NoSuchEntityException"
    unknown = {"DeletionTaskId": task + "x"}
    assert refused(bench, "GetServiceLinkedRoleDeletionStatus", unknown).code == "NoSuchEntityException"
    bench.role("mine", {"Principal": {"Service": "codebuild.amazonaws.com"}})
    assert refused(bench, "DeleteServiceLinkedRole", {"RoleName": "mine"}).code == "NoSuchEntityException"
