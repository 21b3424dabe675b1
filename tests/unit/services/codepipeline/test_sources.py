"""When a change of a source starts the pipeline, and that it starts it once."""

from __future__ import annotations

import pytest

from codeyard.contract import AwsError
from tests.unit.services.codepipeline.support import NAME, World, action, build, source

RULE = "arn:aws:events:us-east-1:123456789012:rule/on-push"
POLLING = ("Source", [source(configuration={"PollForSourceChanges": "true"})])
BUILD = ("Build", [build()])


def triggers(world: World) -> list[str]:
    """The trigger types of all executions, oldest first."""
    return [e["trigger"]["triggerType"] for e in reversed(world.history())]


def commits(world: World) -> list[str]:
    """The first letter of each archived commit."""
    return [p["commitId"][0] for p in world.outside.made("UploadArchive")]


def test_a_push_starts_a_pipeline_that_polls(world: World) -> None:
    world.create(POLLING, BUILD)
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]
    assert commits(world) == ["a", "b"]


def test_polling_is_the_default(world: World) -> None:
    silent = source()
    del silent["configuration"]["PollForSourceChanges"]
    world.create(("Source", [silent]), BUILD)
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]


def test_a_pipeline_that_does_not_poll_is_left_alone(world: World) -> None:
    world.create()
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline"]


def test_another_branch_starts_nothing(world: World) -> None:
    world.create(POLLING, BUILD)
    event = world.push_event("b" * 40, "feature")
    world.emit(event["source"], event["detail-type"], event["detail"])
    assert triggers(world) == ["CreatePipeline"]


def test_a_deleted_branch_starts_nothing(world: World) -> None:
    world.create(POLLING, BUILD)
    event = world.push_event("b" * 40)
    world.outside.head = "b" * 40
    world.emit(event["source"], event["detail-type"], event["detail"] | {"event": "referenceDeleted"})
    assert triggers(world) == ["CreatePipeline"]


def test_the_same_news_twice_starts_once(world: World) -> None:
    world.create(POLLING, BUILD)
    world.push("b" * 40)
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]


def test_the_first_push_to_an_empty_repository_starts_the_pipeline(world: World) -> None:
    world.outside.refuse["GetBranch"] = AwsError("BranchDoesNotExistException", "no branch")
    first = world.create(POLLING, BUILD)
    assert world.status(first) == "Failed"
    world.outside.refuse.clear()
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]


def test_a_role_that_may_not_look_starts_nothing(world: World) -> None:
    world.create(POLLING, BUILD)
    world.outside.refuse["GetBranch"] = AwsError("AccessDeniedException", "no", status=403)
    world.push("b" * 40)
    assert triggers(world) == ["CreatePipeline"]


def test_a_rule_starts_the_pipeline_with_the_pushed_commit_pinned(world: World) -> None:
    world.create(executionMode="PARALLEL")
    event = world.push_event("b" * 40)
    world.outside.head = "c" * 40
    world.from_rule(event, RULE)
    assert world.history()[0]["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": RULE}
    assert commits(world) == ["a", "b"]


def test_one_event_starts_one_execution_however_often_it_is_delivered(world: World) -> None:
    world.create()
    event = world.push_event("b" * 40)
    assert world.from_rule(event, RULE) == world.from_rule(event, RULE)
    assert len(world.history()) == 2


def test_a_rule_and_polling_together_start_once_a_commit(world: World) -> None:
    world.create(POLLING, BUILD)
    world.push("b" * 40, rule=RULE)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]
    event = world.push_event("c" * 40)
    world.outside.head = "c" * 40
    world.from_rule(event, RULE)
    world.emit(event["source"], event["detail-type"], event["detail"])
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges", "CloudWatchEvent"]


def test_a_rule_without_a_source_change_takes_the_head(world: World) -> None:
    world.create()
    schedule = {"id": "1", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    world.from_rule(schedule, RULE)
    assert commits(world) == ["a", "a"]


@pytest.mark.parametrize("event", [None, "x", {}, {"detail": "x"}, {"source": "aws.s3", "detail": {"bucket": 1}}])
def test_a_strange_event_starts_without_a_pin_or_is_refused(world: World, event: object) -> None:
    world.create()
    if isinstance(event, dict):
        assert world.from_rule(event, RULE)
    else:
        with pytest.raises(AwsError) as refused:
            world.call("start_pipeline_execution_from_event", name=NAME, event=event, rule=RULE)
        assert refused.value.code == "ValidationException"


def test_a_pinned_start_does_not_count_as_having_seen_the_head(world: World) -> None:
    world.create(POLLING, BUILD)
    pin = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}
    world.start(sourceRevisions=[pin])
    event = world.push_event("a" * 40)
    world.emit(event["source"], event["detail-type"], event["detail"])
    assert triggers(world) == ["CreatePipeline", "StartPipelineExecution"]


def _s3(**more: str) -> tuple[str, list[dict[str, object]]]:
    configuration = {"S3Bucket": "in", "S3ObjectKey": "app.zip", **more}
    return ("Source", [action("Source", "Source", "S3", configuration, outputs=["App"])])


def test_an_s3_source_is_looked_at_once_a_minute(world: World) -> None:
    world.outside.objects["in/app.zip"] = "1"
    world.create(_s3(), BUILD)
    world.outside.objects["in/app.zip"] = "2"
    world.clock.advance(59)
    world.settle()
    assert triggers(world) == ["CreatePipeline"]
    world.clock.advance(2)
    world.settle()
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]
    world.clock.advance(61)
    world.settle()
    assert len(world.history()) == 2


def test_an_s3_event_starts_at_once(world: World) -> None:
    world.outside.objects["in/app.zip"] = "1"
    world.create(_s3(), BUILD)
    world.outside.objects["in/app.zip"] = "2"
    detail = {"bucket": {"name": "in"}, "object": {"key": "app.zip", "version-id": "2"}}
    world.emit("aws.s3", "Object Created", detail)
    assert triggers(world) == ["CreatePipeline", "PollForSourceChanges"]


def test_a_deleted_pipeline_is_not_looked_at_any_more(world: World) -> None:
    world.outside.objects["in/app.zip"] = "1"
    world.create(_s3(), BUILD)
    world.call("delete_pipeline", name=NAME)
    looked = len(world.outside.made("HeadObject"))
    world.clock.advance(600)
    world.settle()
    assert len(world.outside.made("HeadObject")) == looked
