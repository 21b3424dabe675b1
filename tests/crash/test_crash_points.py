"""The server dies at every named crash point, and what it had answered, begun or promised survives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import codeyard.main  # noqa: F401  importing the services names their points
from codeyard.engine.crash import POINTS
from tests.crash.support import BRANCH, NAME, Crashyard, Short, answered, wait_until, yard_in

Check = Callable[[], Any]


def put_file(short: Short) -> Check:
    """Put a file by the API. Afterwards it is there whole or not at all, and can be put again."""
    client = short.yard.client("codecommit")
    short.yard.git("fetch", "-q", short.url, BRANCH)
    parent = short.yard.git("rev-parse", "FETCH_HEAD").stdout.strip()
    name = f"file-{parent[:8]}"
    file = {"repositoryName": NAME, "branchName": BRANCH, "filePath": name, "fileContent": parent.encode()}
    answer = answered(lambda: client.put_file(**file, parentCommitId=parent))
    assert answer is None, "the point comes before the answer"

    def check() -> None:
        tip = client.get_branch(repositoryName=NAME, branchName=BRANCH)["branch"]["commitId"]
        if tip == parent:
            tip = client.put_file(**file, parentCommitId=parent)["commitId"]
        assert client.get_file(repositoryName=NAME, commitSpecifier=tip, filePath=name)["fileContent"]
        short.execution_of(tip)
        short.yard.git("pull", "-q", "--rebase", short.url, BRANCH)

    return check


def push(short: Short) -> Check:
    """Push with git. If the reference moved, its event starts the pipeline though nobody was answered."""
    commit = short.push()

    def check() -> None:
        if commit not in short.pushed:
            short.yard.git("push", "-q", short.url, f"HEAD:refs/heads/{BRANCH}")
            short.pushed.append(commit)
        started = short.execution_of(commit)
        ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
        assert ended[started] == "Succeeded"

    return check


def failing_delivery(short: Short) -> Check:
    """An event's delivery that cannot be made yet is planned by a timer: the topic comes only later."""
    events, sns = short.yard.client("events"), short.yard.client("sns")
    topic = sns.create_topic(Name="later")["TopicArn"]
    events.put_rule(Name="later", EventPattern='{"source": ["crash.test"]}')
    events.put_targets(Rule="later", Targets=[{"Id": "1", "Arn": topic}])
    sns.delete_topic(TopicArn=topic)
    answered(lambda: events.put_events(Entries=[{"Source": "crash.test", "DetailType": "x", "Detail": "{}"}]))
    return push(short)


# For each point: what makes the server pass it. A lapsed lease takes its minute, and has a test of its own.
WORK: dict[str, Callable[[Short], Check]] = {
    "codecommit.intent": push,
    "codecommit.objects": put_file,
    "codecommit.swapped": push,
    "codecommit.closed": put_file,
    "engine.outbox.fanned_out": push,
    "engine.effect.called": push,
    "engine.reconciler.ran": push,
    "engine.timer.fired": failing_delivery,
    "codepipeline.action.begun": push,
    "codepipeline.action.called": push,
    "codedeploy.handed": push,
    "codedeploy.acknowledged": push,
    "codedeploy.completed": push,
}
ELSEWHERE = {"engine.job.claimed", "engine.job.lapsed"}  # test_leases.py


def test_every_point_has_a_workload_that_passes_it() -> None:
    assert set(POINTS) == set(WORK) | ELSEWHERE


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Short]:
    """One pipeline for all the points: what one crash left is part of what the next must bear."""
    with yard_in(tmp_path_factory.mktemp("points")) as yard:
        yard.start()
        made = Short(yard)
        made.set_up()
        made.push()
        made.wait_ended()
        yield made


@pytest.fixture
def settled(short: Short) -> Iterator[Short]:
    """The pipeline at rest, its server not running; nothing is broken when the test is over."""
    yield short
    short.wait_ended()
    short.check()


def crash(yard: Crashyard, short: Short, point: str, work: Callable[[Short], Check]) -> Check:
    """Restart the server with the point armed, do the work, see it die there, restart it."""
    yard.kill_server()
    yard.start(point)
    check = work(short)
    yard.await_death()
    yard.start()
    return check


@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", WORK)
def test_a_server_that_dies_there_goes_on_where_it_was(settled: Short, point: str) -> None:
    check = crash(settled.yard, settled, point, WORK[point])

    check()


@pytest.mark.timeout(180)
def test_a_server_that_dies_at_the_same_point_of_its_recovery_still_recovers(settled: Short) -> None:
    yard = settled.yard
    yard.kill_server()
    yard.start("codepipeline.action.called")
    check = push(settled)
    yard.await_death()
    yard.start("codepipeline.action.called", wait=False)
    yard.await_death()
    yard.start()

    check()


def test_an_execution_survives_whose_server_dies_before_it_is_answered(settled: Short) -> None:
    client = settled.yard.client("codepipeline")
    settled.yard.kill_server()
    settled.yard.start("engine.effect.called")
    before = {e["pipelineExecutionId"] for e in settled.executions()}
    started = answered(lambda: client.start_pipeline_execution(name=NAME, clientRequestToken="once"))
    settled.yard.await_death()
    settled.yard.start()

    again = client.start_pipeline_execution(name=NAME, clientRequestToken="once")["pipelineExecutionId"]
    if started:
        assert started["pipelineExecutionId"] == again
    settled.wait_ended()
    assert len({e["pipelineExecutionId"] for e in settled.executions()} - before) == 1


def test_a_refusal_is_still_a_refusal_after_a_crash(settled: Short) -> None:
    with pytest.raises(ClientError, match="RepositoryNameExistsException"):
        settled.yard.client("codecommit").create_repository(repositoryName=NAME)


def test_the_trail_tells_of_every_answered_push(settled: Short, tmp_path: Path) -> None:
    def told() -> bool:
        pages = (
            settled.yard.client("cloudtrail")
            .get_paginator("lookup_events")
            .paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GitPush"}])
        )
        text = "".join(event["CloudTrailEvent"] for page in pages for event in page["Events"])
        return all(commit in text for commit in settled.pushed)

    wait_until("the trail tells of every push", told)
