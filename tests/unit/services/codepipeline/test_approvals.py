"""Manual approvals: who is told, who may answer, and what happens when nobody does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.unit.services.codepipeline.support import ALICE, NAME, World, approval, deploy, source

TOPIC = "arn:aws:sns:us-east-1:123456789012:releases"
PLACE = {"pipelineName": NAME, "stageName": "Approve", "actionName": "Approve"}


def waiting(world: World, **more: Any) -> str:
    """A pipeline that waits for its approval; its execution."""
    return world.create(("Source", [source()]), ("Approve", [approval(**more)]), ("Deploy", [deploy()]))


def answer(world: World, status: str = "Approved", summary: str = "", **more: str) -> dict[str, Any]:
    """Answer the approval."""
    place = {**PLACE, "token": world.latest("Approve", "Approve").get("token", ""), **more}
    answered = world.call("put_approval_result", result={"status": status, "summary": summary}, **place)
    world.settle()
    return answered


def test_an_approval_lets_the_execution_go_on(world: World) -> None:
    first = waiting(world)
    assert world.latest("Approve", "Approve")["status"] == "InProgress"
    assert "approvedAt" in answer(world, summary="Looks good")
    run = world.latest("Approve", "Approve")
    assert (run["status"], run["summary"], run["lastUpdatedBy"]) == ("Succeeded", "Looks good", ALICE)
    assert "token" not in run
    world.finish_deployment()
    assert world.status(first) == "Succeeded"


def test_a_rejection_fails_the_execution(world: World) -> None:
    first = waiting(world)
    answer(world, "Rejected", "not on a Friday")
    assert world.status(first) == "Failed"
    run = world.latest("Approve", "Approve")
    assert run["summary"] == "not on a Friday"
    assert run["errorDetails"] == {"code": "JobFailed", "message": f"Rejected by {ALICE}: not on a Friday"}
    assert world.outside.made("CreateDeployment") == []


def test_a_wrong_token_is_refused(world: World) -> None:
    waiting(world)
    with pytest.raises(AwsError) as refused:
        answer(world, token="00000000-0000-4000-8000-000000000000")
    assert refused.value.code == "InvalidApprovalTokenException"


def test_an_answer_counts_once(world: World) -> None:
    waiting(world)
    token = world.latest("Approve", "Approve")["token"]
    answer(world)
    with pytest.raises(AwsError) as refused:
        answer(world, "Rejected", token=token)
    assert refused.value.code == "ApprovalAlreadyCompletedException"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"pipelineName": "nope"}, "PipelineNotFoundException"),
        ({"stageName": "nope"}, "StageNotFoundException"),
        ({"actionName": "nope"}, "ActionNotFoundException"),
    ],
)
def test_an_answer_to_nothing_is_refused(world: World, wrong: dict[str, str], code: str) -> None:
    waiting(world)
    with pytest.raises(AwsError) as refused:
        answer(world, **wrong)
    assert refused.value.code == code


def test_the_topic_is_told_as_aws_tells_it(world: World) -> None:
    configuration = {"NotificationArn": TOPIC, "CustomData": "check", "ExternalEntityLink": "http://staging"}
    waiting(world, configuration=configuration)
    sent = world.outside.made("Publish")[0]
    assert sent["TopicArn"] == TOPIC
    assert sent["Subject"] == "APPROVAL NEEDED: AWS CodePipeline shop for action Approve"
    assert json.loads(sent["Message"]) == {
        "region": "us-east-1",
        "consoleLink": "https://console.example/pipelines/shop",
        "approval": {
            "pipelineName": "shop",
            "stageName": "Approve",
            "actionName": "Approve",
            "token": world.latest("Approve", "Approve")["token"],
            "expires": "2025-10-16T08:53Z",
            "externalEntityLink": "http://staging",
            "approvalReviewLink": "https://console.example/pipelines/shop?stage=Approve&action=Approve#approve",
            "customData": "check",
        },
    }


def test_a_topic_that_may_not_be_told_fails_the_action(world: World) -> None:
    world.outside.refuse["Publish"] = AwsError("AuthorizationError", "sns:Publish", status=403)
    first = waiting(world, configuration={"NotificationArn": TOPIC})
    assert world.status(first) == "Failed"
    assert world.latest("Approve", "Approve")["errorDetails"]["code"] == "PermissionError"


@pytest.mark.parametrize(("minutes", "seconds"), [(None, 7 * 24 * 3600), (5, 300)])
def test_an_approval_that_nobody_gives_fails_at_its_timeout(world: World, minutes: int | None, seconds: int) -> None:
    first = waiting(world, **({"timeoutInMinutes": minutes} if minutes else {}))
    world.clock.advance(seconds - 1)
    world.settle()
    assert world.status(first) == "InProgress"
    world.clock.advance(1)
    world.settle()
    assert world.status(first) == "Failed"


def test_an_approval_locks_its_stage(world: World) -> None:
    first = waiting(world)
    second = world.start()
    assert world.stage("Approve")["inboundExecution"]["pipelineExecutionId"] == second
    answer(world, "Rejected")
    assert world.status(first) == "Failed"
    assert world.stage("Approve")["latestExecution"]["pipelineExecutionId"] == second
