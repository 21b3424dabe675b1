"""The host command API over the wire, with a client that is not our agent."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codeyard.agent.config import load
from codeyard.agent.enrol import enrol
from codeyard.agent.main import Agent
from tests.contract.codedeploy.conftest import Fleet
from tests.contract.codedeploy.protocol import Host, Refused

EVENTS = 7


def poll(host: Host, tries: int = 20) -> dict[str, object]:
    """A command, which the engine may be about to give."""
    for _ in range(tries):
        command = host.poll()
        if command is not None:
            return command
    raise AssertionError("no command came")


def test_a_deployment_runs_through_the_protocol(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create(fileExistsBehavior="OVERWRITE")
    command = poll(host)
    assert command["CommandName"] == "ApplicationStop"
    group = fleet.deploy.get_deployment_group(applicationName="app", deploymentGroupName="fleet")
    assert host.specification(command) == {
        "DeploymentId": made,
        "DeploymentGroupId": group["deploymentGroupInfo"]["deploymentGroupId"],
        "DeploymentGroupName": "fleet",
        "ApplicationName": "app",
        "DeploymentCreator": "user",
        "DeploymentType": "IN_PLACE",
        "AppSpecFilename": "appspec.yml",
        "AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": "OVERWRITE"}},
        "AllPossibleLifecycleEvents": [
            "ApplicationStop",
            "DownloadBundle",
            "BeforeInstall",
            "Install",
            "AfterInstall",
            "ApplicationStart",
            "ValidateService",
        ],
        "Revision": {
            "RevisionType": "S3",
            "S3Revision": {"Bucket": "bundles", "Key": "one.zip", "BundleType": "zip"},
        },
    }
    host.carry_out(command)
    host.run(lambda: fleet.over(made))
    assert fleet.info(made)["status"] == "Succeeded"
    assert len(host.commands) == len(set(host.commands)) == EVENTS


def test_noop_events_are_over_with_their_acknowledgement(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create()
    command = poll(host)
    assert host.acknowledge(command, noop=True) == "Succeeded"
    host.complete(command)
    host.run(lambda: fleet.over(made), noop=("BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"))
    assert fleet.info(made)["status"] == "Succeeded"


def test_a_failing_command_may_be_completed_twice(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create()
    host.run(lambda: fleet.over(made), fail="AfterInstall")
    assert fleet.info(made)["status"] == "Failed"
    target = fleet.deploy.get_deployment_target(deploymentId=made, targetId="web-1")["deploymentTarget"]
    events = target["instanceTarget"]["lifecycleEvents"]
    assert [event["status"] for event in events] == ["Succeeded"] * 4 + ["Failed"] + ["Skipped"] * 2
    assert events[4]["diagnostics"]["logTail"] == "it broke"
    assert events[4]["diagnostics"]["errorCode"] == "ScriptFailed"


def test_sixteen_polls_at_once_get_a_command_once(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create()
    with ThreadPoolExecutor(16) as pool:
        for worker in [pool.submit(host.run, lambda: fleet.over(made)) for _ in range(16)]:
            worker.result(60)
    assert fleet.info(made)["status"] == "Succeeded"
    assert len(host.commands) == len(set(host.commands)) == EVENTS


def test_sixteen_hosts_are_served_at_once(fleet: Fleet) -> None:
    hosts = [fleet.host(f"web-{number}") for number in range(16)]
    made = fleet.create()
    with ThreadPoolExecutor(16) as pool:
        for worker in [pool.submit(host.run, lambda: fleet.over(made)) for host in hosts]:
            worker.result(90)
    assert fleet.info(made)["deploymentOverview"]["Succeeded"] == 16
    assert all(len(set(host.commands)) == EVENTS for host in hosts)


def test_a_host_cannot_speak_for_another(fleet: Fleet) -> None:
    one, other = fleet.host("web-1"), fleet.host("web-2")
    fleet.create()
    command = poll(one)
    other.identifier, mine = one.identifier, other.identifier
    with pytest.raises(Refused) as caught:
        other.poll()
    assert caught.value.status == 403
    other.identifier = mine
    for attempt in (other.acknowledge, other.complete, other.specification):
        with pytest.raises(Refused) as caught:
            attempt(command)
        assert 400 <= caught.value.status < 500


def test_an_administrator_is_not_a_host(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    administrator = Host(fleet.yard.endpoint, fleet.yard.facts, host.identifier)
    with pytest.raises(Refused) as caught:
        administrator.poll()
    assert caught.value.status == 403


def test_an_identity_that_is_not_registered_is_refused(fleet: Fleet) -> None:
    keys = fleet.yard.user("stranger")
    arn = f"arn:aws:iam::{fleet.yard.account}:user/stranger"
    with pytest.raises(Refused) as caught:
        Host(fleet.yard.endpoint, keys, arn).poll()
    assert (caught.value.status, caught.value.code) == (403, "AccessDeniedException")


def test_a_deregistered_host_is_refused_at_once(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    fleet.deploy.deregister_on_premises_instance(instanceName="web-1")
    with pytest.raises(Refused):
        host.poll()


def test_the_newer_target_prefix_and_signing_name_are_understood(fleet: Fleet) -> None:
    host = fleet.host("web-1", target="CodeDeployCommandService", service="codedeploy-commands-secure")
    made = fleet.create()
    host.run(lambda: fleet.over(made))
    assert fleet.info(made)["status"] == "Succeeded"


BAD: list[tuple[str, dict[str, object]]] = [
    ("PollHostCommand", {}),
    ("PollHostCommand", {"HostIdentifier": 7}),
    ("GetDeploymentSpecification", {"DeploymentExecutionId": "x"}),
    ("GetDeploymentSpecification", {"DeploymentExecutionId": "a/b/c/d"}),
    ("PutHostCommandAcknowledgement", {}),
    ("PutHostCommandAcknowledgement", {"HostCommandIdentifier": "x"}),
    ("PutHostCommandComplete", {"HostCommandIdentifier": "a.1.1", "CommandStatus": "Great"}),
    ("PutHostCommandComplete", {"HostCommandIdentifier": "a.1.1", "CommandStatus": "Failed", "Diagnostics": []}),
    ("PostHostCommandUpdate", {"HostCommandIdentifier": "a.1.1", "EstimatedCompletionTime": "soon"}),
]


def test_bad_input_is_a_client_exception(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    for operation, params in BAD:
        given = {"HostIdentifier": host.identifier} | params if operation == "GetDeploymentSpecification" else params
        with pytest.raises(Refused) as caught:
            host.call(operation, **given)
        assert 400 <= caught.value.status < 500, (operation, params)


def test_an_idle_poll_is_held_and_woken_by_a_deployment(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    fleet.hold(3600.0)
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(poll(host)), daemon=True)
    waiting.start()
    fleet.create()
    waiting.join(60)
    assert got, "the poll that is held for an hour ends with the command"


def test_an_agent_that_is_ended_breaks_its_held_poll_off(fleet: Fleet, tmp_path: Path) -> None:
    options = {"endpoint": fleet.yard.endpoint, "region": "us-east-1", "folder": tmp_path}
    agent = Agent(load(enrol(fleet.yard.call, "one", {}, **options).config))  # type: ignore[arg-type]
    fleet.hold(8.0)
    polling = threading.Thread(target=agent.run)
    polling.start()
    while not agent._idle:
        polling.join(0.01)
    polling.join(0.3)
    agent.stop()
    polling.join(60)
    assert not polling.is_alive()


def test_commands_follow_each_other_without_a_pause(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create()
    command = poll(host)
    fleet.hold(3600.0)
    while command["CommandName"] != "ValidateService":
        assert host.acknowledge(command) == "InProgress"
        host.complete(command)
        following = host.poll()
        assert following is not None, "the next command is there when the one before was completed"
        command = following
    host.carry_out(command)
    assert fleet.wait(made) == "Succeeded"


def test_polls_are_not_on_the_trail_and_completions_are(fleet: Fleet) -> None:
    host = fleet.host("web-1")
    made = fleet.create()
    host.run(lambda: fleet.over(made))
    names = [record["eventName"] for record in fleet.yard.trail()]
    assert "PutHostCommandComplete" in names
    assert "PollHostCommand" not in names
    assert json.dumps(names).count('CreateDeployment"') == 1
