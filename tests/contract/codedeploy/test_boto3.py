"""CodeDeploy through boto3: permissions, errors in their form, events that rules see."""

from __future__ import annotations

from typing import Any

import botocore.exceptions
import pytest

from tests.contract.codedeploy.conftest import Fleet
from tests.support.yard import TestYard

NOTHING = [{"Effect": "Deny", "Action": "*", "Resource": "*"}]


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_constraints_answer_with_the_members_own_exceptions(yard: TestYard) -> None:
    deploy = yard.client("codedeploy", parameter_validation=False)
    assert code_of(deploy.create_application) == "ApplicationNameRequiredException"
    assert code_of(deploy.create_application, applicationName="a b") == "InvalidApplicationNameException"
    assert code_of(deploy.create_application, applicationName="x" * 101) == "InvalidApplicationNameException"
    assert code_of(deploy.get_deployment, deploymentId="x") == "InvalidDeploymentIdException"
    revision = {"revisionType": "S3", "s3Location": {"bundleType": "rar"}}
    refused = code_of(deploy.register_application_revision, applicationName="a", revision=revision)
    assert refused == "InvalidRevisionException"


def test_what_is_not_built_says_so(yard: TestYard) -> None:
    deploy = yard.client("codedeploy")
    assert code_of(deploy.list_git_hub_account_token_names) == "NotImplemented"
    assert code_of(deploy.continue_deployment, deploymentId="d-1") == "NotImplemented"


def test_a_caller_needs_permission_on_the_group(running_yard: TestYard) -> None:
    Fleet(running_yard)
    arn = f"arn:aws:codedeploy:us-east-1:{running_yard.account}:deploymentgroup:app/fleet"
    allowed = [{"Effect": "Allow", "Action": "codedeploy:*Deployment", "Resource": arn}]
    deploy = running_yard.client("codedeploy", keys=running_yard.user("deployer", allowed))
    place = {"bucket": "b", "key": "k", "bundleType": "zip"}
    revision = {"revisionType": "S3", "s3Location": place}
    made = deploy.create_deployment(applicationName="app", deploymentGroupName="fleet", revision=revision)
    assert deploy.get_deployment(deploymentId=made["deploymentId"])["deploymentInfo"]["creator"] == "user"
    assert code_of(deploy.list_applications) == "AccessDeniedException"
    given = {"applicationName": "app", "deploymentGroupName": "other", "revision": revision}
    assert code_of(deploy.create_deployment, **given) == "AccessDeniedException"


def test_a_role_must_be_passable(yard: TestYard) -> None:
    yard.client("codedeploy").create_application(applicationName="app")
    keys = yard.user("maker", [{"Effect": "Allow", "Action": "codedeploy:*", "Resource": "*"}])
    role = yard.role("deployer", "codedeploy.amazonaws.com", NOTHING)
    given = {"applicationName": "app", "deploymentGroupName": "g", "serviceRoleArn": role}
    assert code_of(yard.client("codedeploy", keys=keys).create_deployment_group, **given) == "AccessDeniedException"


def test_a_role_that_codedeploy_may_not_assume_fails_the_deployment(yard: TestYard) -> None:
    fleet = Fleet(yard)
    other = yard.role("builder", "codebuild.amazonaws.com", NOTHING)
    fleet.deploy.update_deployment_group(
        applicationName="app", currentDeploymentGroupName="fleet", serviceRoleArn=other
    )
    fleet.host("web-1")
    made = fleet.create()
    yard.settle()
    info = fleet.info(made)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "IAM_ROLE_MISSING")


def test_hosts_that_never_poll_fail_the_deployment_after_five_minutes(yard: TestYard) -> None:
    fleet = Fleet(yard)
    fleet.host("web-1")
    made = fleet.create()
    yard.settle()
    assert fleet.info(made)["status"] == "InProgress"
    yard.clock.advance(301)
    yard.settle()
    info = fleet.info(made)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")


def test_a_stopped_deployment_ends_stopped(yard: TestYard) -> None:
    fleet = Fleet(yard)
    fleet.host("web-1")
    made = fleet.create()
    yard.settle()
    assert fleet.deploy.stop_deployment(deploymentId=made)["status"] == "Succeeded"
    yard.settle()
    assert fleet.info(made)["status"] == "Stopped"
    assert code_of(fleet.deploy.stop_deployment, deploymentId=made) == "DeploymentAlreadyCompletedException"
