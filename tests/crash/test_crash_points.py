"""The server dies at every named crash point; what it had answered, begun or promised survives.

Points of a kind share a data folder: each restart recovers from the crash before with the next point armed, so that a
recovery may die as well. When all of a group have been hit, a plain server must make good on every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codeyard.main  # noqa: F401  importing the services names their points
from codeyard.engine.crash import POINTS
from tests.crash.short import BRANCH, NAME, Short
from tests.crash.support import answered, wait_until, yard_in

Check = Callable[[], Any]
ASIDE = "aside"


def put_file(short: Short) -> Check:
    """Put a file by the API. Afterwards it is there whole or not at all; if not, it can be put."""
    client = short.yard.client("codecommit")
    short.number += 1
    name, content = f"file-{short.number}", b"%d" % short.number

    def aside() -> str:
        return str(client.get_branch(repositoryName=NAME, branchName=ASIDE)["branch"]["commitId"])

    def put(parent: str) -> Any:
        file = {"filePath": name, "fileContent": content, "commitMessage": name}
        return client.put_file(repositoryName=NAME, branchName=ASIDE, parentCommitId=parent, **file)

    parent = answered(aside)
    assert parent
    assert answered(lambda: put(parent)) is None, "the point lies before the answer"

    def check() -> None:
        try:
            found = client.get_file(repositoryName=NAME, commitSpecifier=ASIDE, filePath=name)
        except client.exceptions.FileDoesNotExistException:
            assert put(aside())["commitId"]
            found = client.get_file(repositoryName=NAME, commitSpecifier=ASIDE, filePath=name)
        assert found["fileContent"] == content

    return check


def push(short: Short) -> Check:
    """Push with git. If the reference moved, its event starts the pipeline though nobody was answered."""
    commit = short.push()

    def check() -> None:
        if commit in short.pushed or tip(short) == commit:
            execution = short.execution_of(commit)
            ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
            assert ended[execution] in ("Succeeded", "Superseded"), short.reason(execution)

    return check


def tip(short: Short) -> str:
    """Where the branch stands."""
    return short.yard.git("ls-remote", short.url, f"refs/heads/{BRANCH}").stdout.partition("\t")[0]


def start(short: Short) -> Check:
    """Start the pipeline with a token. Said again with the token, it is the same execution."""
    client = short.yard.client("codepipeline")
    asked = {"name": NAME, "clientRequestToken": f"token-{len(short.pushed)}"}
    first = answered(lambda: client.start_pipeline_execution(**asked))

    def check() -> None:
        again = client.start_pipeline_execution(**asked)["pipelineExecutionId"]
        assert first is None or first["pipelineExecutionId"] == again
        found = [e["pipelineExecutionId"] for e in short.wait_ended()]
        assert found.count(again) == 1

    return check


GROUPS: dict[str, dict[str, Callable[[Short], Check]]] = {
    "references": {
        "codecommit.objects": put_file,
        "codecommit.closed": put_file,
        "codecommit.swapped": push,
        "codecommit.intent": push,
    },
    "engine": {
        "engine.outbox.fanned_out": push,
        "engine.effect.called": start,
        "engine.reconciler.ran": push,
        "codepipeline.action.begun": push,
        "codepipeline.action.called": start,
    },
    "deployments": {
        "codedeploy.handed": push,
        "codedeploy.acknowledged": push,
        "codedeploy.completed": push,
    },
}
MINUTES = {"engine.job.claimed", "engine.job.lapsed", "engine.timer.fired"}  # what takes a minute: test_leases.py
HOURS = {name for name in POINTS if name.startswith("cloudtrail.")}  # what takes hours: test_trail.py


def test_every_point_has_a_workload_that_passes_it() -> None:
    assert set(POINTS) == {point for group in GROUPS.values() for point in group} | MINUTES | HOURS


@pytest.mark.timeout(240)
@pytest.mark.parametrize("group", GROUPS)
def test_a_server_that_dies_at_any_point_makes_good_on_everything_afterwards(group: str, tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up()
        first = short.push()
        short.execution_of(first)
        short.wait_ended()
        yard.client("codecommit").create_branch(repositoryName=NAME, branchName=ASIDE, commitId=first)
        checks: list[Check] = []
        for point, work in GROUPS[group].items():
            yard.kill_server()
            yard.start(point)
            checks.append(work(short))
            yard.await_death()
        yard.start()

        for check in checks:
            check()
        execution = short.execution_of(short.push())
        ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
        assert ended[execution] == "Succeeded"
        short.check()
        wait_until("the trail tells of every answered push", lambda: told(short))


@pytest.mark.timeout(180)
def test_a_server_that_dies_twice_at_the_same_point_still_recovers(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up()
        short.execution_of(short.push())
        short.wait_ended()
        yard.kill_server()
        yard.start("codepipeline.action.called")
        check = push(short)
        for _ in range(2):
            yard.await_death()
            yard.start("codepipeline.action.called")
        yard.await_death()
        yard.start()

        check()
        short.check()


def told(short: Short) -> bool:
    """Whether the trail tells of every answered push."""
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "GitPush"}]
    pages = short.yard.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=wanted)
    text = "".join(event["CloudTrailEvent"] for page in pages for event in page["Events"])
    return all(commit in text for commit in short.pushed)
