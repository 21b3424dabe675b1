"""What each operation asks IAM."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from botocore import xform_name

from codeyard.contract import Check, Principal, Scope
from tests.unit.services.codedeploy.world import ACCOUNT, ADMIN, REGION, ROLE, World, revision, user_arn

ARN = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:"
SCOPE = Scope(ADMIN, ACCOUNT, REGION)


def checks(world: World, operation: str, **params: Any) -> list[Check]:
    return list(world.deploy.access[operation](SCOPE, params))


def test_every_built_operation_has_its_row_and_the_other_way_round(world: World) -> None:
    for part in world.parts:
        public = {n for n in dir(part.api) if not n.startswith("_")}
        assert public == {xform_name(name) for name in part.access}


def test_a_role_given_to_a_group_must_be_passable(world: World) -> None:
    params = {"applicationName": "app", "deploymentGroupName": "fleet", "serviceRoleArn": ROLE}
    first, second = checks(world, "CreateDeploymentGroup", **params)
    assert (first.action, first.resource) == ("codedeploy:CreateDeploymentGroup", ARN + "deploymentgroup:app/fleet")
    assert (second.action, second.resource) == ("iam:PassRole", ROLE)
    assert second.keys == {"iam:PassedToService": "codedeploy.amazonaws.com"}
    assert len(checks(world, "UpdateDeploymentGroup", applicationName="a", currentDeploymentGroupName="g")) == 1


def test_a_call_on_a_deployment_is_checked_on_its_group(world: World) -> None:
    world.fleet("a")
    made = world.create()
    for operation in ("GetDeployment", "StopDeployment", "ListDeploymentTargets"):
        (check,) = checks(world, operation, deploymentId=made)
        assert check == Check(f"codedeploy:{operation}", ARN + "deploymentgroup:app/fleet")
    (unknown,) = checks(world, "GetDeployment", deploymentId="d-UNKNOWN00")
    assert unknown.resource == ARN + "deploymentgroup:*/*"
    found = checks(world, "BatchGetDeployments", deploymentIds=[made, "d-UNKNOWN00"])
    assert {check.resource for check in found} == {ARN + "deploymentgroup:app/fleet", unknown.resource}


def test_resources_by_operation(world: World) -> None:
    (check,) = checks(world, "GetApplication", applicationName="app")
    assert check.resource == ARN + "application:app"
    (check,) = checks(world, "GetDeploymentConfig", deploymentConfigName="c")
    assert check.resource == ARN + "deploymentconfig:c"
    (check,) = checks(world, "RegisterOnPremisesInstance", instanceName="h")
    assert check.resource == ARN + "instance:h"
    assert [c.resource for c in checks(world, "AddTagsToOnPremisesInstances", instanceNames=["h", "i"])] == [
        ARN + "instance:h",
        ARN + "instance:i",
    ]
    assert [c.resource for c in checks(world, "ListApplications")] == ["*"]


def test_tags_of_the_request_are_condition_keys(world: World) -> None:
    (check,) = checks(world, "CreateApplication", applicationName="a", tags=[{"Key": "k", "Value": "v"}])
    assert check.keys == {"aws:RequestTag/k": "v", "aws:TagKeys": ["k"]}
    (check,) = checks(world, "UntagResource", ResourceArn=ARN + "application:a", TagKeys=["k"])
    assert (check.resource, check.keys) == (ARN + "application:a", {"aws:TagKeys": ["k"]})


def test_access_survives_nonsense(world: World) -> None:
    model = botocore.session.get_session().get_service_model("codedeploy")
    for operation, entry in world.deploy.access.items():
        members = model.operation_model(operation).input_shape.members
        for value in (None, 7, [], [None, 3], {}, "", {"x": 1}, [{"Key": 3}]):
            assert list(entry(SCOPE, dict.fromkeys(members, value))), operation
    for entry in world.commands.access.values():
        for value in (None, 7, [], {}):
            assert list(entry(SCOPE, {"HostIdentifier": value}))


def test_a_registration_is_a_policy_for_exactly_its_principal(world: World) -> None:
    world.register("a")
    mine = Scope(Principal("user", ACCOUNT, user_arn("a")), ACCOUNT, REGION)
    (check,) = world.commands.access["PollHostCommand"](mine, {"HostIdentifier": user_arn("a")})
    assert check.policy is not None
    (statement,) = json.loads(check.policy)["Statement"]
    assert statement["Principal"] == {"AWS": user_arn("a")}
    assert check.action == "codedeploy-commands-secure:PollHostCommand"
    for scope, identifier in ((SCOPE, user_arn("a")), (mine, user_arn("b"))):
        (check,) = world.commands.access["PollHostCommand"](scope, {"HostIdentifier": identifier})
        assert check.policy is None


def test_a_registration_counts_in_its_region_only(world: World) -> None:
    world.register("a")
    elsewhere = Scope(Principal("user", ACCOUNT, user_arn("a")), ACCOUNT, "eu-west-1")
    (check,) = world.commands.access["PollHostCommand"](elsewhere, {"HostIdentifier": user_arn("a")})
    assert check.policy is None


def test_answers_hold_only_members_of_the_model(world: World) -> None:
    model = botocore.session.get_session().get_service_model("codedeploy")
    world.fleet("a")
    made = world.create()
    world.obey("a")
    names = {"applicationName": "app", "deploymentGroupName": "fleet"}
    calls: dict[str, dict[str, Any]] = {
        "GetApplication": {"applicationName": "app"},
        "GetDeploymentGroup": names,
        "GetDeploymentConfig": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
        "GetDeployment": {"deploymentId": made},
        "GetDeploymentTarget": {"deploymentId": made, "targetId": "a"},
        "GetDeploymentInstance": {"deploymentId": made, "instanceId": "a"},
        "GetOnPremisesInstance": {"instanceName": "a"},
        "GetApplicationRevision": {"applicationName": "app", "revision": revision()},
        "ListDeployments": {},
    }
    for operation, params in calls.items():
        _fits(model.operation_model(operation).output_shape, world.call(operation, **params), operation)


def _fits(shape: Any, value: Any, path: str) -> None:
    if shape.type_name == "structure":
        for name, inner in value.items():
            assert name in shape.members, f"{path}.{name}"
            _fits(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            _fits(shape.member, inner, path)
    else:
        assert value is not None, path
