"""Crashes, lost and repeated news: an action is begun once, and every execution comes to an end."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.services.codepipeline.apply import OBSERVE, START
from tests.unit.services.codepipeline.support import NAME, World, deploy, pipeline, source


class Died(Exception):
    """The process is gone."""


def run_id(world: World, stage: str, name: str) -> str:
    """The action execution id of an action's newest run."""
    return str(world.latest(stage, name)["actionExecutionId"])


def test_an_effect_that_comes_again_begins_nothing_again(world: World) -> None:
    first = world.create(("Source", [source()]), ("Deploy", [deploy()]))
    world.part.effects[START](run_id(world, "Deploy", "Deploy"), {})
    world.part.effects[START](run_id(world, "Source", "Source"), {})
    assert len(world.outside.made("CreateDeployment")) == 1
    assert len(world.outside.made("UploadArchive")) == 1
    world.finish_deployment()
    assert world.status(first) == "Succeeded"


def _die_after(world: World, operation: str) -> None:
    """The next call of an operation is carried out, and the process dies before it hears of it."""
    real = world.outside.call

    def call(service: str, name: str, params: Any = None) -> dict[str, Any]:
        answer = real(service, name, params)
        if name == operation:
            world.outside.call = real  # type: ignore[method-assign]
            raise Died
        return answer

    world.outside.call = call  # type: ignore[method-assign, assignment]


def test_a_crash_after_a_deployment_was_created_does_not_create_another(world: World) -> None:
    _die_after(world, "CreateDeployment")
    first = world.create(("Source", [source()]), ("Deploy", [deploy()]))
    assert len(world.outside.made("CreateDeployment")) == 1
    world.boot()
    world.clock.advance(60)
    world.settle()
    assert len(world.outside.made("CreateDeployment")) == 1
    assert world.latest("Deploy", "Deploy")["externalExecutionId"] == "d-000000001"
    world.finish_deployment()
    assert world.status(first) == "Succeeded"


def test_a_crash_after_a_build_was_started_finds_the_same_build(world: World) -> None:
    _die_after(world, "StartBuild")
    first = world.create()
    world.boot()
    world.clock.advance(60)
    world.settle()
    assert len(world.outside.builds) == 1
    world.finish_build()
    assert world.status(first) == "Succeeded"


def test_a_lost_event_is_made_up_for_by_the_slow_look(world: World) -> None:
    first = world.create()
    for found in world.outside.builds.values():
        found["buildStatus"] = "SUCCEEDED"
    assert world.status(first) == "InProgress"
    world.clock.advance(61)
    world.settle()
    assert world.status(first) == "Succeeded"


def test_a_build_that_ends_before_its_start_is_recorded_is_not_missed(world: World) -> None:
    real = world.outside.call

    def quick(service: str, name: str, params: Any = None) -> dict[str, Any]:
        answer = real(service, name, params)
        if name == "StartBuild":
            answer = {"build": dict(answer["build"])}
            for found in world.outside.builds.values():
                found["buildStatus"] = "SUCCEEDED"
        return answer

    world.outside.call = quick  # type: ignore[method-assign, assignment]
    assert world.status(world.create()) == "Succeeded"


def test_news_that_comes_twice_or_late_changes_nothing(world: World) -> None:
    first = world.create()
    world.finish_build()
    ended = len(world.events)
    world.part.reconcilers[OBSERVE](run_id(world, "Build", "Build"))
    for build_id in world.outside.builds:
        world.emit("aws.codebuild", "CodeBuild Build State Change", {"build-id": f"arn:x:build/{build_id}"})
    assert world.status(first) == "Succeeded"
    assert len([e for e in world.events[ended:] if e["source"] == "aws.codepipeline"]) == 0


def test_a_restart_looks_at_everything_that_is_in_progress(world: World) -> None:
    first = world.create()
    for found in world.outside.builds.values():
        found["buildStatus"] = "SUCCEEDED"
    world.boot()
    world.settle()
    assert world.status(first) == "Succeeded"


def test_an_action_abandoned_before_it_began_is_never_begun(world: World) -> None:
    world.call("create_pipeline", pipeline=pipeline())
    started = world.history()[0]["pipelineExecutionId"]
    world.call("stop_pipeline_execution", pipelineName=NAME, pipelineExecutionId=started, abandon=True)
    world.settle()
    assert world.outside.calls == []
    assert world.status(started) == "Stopped"


def test_a_pipeline_deleted_before_its_action_began_begins_nothing(world: World) -> None:
    world.call("create_pipeline", pipeline=pipeline())
    world.call("delete_pipeline", name=NAME)
    world.settle()
    assert world.outside.calls == []


@pytest.mark.parametrize("operation", ["BatchGetBuilds", "StartBuild"])
def test_a_service_that_is_away_for_a_while_is_asked_again(world: World, operation: str) -> None:
    world.outside.refuse[operation] = AwsError("InternalFailure", "away", status=500)
    first = world.create()
    world.outside.refuse.clear()
    for found in world.outside.builds.values():
        found["buildStatus"] = "SUCCEEDED"
    world.clock.advance(61)
    world.settle()
    world.finish_build()
    assert world.status(first) == "Succeeded"
