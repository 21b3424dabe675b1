"""The JSON of the three events, member for member."""

from __future__ import annotations

from typing import Any

from tests.unit.services.codepipeline.support import ALICE, NAME, World, build, source

START = "2025-10-09T08:53:20.000Z"


def of(world: World, kind: str, state: str) -> dict[str, Any]:
    """The detail of the first event of a kind and state."""
    wanted = f"CodePipeline {kind} Execution State Change"
    return next(e["detail"] for e in world.events if e["detail-type"] == wanted and e["detail"]["state"] == state)


def test_the_pipeline_event(world: World) -> None:
    first = world.create()
    world.finish_build()
    assert of(world, "Pipeline", "STARTED") == {
        "pipeline": NAME,
        "execution-id": first,
        "start-time": START,
        "execution-trigger": {"trigger-type": "CreatePipeline", "trigger-detail": ALICE},
        "state": "STARTED",
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    }
    assert of(world, "Pipeline", "SUCCEEDED") == {
        "pipeline": NAME,
        "execution-id": first,
        "start-time": START,
        "state": "SUCCEEDED",
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    }
    assert all(e["source"] != "aws.codepipeline" or e["detail"]["pipeline"] == NAME for e in world.events)


def test_the_stage_event(world: World) -> None:
    first = world.create()
    assert of(world, "Stage", "STARTED") == {
        "pipeline": NAME,
        "execution-id": first,
        "start-time": START,
        "stage": "Source",
        "state": "STARTED",
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    }


def test_the_action_event(world: World) -> None:
    first = world.create(("Source", [source()]), ("Build", [build(outputs=["Out"])]))
    world.clock.advance(5)
    world.finish_build()
    runs = world.runs()
    run = runs[0]
    expected = {
        "pipeline": NAME,
        "execution-id": first,
        "start-time": START,
        "stage": "Build",
        "action-execution-id": run["actionExecutionId"],
        "action": "Build",
        "region": "us-east-1",
        "type": {"owner": "AWS", "provider": "CodeBuild", "category": "Build", "version": "1"},
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    }
    details = [e["detail"] for e in world.events if e["detail"].get("action") == "Build"]
    assert details[0] == expected | {"state": "STARTED", "input-artifacts": run["input"]["inputArtifacts"]}
    assert details[1] == expected | {
        "state": "SUCCEEDED",
        "output-artifacts": run["output"]["outputArtifacts"],
        "execution-result": {
            "external-execution-id": run["output"]["executionResult"]["externalExecutionId"],
            "external-execution-url": run["output"]["executionResult"]["externalExecutionUrl"],
        },
    }


def test_a_failed_action_tells_its_error(world: World) -> None:
    world.create()
    world.finish_build("FAILED")
    result = of(world, "Action", "FAILED")["execution-result"]
    assert result["error-code"] == "JobFailed"
    assert result["external-execution-summary"] == "Build terminated with state: FAILED"


def test_stopping_tells_the_reason(world: World) -> None:
    first = world.create()
    world.call(
        "stop_pipeline_execution", pipelineName=NAME, pipelineExecutionId=first, abandon=True, reason="wrong branch"
    )
    world.settle()
    assert of(world, "Pipeline", "STOPPING")["stop-execution-comments"] == "wrong branch"
    assert world.states() == ["STARTED", "STOPPING", "STOPPED"]
    assert world.states("Stage")[-2:] == ["STOPPING", "STOPPED"]
    assert world.states("Action")[-1] == "ABANDONED"


def test_a_retry_tells_resumed_with_the_attempt(world: World) -> None:
    first = world.create()
    world.finish_build("FAILED")
    world.clock.advance(60)
    world.call(
        "retry_stage_execution",
        pipelineName=NAME,
        stageName="Build",
        pipelineExecutionId=first,
        retryMode="FAILED_ACTIONS",
    )
    world.settle()
    resumed = of(world, "Pipeline", "RESUMED")
    assert resumed["pipeline-execution-attempt"] == 2.0
    assert resumed["last-retry-attempt-time"] == "2025-10-09T08:54:20.000Z"
    assert of(world, "Stage", "RESUMED")["stage-last-retry-attempt-time"] == "2025-10-09T08:54:20.000Z"


def test_superseding_is_told(world: World) -> None:
    world.create()
    second = world.start()
    world.start()
    assert of(world, "Pipeline", "SUPERSEDED")["execution-id"] == second
