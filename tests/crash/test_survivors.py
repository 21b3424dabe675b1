"""Killing the server kills no work: a build and a deployment hook go on, re-attach and report all of their output."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.crash.short import NAME, Short
from tests.crash.support import wait_until, yard_in
from tests.crash.test_leases import lines, status

COUNTING = """\
version: 0.2
phases:
  build:
    commands:
      - for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "step $i"; sleep 0.5; done
"""
UPLOADING = """\
version: 0.2
phases:
  build:
    commands:
      - echo begun
      - sleep 3
artifacts:
  files: ["**/*"]
"""
SLOW_HOOK = """\
#!/bin/sh
echo "begin $DEPLOYMENT_ID $LIFECYCLE_EVENT" >> {ran}
[ "$LIFECYCLE_EVENT" != AfterInstall ] || sleep 4
echo "end of $LIFECYCLE_EVENT"
echo "end $DEPLOYMENT_ID $LIFECYCLE_EVENT" >> {ran}
"""


@pytest.mark.timeout(180)
def test_a_build_outlives_the_server_and_its_runner_and_its_whole_log_arrives(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up(deploy=False)
        short.project(f"{NAME}-counting", COUNTING)
        build = yard.client("codebuild").start_build(projectName=f"{NAME}-counting")["build"]["id"]
        wait_until("the build's first step", lambda: "step 1" in lines(short, build), 60)

        yard.kill_server()
        yard.kill_runner()
        yard.start()

        wait_until("the build succeeds", lambda: status(short, build) == "SUCCEEDED", 60)
        assert re.findall(r"^step (\d+)", lines(short, build), re.M) == [str(i) for i in range(1, 13)]


@pytest.mark.timeout(180)
def test_a_build_whose_server_is_away_when_it_uploads_waits_for_it(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up(UPLOADING, deploy=False)
        execution = short.execution_of(short.push())
        (build,) = wait_until("the build exists", lambda: [b["id"] for b in short.builds()])
        wait_until("the build's first command", lambda: "begun" in lines(short, build), 60)

        yard.kill_server()
        outage = time.monotonic() + 5
        wait_until("the build reaches its upload", lambda: time.monotonic() > outage)
        yard.start()

        ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
        assert ended[execution] == "Succeeded", short.reason(execution)
        short.check()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("killed", ["server", "agent", "both"])
def test_a_hook_outlives_the_server_and_the_agent_and_is_reported_once(tmp_path: Path, killed: str) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up(hook=SLOW_HOOK)
        commit = short.push()
        wait_until("the slow hook begins", lambda: yard.ran.exists() and "AfterInstall" in yard.ran.read_text(), 60)

        if killed in ("agent", "both"):
            yard.kill_agent()
        if killed in ("server", "both"):
            yard.kill_server()
            yard.start()
        if killed in ("agent", "both"):
            yard.start_agent()

        execution = short.execution_of(commit)
        ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
        assert ended[execution] == "Succeeded"
        short.check()
        assert len(re.findall(r"^begin .* AfterInstall$", yard.ran.read_text(), re.M)) == 1
        assert len(re.findall(r"^end .* AfterInstall$", yard.ran.read_text(), re.M)) == 1
        assert {"BeforeInstall": "Succeeded", "AfterInstall": "Succeeded"}.items() <= events(short).items()


def events(short: Short) -> dict[str, str]:
    """How the lifecycle events of the newest deployment ended on the host."""
    client = short.yard.client("codedeploy")
    newest = client.list_deployments(applicationName=NAME, deploymentGroupName="here")["deployments"][0]
    target = client.list_deployment_targets(deploymentId=newest)["targetIds"][0]
    found = client.get_deployment_target(deploymentId=newest, targetId=target)["deploymentTarget"]["instanceTarget"]
    return {event["lifecycleEventName"]: event["status"] for event in found["lifecycleEvents"]}


def test_a_server_that_is_asked_to_end_takes_its_runner_with_it(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        yard.stop_server()

        wait_until("the runner ends", lambda: not yard.runner_tree())
