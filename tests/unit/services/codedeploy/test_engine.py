"""Deployments from beginning to end, with hosts played by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.services.codedeploy.model import EVENTS
from codeyard.storage import loads
from tests.unit.services.codedeploy.world import ROLE, World, revision, user_arn

ROLLBACK = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}


def test_a_host_runs_the_seven_events_in_order_and_the_deployment_succeeds(world: World) -> None:
    world.fleet("a")
    made = world.create()
    assert world.deployment(made)["status"] == "InProgress"
    assert world.obey("a") == list(EVENTS)
    info = world.deployment(made)
    assert info["status"] == "Succeeded"
    assert info["deploymentOverview"] == {
        "Pending": 0,
        "InProgress": 0,
        "Succeeded": 1,
        "Failed": 0,
        "Skipped": 0,
        "Ready": 0,
    }
    assert info["creator"] == "user"
    assert "errorInformation" not in info
    events = world.target(made, "a")["lifecycleEvents"]
    assert [event["status"] for event in events] == ["Succeeded"] * 7
    assert all(event["startTime"] <= event["endTime"] for event in events)
    assert events[0]["diagnostics"]["errorCode"] == "Success"


def test_one_at_a_time_begins_with_a_host_when_the_one_before_has_ended(world: World) -> None:
    world.fleet("a", "b", config="CodeDeployDefault.OneAtATime")
    made = world.create()
    assert world.poll("b") is None
    assert world.obey("a") == list(EVENTS)
    assert world.obey("b") == list(EVENTS)
    assert world.deployment(made)["status"] == "Succeeded"


def test_a_failed_event_skips_the_rest_of_the_host_and_tells_why(world: World) -> None:
    world.fleet("a", "b", config="CodeDeployDefault.OneAtATime")
    made = world.create()
    command = world.poll("a")
    assert command is not None
    world.ack("a", command)
    world.complete("a", command, 4, "the end of the log")
    world.settle()
    assert world.statuses(made, "a") == ["Failed"] + ["Skipped"] * 6
    diagnosis = world.target(made, "a")["lifecycleEvents"][0]["diagnostics"]
    assert diagnosis == {
        "errorCode": "ScriptFailed",
        "scriptName": "a.sh",
        "message": "m",
        "logTail": "the end of the log",
    }
    info = world.deployment(made)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HEALTH_CONSTRAINTS")
    assert world.target(made, "b")["status"] == "Skipped"


def test_a_failed_application_stop_can_be_ignored(world: World) -> None:
    world.fleet("a")
    made = world.create(ignoreApplicationStopFailures=True)
    assert world.obey("a", fail="ApplicationStop") == list(EVENTS)
    assert world.deployment(made)["status"] == "Succeeded"
    assert world.statuses(made, "a")[0] == "Failed"


def test_a_noop_event_succeeds_with_its_acknowledgement(world: World) -> None:
    world.fleet("a")
    made = world.create()
    command = world.poll("a")
    assert command is not None
    assert world.ack("a", command, noop=True) == "Succeeded"
    assert world.statuses(made, "a")[0] == "Succeeded"
    world.complete("a", command, 4)
    assert world.statuses(made, "a")[0] == "Succeeded"
    following = world.poll("a")
    assert following is not None
    assert following["CommandName"] == "DownloadBundle"


def test_completing_twice_changes_nothing(world: World) -> None:
    world.fleet("a")
    made = world.create()
    command = world.poll("a")
    assert command is not None
    world.ack("a", command)
    world.complete("a", command)
    world.complete("a", command, 4)
    assert world.statuses(made, "a")[:2] == ["Succeeded", "Pending"]


def test_a_command_is_handed_out_once(world: World) -> None:
    world.fleet("a")
    world.create()
    first = world.poll("a")
    assert first is not None
    assert world.poll("a") is None
    world.ack("a", first)
    assert world.poll("a") is None
    world.complete("a", first)
    assert world.poll("a") is not None


def test_a_command_that_is_not_acknowledged_is_offered_again_and_the_first_offer_is_worth_nothing(
    world: World,
) -> None:
    world.fleet("a")
    world.create()
    first = world.poll("a")
    assert first is not None
    world.clock.advance(31)
    world.settle()
    second = world.poll("a")
    assert second is not None
    assert second["HostCommandIdentifier"] != first["HostCommandIdentifier"]
    assert world.ack("a", first) == "Failed"
    assert world.ack("a", second) == "InProgress"
    assert world.ack("a", second) == "InProgress"
    world.complete("a", first, 4)
    world.complete("a", second)
    assert world.poll("a")


def test_a_restarted_server_offers_again_what_was_not_acknowledged_and_keeps_what_runs(world: World) -> None:
    world.fleet("a", "b")
    world.create()
    lost, kept = world.poll("a"), world.poll("b")
    assert lost is not None
    assert kept is not None
    world.ack("b", kept)
    world.restart()
    assert world.poll("a") is not None
    assert world.poll("b") is None
    world.complete("b", kept)
    assert world.poll("b") is not None


def test_a_host_of_two_groups_gets_one_command_at_a_time(world: World) -> None:
    world.fleet("a")
    filters = [{"Key": "env", "Type": "KEY_ONLY"}]
    world.call(
        "CreateDeploymentGroup",
        applicationName="app",
        deploymentGroupName="other",
        onPremisesInstanceTagFilters=filters,
        deploymentConfigName="CodeDeployDefault.AllAtOnce",
        serviceRoleArn=ROLE,
    )
    world.create()
    world.call("CreateDeployment", applicationName="app", deploymentGroupName="other", revision=revision("x"))
    world.settle()
    first = world.poll("a")
    assert first is not None
    assert world.poll("a") is None
    world.ack("a", first)
    world.clock.advance(1)
    world.complete("a", first)
    second = world.poll("a")
    assert second is not None
    assert second["DeploymentExecutionId"] != first["DeploymentExecutionId"]


def test_an_event_that_no_agent_begins_in_five_minutes_fails(world: World) -> None:
    world.fleet("a")
    made = world.create()
    world.clock.advance(299)
    world.settle()
    assert world.deployment(made)["status"] == "InProgress"
    world.clock.advance(2)
    world.settle()
    event = world.target(made, "a")["lifecycleEvents"][0]
    assert (event["status"], event["diagnostics"]["errorCode"]) == ("Failed", "UnknownError")
    assert "agent was not able to receive the lifecycle event" in event["diagnostics"]["message"]
    assert world.deployment(made)["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"


def test_an_event_that_does_not_end_in_an_hour_fails(world: World) -> None:
    world.fleet("a")
    made = world.create()
    command = world.poll("a")
    assert command is not None
    world.ack("a", command)
    world.clock.advance(3599)
    world.settle()
    assert world.deployment(made)["status"] == "InProgress"
    world.clock.advance(2)
    world.settle()
    assert world.deployment(made)["status"] == "Failed"
    world.complete("a", command)
    assert world.statuses(made, "a")[0] == "Failed"


def test_a_deployment_ends_after_eight_hours(world: World) -> None:
    world.fleet("a", "b", "c", config="CodeDeployDefault.OneAtATime")
    made, command = world.create(), None
    for number in range(8 * 3600 // 3500 + 1):
        command = world.poll("a" if number < 7 else "b")
        assert command is not None
        world.ack("a" if number < 7 else "b", command)
        world.clock.advance(3500)
        world.settle()
        if number < 8:
            world.complete("a" if number < 7 else "b", command)
            world.settle()
    info = world.deployment(made)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "TIMEOUT")
    assert [world.target(made, name)["status"] for name in "abc"] == ["Succeeded", "Failed", "Skipped"]
    assert info["completeTime"].timestamp() - info["startTime"].timestamp() >= 8 * 3600


def test_a_group_without_matching_hosts_fails_the_deployment(world: World) -> None:
    world.fleet()
    info = world.deployment(world.create())
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "NO_INSTANCES")


def test_ec2_filters_are_kept_and_match_nothing(world: World) -> None:
    world.register("a")
    world.call("CreateApplication", applicationName="app")
    filters = [{"Key": "env", "Value": "test", "Type": "KEY_AND_VALUE"}]
    world.call(
        "CreateDeploymentGroup",
        applicationName="app",
        deploymentGroupName="fleet",
        ec2TagFilters=filters,
        serviceRoleArn=ROLE,
    )
    assert world.deployment(world.create())["errorInformation"]["code"] == "NO_INSTANCES"


def test_a_minimum_as_large_as_the_fleet_fails_at_once(world: World) -> None:
    world.call(
        "CreateDeploymentConfig",
        deploymentConfigName="all-must-live",
        minimumHealthyHosts={"type": "HOST_COUNT", "value": 2},
    )
    world.fleet("a", "b", config="all-must-live")
    info = world.deployment(world.create())
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS_INVALID"
    assert world.poll("a") is None


def test_a_role_that_cannot_be_assumed_fails_the_deployment(world: World) -> None:
    world.fleet("a")
    world.clients.refuse = AwsError("AccessDenied", "not trusted")
    info = world.deployment(world.create())
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "IAM_ROLE_MISSING")
    assert world.poll("a") is None


def test_the_service_role_is_assumed_once_for_a_deployment(world: World) -> None:
    world.fleet("a")
    world.create()
    world.obey("a")
    assert world.clients.calls == [(ROLE, "sts", "GetCallerIdentity", {})]


def test_a_group_has_one_active_deployment(world: World, refused: Callable[[str], Any]) -> None:
    world.fleet("a")
    made = world.create()
    with refused("DeploymentLimitExceededException") as caught:
        world.create()
    assert caught.value.message == f"The Deployment Group 'fleet' already has an active Deployment '{made}'"
    world.obey("a")
    world.create()


def test_a_failed_deployment_is_rolled_back_by_a_new_one(world: World) -> None:
    world.fleet("a", autoRollbackConfiguration=ROLLBACK)
    good = world.create("good.zip")
    world.obey("a")
    bad = world.create("bad.zip")
    command = world.poll("a")
    assert command is not None
    world.ack("a", command)
    world.complete("a", command, 4)
    world.settle()
    info = world.deployment(bad)
    back = info["rollbackInfo"]["rollbackDeploymentId"]
    rollback = world.deployment(back)
    assert rollback["creator"] == "codeDeployRollback"
    assert rollback["revision"] == world.deployment(good)["revision"]
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == bad
    assert world.obey("a") == list(EVENTS)
    assert world.deployment(back)["status"] == "Succeeded"
    group = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")
    assert group["deploymentGroupInfo"]["lastSuccessfulDeployment"]["deploymentId"] == back


def test_a_rollback_that_fails_is_not_rolled_back(world: World) -> None:
    world.fleet("a", autoRollbackConfiguration=ROLLBACK)
    world.create("good.zip")
    world.obey("a")
    bad = world.create("bad.zip")
    world.obey("a", fail="Install")
    back = world.deployment(bad)["rollbackInfo"]["rollbackDeploymentId"]
    # obey() went on with the rollback and failed its Install too
    info = world.deployment(back)
    assert info["status"] == "Failed"
    assert "rollbackDeploymentId" not in info["rollbackInfo"]
    assert len(world.call("ListDeployments")["deployments"]) == 3


def test_without_a_good_revision_there_is_no_rollback(world: World) -> None:
    world.fleet("a", autoRollbackConfiguration=ROLLBACK)
    bad = world.create()
    world.obey("a", fail="Install")
    info = world.deployment(bad)["rollbackInfo"]
    assert info == {"rollbackMessage": "There is no revision that was deployed successfully."}


def test_the_deployments_own_rollback_setting_comes_before_the_groups(world: World) -> None:
    world.fleet("a", autoRollbackConfiguration=ROLLBACK)
    world.create("good.zip")
    world.obey("a")
    bad = world.create("bad.zip", autoRollbackConfiguration={"enabled": False})
    world.obey("a", fail="Install")
    assert "rollbackInfo" not in world.deployment(bad)


def test_a_stop_before_any_command_ends_the_deployment_at_once(world: World) -> None:
    world.fleet("a", "b")
    made = world.create()
    assert world.call("StopDeployment", deploymentId=made)["status"] == "Succeeded"
    world.settle()
    info = world.deployment(made)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert world.statuses(made, "a") == ["Skipped"] * 7
    assert world.poll("a") is None


def test_a_stop_lets_the_running_event_end(world: World, refused: Callable[[str], Any]) -> None:
    world.fleet("a", "b", config="CodeDeployDefault.OneAtATime")
    made = world.create()
    command = world.poll("a")
    assert command is not None
    world.ack("a", command)
    assert world.call("StopDeployment", deploymentId=made)["status"] == "Pending"
    world.settle()
    assert world.deployment(made)["status"] == "InProgress"
    world.complete("a", command)
    world.settle()
    assert world.deployment(made)["status"] == "Stopped"
    assert world.statuses(made, "a") == ["Succeeded"] + ["Skipped"] * 6
    assert world.poll("a") is None
    with refused("DeploymentAlreadyCompletedException"):
        world.call("StopDeployment", deploymentId=made)


@pytest.mark.parametrize(("asked", "rolled"), [(True, True), (False, False), (None, True)])
def test_a_stop_rolls_back_when_asked_or_when_the_group_says_so(world: World, asked: bool | None, rolled: bool) -> None:
    world.fleet("a", autoRollbackConfiguration=ROLLBACK)
    world.create("good.zip")
    world.obey("a")
    made = world.create("next.zip")
    params = {} if asked is None else {"autoRollbackEnabled": asked}
    world.call("StopDeployment", deploymentId=made, **params)
    world.settle()
    assert ("rollbackDeploymentId" in world.deployment(made).get("rollbackInfo", {})) is rolled


def test_without_a_revision_the_last_good_one_is_deployed(world: World, refused: Callable[[str], Any]) -> None:
    world.fleet("a")
    with refused("RevisionRequiredException"):
        world.create(revision=None)
    world.create("good.zip")
    world.obey("a")
    again = world.create(revision=None)
    assert world.deployment(again)["revision"] == revision("good.zip")


def test_only_outdated_hosts_are_updated_when_asked(world: World) -> None:
    world.fleet("a")
    world.create("one.zip")
    world.obey("a")
    world.register("b")
    made = world.create("one.zip", updateOutdatedInstancesOnly=True)
    assert world.call("ListDeploymentTargets", deploymentId=made)["targetIds"] == ["b"]


def test_unhealthy_hosts_are_deployed_to_first(world: World) -> None:
    world.fleet("a", "b", config="CodeDeployDefault.OneAtATime")
    world.create()
    world.obey("a")
    world.obey("b", fail="ValidateService")
    world.create("two.zip")
    assert world.poll("a") is None
    assert world.poll("b") is not None


def test_both_events_are_emitted_with_their_exact_details(world: World, emitted: list[Any]) -> None:
    world.fleet("a")
    made = world.create()
    world.obey("a")
    group = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")["deploymentGroupInfo"]
    told = [(e.detail_type, e.detail["state"]) for e in emitted]
    whole, single = (f"CodeDeploy {kind} State-change Notification" for kind in ("Deployment", "Instance"))
    assert told == [(whole, "START"), (single, "START"), (single, "SUCCESS"), (whole, "SUCCESS")]
    common = {
        "region": "us-east-1",
        "deploymentId": made,
        "instanceGroupId": group["deploymentGroupId"],
        "deploymentGroup": "fleet",
        "application": "app",
    }
    application = "arn:aws:codedeploy:us-east-1:123456789012:application:app"
    fleet = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:app/fleet"
    assert dict(emitted[0].detail) == common | {"state": "START"}
    assert list(emitted[0].resources) == [application, fleet]
    assert emitted[0].source == "aws.codedeploy"
    assert dict(emitted[2].detail) == common | {"state": "SUCCESS", "instanceId": "a"}
    arn = world.call("GetOnPremisesInstance", instanceName="a")["instanceInfo"]["instanceArn"]
    assert list(emitted[2].resources) == [arn, fleet, application]


def test_failures_and_stops_are_told_too(world: World, emitted: list[Any]) -> None:
    world.fleet("a")
    world.create()
    world.obey("a", fail="Install")
    assert [e.detail["state"] for e in emitted] == ["START", "START", "FAILURE", "FAILURE"]
    emitted.clear()
    made = world.create()
    world.call("StopDeployment", deploymentId=made)
    world.settle()
    assert [e.detail["state"] for e in emitted] == ["START", "START", "STOP"]


def test_triggers_are_sent_as_the_service_role(world: World) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:deploys"
    trigger = {
        "triggerName": "tell",
        "triggerTargetArn": topic,
        "triggerEvents": ["DeploymentSuccess", "InstanceStart"],
    }
    world.fleet("a", triggerConfigurations=[trigger])
    made = world.create()
    world.obey("a")
    sent = [params for role, service, operation, params in world.clients.calls if operation == "Publish"]
    assert [loads(params["Message"]).get("status", "instance") for params in sent] == ["instance", "SUCCEEDED"]
    message = loads(sent[1]["Message"])
    assert message["deploymentId"] == made
    assert message["eventTriggerName"] == "tell"
    assert loads(message["deploymentOverview"])["Succeeded"] == "1"
    assert all(isinstance(value, str) for value in message.values())
    assert all(params["TopicArn"] == topic for params in sent)


def test_a_deregistered_host_is_refused_and_not_deployed_to(world: World, refused: Callable[[str], Any]) -> None:
    world.fleet("a", "b")
    world.call("DeregisterOnPremisesInstance", instanceName="a")
    with refused("AccessDeniedException"):
        world.poll("a")
    made = world.create()
    assert world.call("ListDeploymentTargets", deploymentId=made)["targetIds"] == ["b"]


def test_a_host_is_accepted_only_as_the_identity_that_it_is_registered_by(
    world: World, refused: Callable[[str], Any]
) -> None:
    world.fleet("a", "b")
    world.create()
    with refused("AccessDeniedException"):
        world.host("PollHostCommand", "a", HostIdentifier=user_arn("b"))
    with refused("AccessDeniedException"):
        world.host("PollHostCommand", "stranger", HostIdentifier=user_arn("a"))
    command = world.poll("a")
    assert command is not None
    with refused("ClientException"):
        world.ack("b", command)
    with refused("ClientException"):
        world.complete("b", command)
    with refused("ClientException"):
        world.host(
            "GetDeploymentSpecification",
            "b",
            DeploymentExecutionId=command["DeploymentExecutionId"],
            HostIdentifier=user_arn("b"),
        )


@pytest.mark.parametrize("command_id", ["", "x", "a.b.c", "a.1", "a.1.1.1", "a.9.1", "a.1.1", "٣.٣.٣", "a" * 999])
def test_made_up_command_identifiers_are_refused(world: World, refused: Callable[[str], Any], command_id: str) -> None:
    world.fleet("a")
    with refused("ClientException"):
        world.complete("a", {"HostCommandIdentifier": command_id})


@pytest.mark.parametrize("payload", ["", "[]", "{", "nonsense", "x" * 9000])
def test_diagnostics_that_are_no_object_are_refused_or_empty(world: World, payload: str) -> None:
    world.fleet("a")
    world.create()
    command = world.poll("a")
    assert command is not None
    params = {
        "HostCommandIdentifier": command["HostCommandIdentifier"],
        "CommandStatus": "Failed",
        "Diagnostics": {"Format": "JSON", "Payload": payload},
    }
    if payload:
        with pytest.raises(AwsError, match=r"^ClientException"):
            world.host("PutHostCommandComplete", "a", **params)
    else:
        assert world.host("PutHostCommandComplete", "a", **params) == {}


def test_a_renamed_application_keeps_its_deployment_running(world: World) -> None:
    world.fleet("a")
    made = world.create()
    world.call("UpdateApplication", applicationName="app", newApplicationName="app2")
    world.obey("a")
    info = world.deployment(made)
    assert (info["status"], info["applicationName"]) == ("Succeeded", "app2")


def test_a_group_deleted_under_a_deployment_does_not_break_it(world: World) -> None:
    world.fleet("a")
    made = world.create()
    world.call("DeleteDeploymentGroup", applicationName="app", deploymentGroupName="fleet")
    world.obey("a")
    assert world.deployment(made)["status"] == "Succeeded"
