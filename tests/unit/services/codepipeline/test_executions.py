"""Executions through the API: order, superseding, transitions, stopping, retrying."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.unit.services.codepipeline.support import (
    ALICE,
    NAME,
    World,
    approval,
    as_events_target,
    build,
    deploy,
    source,
)

CLOSED = {"pipelineName": NAME, "stageName": "Build", "transitionType": "Inbound"}
TWO_BUILDS = ("Build", [build("One", "one"), build("Two", "two")])


def stop(world: World, execution: str, **more: object) -> None:
    """Stop an execution and settle."""
    world.call("stop_pipeline_execution", pipelineName=NAME, pipelineExecutionId=execution, **more)
    world.settle()


def retry(world: World, execution: str, mode: str = "FAILED_ACTIONS", stage: str = "Build") -> None:
    """Retry a stage and settle."""
    world.call(
        "retry_stage_execution", pipelineName=NAME, stageName=stage, pipelineExecutionId=execution, retryMode=mode
    )
    world.settle()


def test_a_new_pipeline_starts_its_first_execution(world: World) -> None:
    first = world.create()
    summary = world.history()[0]
    assert summary["trigger"] == {"triggerType": "CreatePipeline", "triggerDetail": ALICE}
    assert world.status(first) == "InProgress"


def test_an_execution_that_went_through_all_stages_has_succeeded(world: World) -> None:
    first = world.create()
    world.finish_build()
    assert world.status(first) == "Succeeded"
    assert world.stage("Build")["latestExecution"] == {
        "pipelineExecutionId": first,
        "status": "Succeeded",
        "type": "STANDARD",
    }


def test_a_newer_execution_supersedes_the_waiting_one_and_never_the_running_one(world: World) -> None:
    first = world.create()
    second, third = world.start(), world.start()
    assert [world.status(e) for e in (first, second, third)] == ["InProgress", "Superseded", "InProgress"]
    assert world.stage("Build")["inboundExecution"]["pipelineExecutionId"] == third
    detail = world.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=second)["pipelineExecution"]
    assert detail["statusSummary"] == f"Superseded by {third}"
    world.finish_build()
    assert world.stage("Build")["latestExecution"]["pipelineExecutionId"] == third


def test_a_queue_runs_executions_in_the_order_of_their_start(world: World) -> None:
    first = world.create(executionMode="QUEUED")
    second, third = world.start(), world.start()
    state = world.stage("Build")
    assert [e["pipelineExecutionId"] for e in state["inboundExecutions"]] == [second, third]
    for running in (first, second, third):
        assert world.stage("Build")["latestExecution"]["pipelineExecutionId"] == running
        world.finish_build()
    assert {world.status(e) for e in (first, second, third)} == {"Succeeded"}


def test_parallel_executions_run_at_once(world: World) -> None:
    first = world.create(executionMode="PARALLEL")
    second = world.start()
    assert len(world.outside.made("StartBuild")) == 2
    world.finish_build()
    assert [world.status(e) for e in (first, second)] == ["Succeeded", "Succeeded"]


def test_a_queue_takes_fifty_executions_and_no_more(world: World) -> None:
    world.create(executionMode="QUEUED")
    for _ in range(49):
        world.call("start_pipeline_execution", name=NAME)
    with pytest.raises(AwsError) as refused:
        world.call("start_pipeline_execution", name=NAME)
    assert refused.value.code == "ConcurrentPipelineExecutionsLimitExceededException"


def test_a_disabled_transition_holds_executions_until_it_is_enabled(world: World) -> None:
    first = world.create()
    world.finish_build()
    world.call("disable_stage_transition", **CLOSED, reason="release freeze")
    held = world.start()
    state = world.stage("Build")
    assert state["inboundExecution"] == {"pipelineExecutionId": held, "status": "InProgress", "type": "STANDARD"}
    assert state["inboundTransitionState"]["enabled"] is False
    assert state["inboundTransitionState"]["disabledReason"] == "release freeze"
    assert state["inboundTransitionState"]["lastChangedBy"] == ALICE
    assert state["latestExecution"]["pipelineExecutionId"] == first
    world.call("enable_stage_transition", **CLOSED)
    world.settle()
    state = world.stage("Build")
    assert state["latestExecution"]["pipelineExecutionId"] == held
    assert state["inboundTransitionState"]["enabled"] is True
    assert "disabledReason" not in state["inboundTransitionState"]


def test_a_disabled_way_out_of_a_stage_holds_too(world: World) -> None:
    world.create()
    world.finish_build()
    out = {"pipelineName": NAME, "stageName": "Source", "transitionType": "Outbound"}
    world.call("disable_stage_transition", **out, reason="hold")
    held = world.start()
    assert world.stage("Build")["inboundExecution"]["pipelineExecutionId"] == held
    world.call("enable_stage_transition", **out)
    assert world.stage("Build")["latestExecution"]["pipelineExecutionId"] == held


def test_a_stage_that_is_not_there_has_no_transition(world: World) -> None:
    world.create()
    with pytest.raises(AwsError) as refused:
        world.call("disable_stage_transition", **(CLOSED | {"stageName": "Nope"}), reason="x")
    assert refused.value.code == "StageNotFoundException"


def test_the_same_request_token_starts_one_execution(world: World) -> None:
    world.create()
    one = world.start(clientRequestToken="t-1")
    assert world.start(clientRequestToken="t-1") == one
    assert world.start(clientRequestToken="t-2") != one
    assert len(world.history()) == 3


def test_a_request_token_with_other_parameters_is_a_conflict(world: World) -> None:
    world.create(variables=[{"name": "v", "defaultValue": "1"}])
    world.start(clientRequestToken="t-1")
    with pytest.raises(AwsError) as refused:
        world.start(clientRequestToken="t-1", variables=[{"name": "v", "value": "2"}])
    assert refused.value.code == "ConflictException"


def test_an_eventbridge_target_starts_with_the_trigger_cloudwatchevent(world: World) -> None:
    world.create()
    world.call("start_pipeline_execution", _principal=as_events_target(), name=NAME)
    assert world.history()[0]["trigger"]["triggerType"] == "CloudWatchEvent"


def test_stopping_waits_for_running_actions_and_starts_no_more(world: World) -> None:
    first = world.create(("Source", [source()]), ("Build", [build(), approval(runOrder=2)]))
    stop(world, first, reason="wrong branch")
    assert world.status(first) == "Stopping"
    assert world.stage("Build")["latestExecution"]["status"] == "Stopping"
    world.finish_build()
    assert world.status(first) == "Stopped"
    assert world.latest("Build", "Approve") == {}
    assert world.latest("Build", "Build")["status"] == "Succeeded"
    assert world.history()[0]["stopTrigger"] == {"reason": "wrong branch"}


def test_abandoning_stops_at_once_and_leaves_the_provider_alone(world: World) -> None:
    first = world.create()
    stop(world, first, abandon=True)
    assert world.status(first) == "Stopped"
    assert world.latest("Build", "Build")["status"] == "Abandoned"
    world.finish_build()
    assert world.latest("Build", "Build")["status"] == "Abandoned"
    assert world.outside.made("StopBuild") == []


def test_a_stop_that_waits_can_be_turned_into_an_abandon_once(world: World) -> None:
    first = world.create()
    stop(world, first)
    with pytest.raises(AwsError) as refused:
        stop(world, first)
    assert refused.value.code == "DuplicatedStopRequestException"
    stop(world, first, abandon=True)
    assert world.status(first) == "Stopped"


def test_an_execution_that_ended_cannot_be_stopped(world: World) -> None:
    first = world.create()
    world.finish_build()
    for execution in (first, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(AwsError) as refused:
            stop(world, execution)
        assert refused.value.code == "PipelineExecutionNotStoppableException"


def test_one_that_waits_before_a_stage_can_be_stopped(world: World) -> None:
    world.create()
    waiting = world.start()
    stop(world, waiting)
    assert world.status(waiting) == "Stopped"
    assert "inboundExecution" not in world.stage("Build")


def test_a_failed_stage_fails_the_execution_and_starts_nothing_more(world: World) -> None:
    first = world.create(("Source", [source()]), TWO_BUILDS, ("Deploy", [deploy()]))
    world.finish_build("FAILED", which="one")
    assert world.status(first) == "InProgress"
    world.finish_build(which="two")
    assert world.status(first) == "Failed"
    assert world.stage("Build")["latestExecution"]["status"] == "Failed"
    assert world.outside.made("CreateDeployment") == []


def test_retrying_failed_actions_runs_only_those(world: World) -> None:
    first = world.create(("Source", [source()]), TWO_BUILDS)
    world.finish_build("FAILED", which="one")
    world.finish_build(which="two")
    retry(world, first)
    assert world.status(first) == "InProgress"
    assert [b["projectName"] for b in world.outside.made("StartBuild")] == ["one", "two", "one"]
    assert world.stage("Build")["retryStageMetadata"] == {
        "manualStageRetryAttempt": 1,
        "latestRetryTrigger": "ManualStageRetry",
    }
    world.finish_build()
    assert world.status(first) == "Succeeded"
    assert world.states() == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]


def test_failed_actions_are_retried_while_others_still_run(world: World) -> None:
    first = world.create(("Source", [source()]), TWO_BUILDS)
    world.finish_build("FAILED", which="one")
    with pytest.raises(AwsError) as refused:
        retry(world, first, "ALL_ACTIONS")
    assert refused.value.code == "StageNotRetryableException"
    retry(world, first)
    assert [b["projectName"] for b in world.outside.made("StartBuild")] == ["one", "two", "one"]
    world.finish_build()
    assert world.status(first) == "Succeeded"


def test_retrying_all_actions_runs_the_succeeded_ones_again(world: World) -> None:
    first = world.create(("Source", [source()]), TWO_BUILDS)
    world.finish_build("FAILED", which="one")
    world.finish_build(which="two")
    retry(world, first, "ALL_ACTIONS")
    assert [b["projectName"] for b in world.outside.made("StartBuild")] == ["one", "two", "one", "two"]
    world.finish_build()
    assert world.status(first) == "Succeeded"


def test_a_stopped_stage_can_be_retried(world: World) -> None:
    first = world.create()
    stop(world, first, abandon=True)
    retry(world, first)
    world.finish_build()
    assert world.status(first) == "Succeeded"


def test_only_the_latest_execution_of_a_stage_can_be_retried(world: World) -> None:
    first = world.create()
    world.finish_build("FAILED")
    world.start()
    with pytest.raises(AwsError) as refused:
        retry(world, first)
    assert refused.value.code == "NotLatestPipelineExecutionException"


def test_a_stage_that_did_not_fail_or_has_another_structure_cannot_be_retried(world: World) -> None:
    first = world.create()
    with pytest.raises(AwsError) as refused:
        retry(world, first)
    assert refused.value.code == "StageNotRetryableException"
    world.finish_build("FAILED")
    declared = world.call("get_pipeline", name=NAME)["pipeline"]
    world.call("update_pipeline", pipeline=declared)
    with pytest.raises(AwsError) as changed:
        retry(world, first)
    assert changed.value.code == "StageNotRetryableException"
    assert "structure has changed" in changed.value.message


def test_an_execution_keeps_the_version_that_it_was_started_with(world: World) -> None:
    first = world.create()
    declared = world.call("get_pipeline", name=NAME)["pipeline"]
    declared["stages"].append({"name": "Deploy", "actions": [deploy()]})
    world.call("update_pipeline", pipeline=declared)
    world.finish_build()
    assert world.status(first) == "Succeeded"
    assert world.outside.made("CreateDeployment") == []
    second = world.start()
    world.finish_build()
    world.finish_deployment()
    assert world.status(second) == "Succeeded"
    shown = world.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=second)["pipelineExecution"]
    assert shown["pipelineVersion"] == 2


def test_pipeline_variables_take_their_default_or_the_given_value(world: World) -> None:
    configuration = {"EnvironmentVariables": '[{"name":"V","value":"#{variables.v}"}]'}
    world.create(
        ("Source", [source()]),
        ("Build", [build(configuration=configuration)]),
        variables=[{"name": "v", "defaultValue": "one"}],
        executionMode="PARALLEL",
    )
    second = world.start(variables=[{"name": "v", "value": "two"}])
    sent = [b["environmentVariablesOverride"][0]["value"] for b in world.outside.made("StartBuild")]
    assert sent == ["one", "two"]
    shown = world.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=second)["pipelineExecution"]
    assert shown["variables"] == [{"name": "v", "resolvedValue": "two"}]


def test_a_variable_without_a_default_needs_a_value(world: World) -> None:
    assert world.create(variables=[{"name": "v"}]) == ""
    for given in ([], [{"name": "v", "value": "1"}, {"name": "w", "value": "1"}]):
        with pytest.raises(AwsError) as refused:
            world.call("start_pipeline_execution", name=NAME, **({"variables": given} if given else {}))
        assert refused.value.code == "ValidationException"


def test_a_start_can_pin_the_commit(world: World) -> None:
    world.create()
    pin = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": "c" * 40}
    started = world.start(sourceRevisions=[pin])
    assert world.outside.made("UploadArchive")[-1]["commitId"] == "c" * 40
    shown = world.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=started)["pipelineExecution"]
    assert shown["artifactRevisions"][0]["revisionId"] == "c" * 40


@pytest.mark.parametrize(
    "pin",
    [
        {"actionName": "Nope", "revisionType": "COMMIT_ID", "revisionValue": "c"},
        {"actionName": "Source", "revisionType": "IMAGE_DIGEST", "revisionValue": "c"},
    ],
)
def test_a_pin_must_fit_a_source(world: World, pin: dict[str, str]) -> None:
    world.create()
    with pytest.raises(AwsError) as refused:
        world.call("start_pipeline_execution", name=NAME, sourceRevisions=[pin])
    assert refused.value.code == "ValidationException"


def test_history_is_paged_newest_first_and_filtered_by_stage(world: World) -> None:
    first = world.create(executionMode="PARALLEL")
    world.finish_build()
    others = [world.start() for _ in range(4)]
    seen, token = [], None
    while True:
        page = world.call(
            "list_pipeline_executions", pipelineName=NAME, maxResults=2, **({"nextToken": token} if token else {})
        )
        seen += [e["pipelineExecutionId"] for e in page["pipelineExecutionSummaries"]]
        if (token := page.get("nextToken")) is None:
            break
    assert seen == [*reversed(others), first]
    passed = world.call(
        "list_pipeline_executions", pipelineName=NAME, filter={"succeededInStage": {"stageName": "Build"}}
    )
    assert [e["pipelineExecutionId"] for e in passed["pipelineExecutionSummaries"]] == [first]


def test_action_executions_can_be_those_of_one_execution_and_only_its_latest_attempts(world: World) -> None:
    first = world.create()
    world.finish_build("FAILED")
    retry(world, first)
    world.start()
    all_runs = world.runs(filter={"pipelineExecutionId": first})
    assert [(r["actionName"], r["status"]) for r in all_runs] == [
        ("Build", "InProgress"),
        ("Build", "Failed"),
        ("Source", "Succeeded"),
    ]
    latest = {"latestInPipelineExecution": {"pipelineExecutionId": first, "startTimeRange": "Latest"}}
    assert [r["actionName"] for r in world.runs(filter=latest)] == ["Build", "Source"]


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("get_pipeline_execution", {"pipelineExecutionId": "x"}, "PipelineExecutionNotFoundException"),
        ("list_action_executions", {"filter": {"pipelineExecutionId": "x"}}, "PipelineExecutionNotFoundException"),
        ("list_action_executions", {"nextToken": "AAAA"}, "InvalidNextTokenException"),
        ("list_pipeline_executions", {"nextToken": "not base64 ☃"}, "InvalidNextTokenException"),
    ],
)
def test_what_is_not_there_has_its_own_exception(world: World, operation: str, params: dict, code: str) -> None:
    world.create()
    with pytest.raises(AwsError) as refused:
        world.call(operation, pipelineName=NAME, **params)
    assert refused.value.code == code


def rollback(world: World, target: str, stage: str = "Deploy") -> str:
    """Roll a stage back and settle."""
    asked = {"pipelineName": NAME, "stageName": stage, "targetPipelineExecutionId": target}
    found = str(world.call("rollback_stage", **asked)["pipelineExecutionId"])
    world.settle()
    return found


def of_execution(world: World, execution: str) -> list[Any]:
    return world.runs(filter={"pipelineExecutionId": execution})


def _two_releases(world: World) -> tuple[str, str]:
    """Two executions that went through all stages."""
    stages = [("Source", [source()]), ("Build", [build(outputs=["Out"])]), ("Deploy", [deploy(inputs=["Out"])])]
    first = world.create(*stages)
    world.finish_build()
    world.finish_deployment()
    second = world.start()
    world.finish_build()
    world.finish_deployment()
    assert [world.status(one) for one in (first, second)] == ["Succeeded", "Succeeded"]
    return first, second


def test_a_stage_is_rolled_back_with_what_its_target_built(world: World) -> None:
    first, second = _two_releases(world)
    third = rollback(world, first)
    (told,) = of_execution(world, third)
    (before,) = [run for run in of_execution(world, first) if run["stageName"] == "Deploy"]
    assert told["stageName"] == "Deploy"
    assert told["input"]["inputArtifacts"] == before["input"]["inputArtifacts"]
    assert world.status(third) == "InProgress"
    world.finish_deployment()
    assert world.status(third) == "Succeeded"
    newest = world.history()[0]
    assert (newest["executionType"], newest["rollbackMetadata"]) == (
        "ROLLBACK", {"rollbackTargetPipelineExecutionId": first})  # fmt: skip
    assert newest["trigger"] == {"triggerType": "ManualRollback", "triggerDetail": ALICE}
    assert world.stage("Deploy")["latestExecution"]["type"] == "ROLLBACK"
    assert world.stage("Build")["latestExecution"] == {
        "pipelineExecutionId": second, "status": "Succeeded", "type": "STANDARD"}  # fmt: skip


def test_a_rollback_needs_a_target_that_fits(world: World) -> None:
    first, second = _two_releases(world)
    for target, stage, code in (
        (second, "Deploy", "UnableToRollbackStageException"),
        (first, "Source", "UnableToRollbackStageException"),
        (first, "None", "StageNotFoundException"),
        ("00000000-0000-0000-0000-000000000000", "Deploy", "PipelineExecutionNotFoundException"),
    ):
        with pytest.raises(AwsError) as refused:
            rollback(world, target, stage)
        assert refused.value.code == code
    third = rollback(world, first)
    for target in (first, third):  # one is under way
        with pytest.raises(AwsError) as refused:
            rollback(world, target)
        assert refused.value.code == "UnableToRollbackStageException"
    world.finish_deployment()
    with pytest.raises(AwsError, match="itself a rollback"):
        rollback(world, third)
    world.call("update_pipeline", pipeline=world.call("get_pipeline", name=NAME)["pipeline"])
    with pytest.raises(AwsError) as refused:
        rollback(world, second)
    assert refused.value.code == "PipelineExecutionOutdatedException"


def test_a_revision_that_is_told_starts_the_pipeline_once(world: World) -> None:
    world.create()
    told = {"revisionId": "r1", "revisionChangeId": "c1", "created": 0}
    asked = {"pipelineName": NAME, "stageName": "Source", "actionName": "Source", "actionRevision": told}
    first = world.call("put_action_revision", **asked)
    assert first["newRevision"] is True
    world.settle()
    again = world.call("put_action_revision", **asked)
    assert again == {"newRevision": False, "pipelineExecutionId": first["pipelineExecutionId"]}
    assert world.history()[0]["trigger"]["triggerType"] == "PutActionRevision"
    with pytest.raises(AwsError) as refused:
        world.call("put_action_revision", **{**asked, "stageName": "Build", "actionName": "Build"})
    assert refused.value.code == "ValidationException"
