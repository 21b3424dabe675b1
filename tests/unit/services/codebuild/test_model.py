"""How builds go and what projects may be: the pure rules as tables."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.services.codebuild import events
from codeyard.services.codebuild.model import builds, overrides, projects
from codeyard.services.codebuild.model.builds import Course

SECOND = 1_000_000
ROLE = "arn:aws:iam::123456789012:role/build"


def record() -> dict[str, Any]:
    """A build that was just submitted at second 1."""
    course = Course(
        {
            "id": "p:1",
            "arn": "arn:aws:codebuild:us-east-1:123456789012:build/p:1",
            "projectName": "p",
            "buildNumber": 1,
            "startTime": SECOND,
            "buildStatus": "IN_PROGRESS",
            "buildComplete": False,
            "phases": [],
            "currentPhase": "SUBMITTED",
            "cache": {"type": "NO_CACHE"},
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "initiator": "ann",
            "source": {"type": "S3", "location": "b/k"},
            "artifacts": {"location": "arn:aws:s3:::b/out", "md5sum": "m", "sha256sum": "s"},
            "environment": {
                "image": "i",
                "computeType": "BUILD_GENERAL1_SMALL",
                "type": "LINUX_CONTAINER",
                "environmentVariables": [{"name": "S", "type": "SECRETS_MANAGER", "value": "db"}],
            },
            "logs": {"groupName": "g", "streamName": "s", "deepLink": "d"},
        }
    )
    course.enter("SUBMITTED", SECOND)
    return course.record


def statuses(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p["phaseType"], p.get("phaseStatus", "")) for p in found["phases"]]


def test_entering_a_phase_ends_the_one_before() -> None:
    course = Course.of(record())
    course.enter("QUEUED", 2 * SECOND)
    course.enter("PROVISIONING", 5 * SECOND)
    assert statuses(course.record) == [("SUBMITTED", "SUCCEEDED"), ("QUEUED", "SUCCEEDED"), ("PROVISIONING", "")]
    assert course.record["phases"][1]["durationInSeconds"] == 3
    assert [p["phaseType"] for p in course.closed] == ["SUBMITTED", "QUEUED"]


def test_a_phase_that_is_past_is_not_entered_again() -> None:
    course = Course.of(record())
    course.enter("BUILD", 2 * SECOND)
    course.enter("INSTALL", 3 * SECOND)
    assert course.record["currentPhase"] == "BUILD"


@pytest.mark.parametrize("status", builds.ENDS)
def test_an_end_gives_the_running_phase_its_status(status: str) -> None:
    course = Course.of(record())
    course.enter("QUEUED", 2 * SECOND)
    course.enter("BUILD", 2 * SECOND)
    course.finish(status, 9 * SECOND, "CODE", "why")
    assert statuses(course.record)[-3:] == [("BUILD", status), ("FINALIZING", "SUCCEEDED"), ("COMPLETED", "")]
    assert course.record["phases"][-3]["contexts"] == [{"statusCode": "CODE", "message": "why"}]
    assert (course.record["buildStatus"], course.record["buildComplete"], course.turned) == (status, True, True)


def test_a_queued_build_ends_without_having_been_built() -> None:
    course = Course.of(record())
    course.enter("QUEUED", 2 * SECOND)
    course.finish("STOPPED", 3 * SECOND)
    assert statuses(course.record) == [("SUBMITTED", "SUCCEEDED"), ("QUEUED", "STOPPED"), ("COMPLETED", "")]


def test_nothing_changes_a_build_that_is_over() -> None:
    course = Course.of(record())
    course.finish("SUCCEEDED", 2 * SECOND)
    again = Course.of(course.record)
    again.finish("FAILED", 3 * SECOND)
    again.enter("BUILD", 3 * SECOND)
    assert again.record == course.record
    assert not again.turned
    assert not again.closed


@pytest.mark.parametrize(
    ("stage", "now", "end", "again"),
    [
        ("queued", 9, "", 10),
        ("queued", 10, "TIMED_OUT", 0),
        ("offered", 11, "TIMED_OUT", 0),
        ("running", 9, "", 10),
        ("running", 10, "TIMED_OUT", 0),
        ("ended", 99, "", 0),
    ],
)
def test_a_deadline_ends_a_build(stage: str, now: int, end: str, again: int) -> None:
    verdict = builds.on_timer(stage, 10, now)
    assert (verdict.end, verdict.look_again) == (end, again)


@pytest.mark.parametrize(
    ("stage", "offer", "end"),
    [
        ("offered", True, ""),
        ("claimed", True, ""),
        ("running", False, "FAULT"),
        ("ended", False, ""),
        ("queued", False, ""),
    ],
)
def test_a_lost_runner_means_again_before_the_first_command_and_a_fault_after(
    stage: str, offer: bool, end: str
) -> None:
    verdict = builds.on_lapse(stage)
    assert (verdict.offer, verdict.end) == (offer, end)


def test_a_build_that_is_offered_again_forgets_what_its_lost_runner_did() -> None:
    course = Course.of(record())
    course.enter("QUEUED", 2 * SECOND)
    course.enter("PROVISIONING", 3 * SECOND)
    course.enter("DOWNLOAD_SOURCE", 4 * SECOND)
    back = builds.back_to_queue(course.record, 9 * SECOND)
    assert statuses(back) == [("SUBMITTED", "SUCCEEDED"), ("QUEUED", "")]


def test_the_state_event_has_the_documented_form() -> None:
    course = Course.of(record())
    course.enter("QUEUED", 2 * SECOND)
    course.finish("SUCCEEDED", 1_504_282_468 * SECOND)
    event = events.state_change(course.record, 0)
    assert (event.source, event.detail_type) == ("aws.codebuild", "CodeBuild Build State Change")
    assert event.resources == ("arn:aws:codebuild:us-east-1:123456789012:build/p:1",)
    detail: Any = event.detail
    assert {k: detail[k] for k in ("build-status", "project-name", "current-phase", "version")} == {
        "build-status": "SUCCEEDED",
        "project-name": "p",
        "current-phase": "COMPLETED",
        "version": "1",
    }
    told = detail["additional-information"]
    assert told["artifact"] == {"md5sum": "m", "sha256sum": "s", "location": "arn:aws:s3:::b/out"}
    assert told["logs"] == {"group-name": "g", "stream-name": "s", "deep-link": "d"}
    assert told["environment"]["environment-variables"] == [{"name": "S", "type": "SECRETS_MANAGER", "value": "db"}]
    assert told["phases"][-1] == {"start-time": "Sep 1, 2017 4:14:28 PM", "phase-type": "COMPLETED"}
    assert told["phases"][0] == {
        "phase-context": [],
        "start-time": "Jan 1, 1970 12:00:01 AM",
        "end-time": "Jan 1, 1970 12:00:02 AM",
        "duration-in-seconds": 1,
        "phase-type": "SUBMITTED",
        "phase-status": "SUCCEEDED",
    }


def test_the_phase_event_has_the_documented_form() -> None:
    course = Course.of(record())
    course.enter("BUILD", 2 * SECOND)
    course.leave("FAILED", 5 * SECOND, "COMMAND_EXECUTION_ERROR", "why")
    detail: Any = events.phase_change(course.record, course.closed[-1], 0).detail
    assert {k: v for k, v in detail.items() if k.startswith("completed")} == {
        "completed-phase": "BUILD",
        "completed-phase-context": "[COMMAND_EXECUTION_ERROR: why]",
        "completed-phase-status": "FAILED",
        "completed-phase-duration-seconds": 3,
        "completed-phase-start": "Jan 1, 1970 12:00:02 AM",
        "completed-phase-end": "Jan 1, 1970 12:00:05 AM",
    }


def given(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "name": "p",
        "source": {"type": "S3", "location": "bucket/key.zip"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": ROLE,
    }
    return {**base, **changes}


def environment(**changes: Any) -> dict[str, Any]:
    return {**given()["environment"], **changes}


def test_defaults_are_those_of_codebuild() -> None:
    document = projects.completed(given(), key="k")
    assert (document["timeoutInMinutes"], document["queuedTimeoutInMinutes"]) == (60, 480)
    assert document["cache"] == {"type": "NO_CACHE"}
    assert document["environment"]["privilegedMode"] is False
    artifacts = projects.completed(given(artifacts={"type": "S3", "location": "b"}), key="k")["artifacts"]
    assert (artifacts["name"], artifacts["packaging"], artifacts["namespaceType"]) == ("p", "NONE", "NONE")


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"type": "S3"}},
        {"source": {"type": "S3", "location": "bucket"}},
        {"source": {"type": "CODECOMMIT", "location": "nowhere"}},
        {"source": {"type": "NO_SOURCE"}},
        {"source": {"type": "NO_SOURCE", "buildspec": "version: 9\nphases: {}"}},
        {"source": {"type": "NO_SOURCE", "location": "x", "buildspec": "version: 0.2\nphases: {build: {}}"}},
        {"secondarySources": [{"type": "S3", "location": "b/k"}]},
        {"secondarySources": [{"type": "S3", "location": "b/k", "sourceIdentifier": "a"}] * 2},
        {"artifacts": {"type": "S3"}},
        {"artifacts": {"type": "CODEPIPELINE"}},
        {"source": {"type": "CODEPIPELINE"}, "artifacts": {"type": "S3", "location": "b"}},
        {"artifacts": {"type": "NO_ARTIFACTS", "location": "b"}},
        {"serviceRole": "build"},
        {"concurrentBuildLimit": 0},
        {"tags": [{"key": "codeyard:network", "value": "open"}]},
        {"environment": environment(environmentVariables=[{"name": "CODEBUILD_X", "value": "1"}])},
        {"environment": environment(environmentVariables=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])},
        {"environment": environment(environmentVariables=[{"name": "A=B", "value": "1"}])},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(projects.Refused):
        projects.completed(given(**changes), key="k")


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"type": "GITHUB", "location": "https://github.com/a/b"}},
        {"environment": environment(type="WINDOWS_CONTAINER")},
        {"environment": environment(privilegedMode=True)},
        {"environment": environment(fleet={"fleetArn": "x"})},
        {"cache": {"type": "LOCAL"}},
        {"vpcConfig": {"vpcId": "v"}},
        {"logsConfig": {"s3Logs": {"status": "ENABLED", "location": "b"}}},
        {"badgeEnabled": True},
    ],
)
def test_what_is_not_built_is_said_to_be_so(changes: dict[str, Any]) -> None:
    with pytest.raises(projects.Unbuilt):
        projects.completed(given(**changes), key="k")


@pytest.mark.parametrize("tag", projects.NETWORKS)
def test_the_network_is_the_projects_tag(tag: str) -> None:
    assert projects.network(given(tags=[{"key": "codeyard:network", "value": tag}])) == tag
    assert projects.network(given()) == "isolated"


def test_overrides_change_one_build() -> None:
    document = projects.completed(
        given(environment=environment(environmentVariables=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])),
        key="k",
    )
    request = {
        "buildspecOverride": "other.yml",
        "imageOverride": "j",
        "timeoutInMinutesOverride": 5,
        "sourceVersion": "v1",
        "environmentVariablesOverride": [{"name": "A", "value": "9"}],
    }
    fresh = overrides.applied(document, request, "p")
    assert (fresh["source"]["buildspec"], fresh["environment"]["image"]) == ("other.yml", "j")
    assert (fresh["timeoutInMinutes"], fresh["sourceVersion"]) == (5, "v1")
    assert {v["name"]: v["value"] for v in fresh["environment"]["environmentVariables"]} == {"A": "9", "B": "2"}
    assert document["environment"]["image"] == "i"
