"""CodeBuild's operations and the runner protocol, over a served yard whose engine the tests drain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.contract import AwsError, Principal
from codeyard.services.codebuild import enrol
from codeyard.services.codebuild.logs import BuildLogs
from tests.support.yard import TestYard

SPEC = "version: 0.2\nphases: {build: {commands: [true]}}\n"
MINUTE = 60


class World:
    """A project, and a runner that the test plays."""

    def __init__(self, yard: TestYard) -> None:
        self.yard, self.client = yard, yard.client("codebuild")
        self.role = yard.role(
            "build", "codebuild.amazonaws.com", [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]
        )
        self.keys = enrol(lambda s, o, p: yard.call(s, o, p), "test")
        self.runner = yard.caller(self._principal("codeyard-runner-test"))
        self.runner.call("codeyard-runner", "RegisterRunner", {"name": "test", "token": self.keys["token"]})

    def _principal(self, name: str) -> Principal:
        found = self.yard.yard.identity.user_named(self.yard.account, name)
        assert found is not None
        return found

    def project(self, name: str = "pr", **more: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "source": {"type": "NO_SOURCE", "buildspec": SPEC},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            "serviceRole": self.role,
        }
        found: dict[str, Any] = self.client.create_project(name=name, **{**given, **more})["project"]
        return found

    def begin(self, name: str = "pr", **more: Any) -> str:
        return str(self.client.start_build(projectName=name, **more)["build"]["id"])

    def get(self, build: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.batch_get_builds(ids=[build])["builds"][0]
        return found

    def say(self, operation: str, **params: Any) -> dict[str, Any]:
        return dict(self.runner.call("codeyard-runner", operation, params))

    def claim(self) -> dict[str, Any]:
        return dict(self.say("ClaimJob").get("job") or {})

    def phase(self, job: dict[str, Any], sequence: int, phase: str, status: str = "IN_PROGRESS", **more: Any) -> None:
        self.say(
            "PutPhase", jobId=job["jobId"], fence=job["fence"], sequence=sequence, phase=phase, status=status, **more
        )

    def later(self, seconds: float) -> None:
        self.yard.clock.advance(seconds)  # type: ignore[attr-defined]
        self.yard.settle()

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = self.yard.yard.db.read(lambda tx: tx.sql("SELECT detail_type, detail FROM outbox").fetchall())
        return [json.loads(detail) for name, detail in rows if name == kind]


@pytest.fixture
def world(yard: TestYard) -> World:
    return World(yard)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_project_is_made_read_changed_listed_and_deleted(world: World) -> None:
    made = world.project(tags=[{"key": "team", "value": "x"}])
    assert made["arn"] == f"arn:aws:codebuild:us-east-1:{world.yard.account}:project/pr"
    with pytest.raises(ClientError) as taken:
        world.project()
    assert code(taken) == "ResourceAlreadyExistsException"
    changed = world.client.update_project(name="pr", description="new", timeoutInMinutes=10)["project"]
    assert (changed["description"], changed["timeoutInMinutes"], changed["tags"]) == ("new", 10, made["tags"])
    found = world.client.batch_get_projects(names=["pr", made["arn"], "none"])
    assert [p["name"] for p in found["projects"]] == ["pr", "pr"]
    assert found["projectsNotFound"] == ["none"]
    assert world.client.list_projects()["projects"] == ["pr"]
    world.client.delete_project(name="pr")
    world.client.delete_project(name="pr")
    assert world.client.list_projects()["projects"] == []


def test_bad_input_is_an_invalid_input_exception(world: World) -> None:
    for call in (
        lambda: world.project(name="-x"),
        lambda: world.project(serviceRole="nobody"),
        lambda: world.client.list_builds(nextToken="garbage"),
        lambda: world.client.list_projects(nextToken="garbage"),
        lambda: world.client.retry_build(),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == "InvalidInputException"


def test_what_is_not_there_is_not_found(world: World) -> None:
    for call in (
        lambda: world.client.start_build(projectName="none"),
        lambda: world.client.stop_build(id="pr:none"),
        lambda: world.client.list_builds_for_project(projectName="none"),
        lambda: world.client.update_project(name="none"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == "ResourceNotFoundException"


def test_creating_a_project_passes_its_role(world: World) -> None:
    keys = world.yard.user("ann", [{"Effect": "Allow", "Action": "codebuild:*", "Resource": "*"}])
    client = world.yard.client("codebuild", keys=keys)
    with pytest.raises(ClientError) as refused:
        client.create_project(
            name="xy",
            source={"type": "NO_SOURCE", "buildspec": SPEC},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole=world.role,
        )
    assert code(refused) == "AccessDeniedException"
    assert "iam:PassRole" in str(refused.value)


def test_a_build_is_checked_on_its_project(world: World) -> None:
    world.project()
    build = world.begin()
    other = {
        "Effect": "Allow",
        "Action": "codebuild:*",
        "Resource": f"arn:aws:codebuild:us-east-1:{world.yard.account}:project/q",
    }
    client = world.yard.client("codebuild", keys=world.yard.user("bob", [other]))
    for call in (lambda: client.stop_build(id=build), lambda: client.batch_get_builds(ids=[build])):
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == "AccessDeniedException"


def test_an_idempotency_token_finds_the_build_for_five_minutes(world: World) -> None:
    world.project()
    first = world.begin(idempotencyToken="t")
    assert world.begin(idempotencyToken="t") == first
    with pytest.raises(ClientError) as refused:
        world.begin(idempotencyToken="t", imageOverride="other")
    assert code(refused) == "InvalidInputException"
    world.later(6 * MINUTE)
    assert world.begin(idempotencyToken="t") != first


def test_builds_are_numbered_listed_and_paged(world: World) -> None:
    world.project()
    ids = []
    for _ in range(103):
        ids.append(world.begin())
        world.yard.clock.advance(0.001)  # type: ignore[attr-defined]
    assert world.get(ids[2])["buildNumber"] == 3
    first = world.client.list_builds()
    assert first["ids"] == ids[::-1][:100]
    assert world.client.list_builds(nextToken=first["nextToken"])["ids"] == ids[::-1][100:]
    listed = world.client.list_builds_for_project(projectName="pr", sortOrder="ASCENDING")
    assert listed["ids"] == ids[:100]
    with pytest.raises(ClientError):
        world.client.list_builds(sortOrder="ASCENDING", nextToken=first["nextToken"])


def test_a_retried_build_has_the_same_overrides(world: World) -> None:
    world.project()
    build = world.begin(environmentVariablesOverride=[{"name": "A", "value": "1"}])
    with pytest.raises(ClientError):
        world.client.retry_build(id=build)
    world.client.stop_build(id=build)
    again = world.client.retry_build(id=build)["build"]
    assert again["id"] != build
    assert again["environment"]["environmentVariables"] == [{"name": "A", "value": "1", "type": "PLAINTEXT"}]


def test_only_builds_that_are_over_are_deleted(world: World) -> None:
    world.project()
    over, runs = world.begin(), world.begin()
    world.client.stop_build(id=over)
    found = world.client.batch_delete_builds(ids=[over, runs, "pr:none"])
    assert [arn.rpartition("/")[2] for arn in found["buildsDeleted"]] == [over]
    assert {b["id"]: b["statusCode"] for b in found["buildsNotDeleted"]} == {
        runs: "BUILD_IN_PROGRESS",
        "pr:none": "BUILD_NOT_FOUND",
    }


def test_a_limit_makes_builds_wait_their_turn(world: World) -> None:
    world.project(concurrentBuildLimit=1)
    first, second = world.begin(), world.begin()
    assert world.claim()["jobId"] == first
    assert world.claim() == {}
    world.client.stop_build(id=first)
    world.yard.settle()
    assert world.claim()["jobId"] == second


def test_a_build_that_waits_too_long_times_out(world: World) -> None:
    world.project(queuedTimeoutInMinutes=5)
    build = world.begin()
    world.later(5 * MINUTE)
    found = world.get(build)
    assert found["buildStatus"] == "TIMED_OUT"
    assert found["phases"][1]["phaseStatus"] == "TIMED_OUT"
    assert world.claim() == {}


def test_a_runner_takes_a_build_through_its_phases(world: World) -> None:
    world.project()
    build = world.begin(environmentVariablesOverride=[{"name": "A", "value": "/p", "type": "PARAMETER_STORE"}])
    job = world.claim()
    document = json.loads(job["document"])
    assert (document["build"]["id"], document["network"], document["timeoutSeconds"]) == (build, "isolated", 3600)
    assert job["credentials"]["AccessKeyId"].startswith("ASIA")
    world.phase(job, 1, "DOWNLOAD_SOURCE")
    world.say("PutSourceResolved", jobId=build, fence=job["fence"], resolvedSourceVersion="c0ffee")
    world.phase(job, 2, "INSTALL")
    world.phase(job, 2, "BUILD")  # a sequence that was heard before
    world.phase(job, 3, "BUILD")
    world.phase(job, 4, "BUILD", "FAILED", statusCode="COMMAND_EXECUTION_ERROR", message="no")
    exported = [{"name": "X", "value": "1"}]
    for _ in range(2):
        world.say("CompleteJob", jobId=build, fence=job["fence"], status="FAILED", exportedVariables=exported)
    found = world.get(build)
    assert (found["buildStatus"], found["resolvedSourceVersion"]) == ("FAILED", "c0ffee")
    assert found["exportedEnvironmentVariables"] == exported
    assert [p["phaseType"] for p in found["phases"]][3:] == [
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "BUILD",
        "FINALIZING",
        "COMPLETED",
    ]


def test_events_tell_of_the_state_and_of_every_phase(world: World) -> None:
    world.project()
    build = world.begin()
    job = world.claim()
    world.phase(job, 1, "BUILD")
    world.say("CompleteJob", jobId=build, fence=job["fence"], status="SUCCEEDED")
    states = [e["build-status"] for e in world.events("CodeBuild Build State Change")]
    assert states == ["IN_PROGRESS", "SUCCEEDED"]
    phases = [e["completed-phase"] for e in world.events("CodeBuild Build Phase Change")]
    assert phases == ["SUBMITTED", "QUEUED", "PROVISIONING", "BUILD", "FINALIZING"]


def test_a_stopped_build_is_told_to_its_runner_and_its_fence_is_stale(world: World) -> None:
    world.project()
    build = world.begin()
    job = world.claim()
    held = [{"jobId": build, "fence": job["fence"]}]
    assert world.say("ClaimJob", holding=held, capacity=0) == {}
    world.client.stop_build(id=build)
    assert world.say("ClaimJob", holding=held)["lost"] == [build]
    assert world.say("Heartbeat", holding=held)["lost"] == [build]
    with pytest.raises(AwsError) as stale:
        world.phase(job, 1, "BUILD")
    assert stale.value.code == "StaleFenceException"
    assert world.get(build)["buildStatus"] == "STOPPED"


@pytest.mark.parametrize("end", ["CompleteJob", "StopBuild"])
def test_the_credentials_of_a_build_end_with_it(world: World, end: str) -> None:
    world.project()
    build = world.begin()
    job = world.claim()
    keys = {
        "access_key_id": job["credentials"]["AccessKeyId"],
        "secret_access_key": job["credentials"]["SecretAccessKey"],
    }
    sts = world.yard.client("sts", keys=keys | {"session_token": job["credentials"]["SessionToken"]})
    assert ":assumed-role/build/AWSCodeBuild-" in sts.get_caller_identity()["Arn"]
    world.phase(job, 1, "BUILD")
    if end == "StopBuild":
        world.client.stop_build(id=build)
    else:
        world.say("CompleteJob", jobId=build, fence=job["fence"], status="SUCCEEDED")
    world.yard.settle()
    with pytest.raises(ClientError) as refused:
        sts.get_caller_identity()
    assert code(refused) == "InvalidClientTokenId"


def test_a_lapsed_lease_offers_the_build_again_before_its_first_command(world: World) -> None:
    world.project()
    build = world.begin()
    first = world.claim()
    world.phase(first, 1, "DOWNLOAD_SOURCE")
    world.later(2 * MINUTE)
    second = world.claim()
    assert (second["jobId"], second["fence"] > first["fence"]) == (build, True)
    with pytest.raises(AwsError):
        world.phase(first, 2, "INSTALL")


def test_a_build_whose_claim_was_never_heard_is_offered_again_at_once(world: World) -> None:
    world.project()
    build = world.begin()
    unheard = world.claim()
    assert world.claim() == {}  # by a runner that holds nothing: the answer before was lost
    world.yard.settle()
    again = world.claim()
    assert (again["jobId"], again["fence"] > unheard["fence"]) == (build, True)
    world.phase(again, 1, "DOWNLOAD_SOURCE")
    assert world.claim() == {}  # it was heard of since: the lease stands
    world.yard.settle()
    assert world.claim() == {}
    world.phase(again, 2, "BUILD")


def test_a_build_that_another_process_of_the_same_runner_was_given_stays_its_own(world: World) -> None:
    world.project()
    world.begin()
    world.yard.settle()
    job = world.say("ClaimJob", process="one")["job"]
    assert "job" not in world.say("ClaimJob", process="two"), "the other asks, and holds nothing"
    world.yard.settle()
    assert "job" not in world.say("ClaimJob", process="two")
    world.phase(job, 1, "DOWNLOAD_SOURCE")

    second = world.begin()
    world.yard.settle()
    lost = world.say("ClaimJob", process="one", holding=[{"jobId": job["jobId"], "fence": job["fence"]}])["job"]
    assert lost["jobId"] == second
    world.say("ClaimJob", process="one", capacity=0)
    world.yard.settle()
    assert world.say("ClaimJob", process="two")["job"]["jobId"] == second, "what a process did lose is offered again"


def test_a_lapsed_lease_is_a_fault_after_the_first_command(world: World) -> None:
    world.project()
    build = world.begin()
    job = world.claim()
    world.phase(job, 1, "INSTALL")
    world.later(2 * MINUTE)
    assert world.get(build)["buildStatus"] == "FAULT"
    assert world.claim() == {}


def test_a_heartbeat_keeps_the_lease_and_renews_credentials(world: World) -> None:
    world.project()
    build = world.begin()
    job = world.claim()
    for _ in range(4):
        world.later(MINUTE / 2)
        held = {"jobId": build, "fence": job["fence"], "needsCredentials": True}
        fresh = world.say("Heartbeat", holding=[held])["credentials"]
        assert fresh[0]["credentials"]["SecretAccessKey"] != job["credentials"]["SecretAccessKey"]
    assert world.get(build)["buildStatus"] == "IN_PROGRESS"


def test_the_server_ends_a_build_whose_runner_does_not_end_it(world: World) -> None:
    world.project(timeoutInMinutes=5)
    build = world.begin()
    job = world.claim()
    world.phase(job, 1, "BUILD")
    for _ in range(13):
        world.later(MINUTE / 2)
        world.say("Heartbeat", holding=[{"jobId": build, "fence": job["fence"]}])
    assert world.get(build)["buildStatus"] == "TIMED_OUT"


def test_log_pieces_join_by_offset_and_reach_cloudwatch_logs(world: World) -> None:
    world.project()
    build = world.begin()
    job = world.claim()

    def put(offset: int, data: bytes) -> int:
        answer = world.say("PutLogs", jobId=build, fence=job["fence"], offset=offset, data=data)
        return int(answer["nextOffset"])

    assert put(0, b"one\ntw") == 6
    assert put(0, b"one\ntwo\n") == 8
    assert put(100, b"gap") == 8
    logs = BuildLogs(world.yard.yard.kit)
    assert logs.read(build) == (b"one\ntwo\n", 8)
    assert logs.read(build, 5) == (b"wo\n", 8)
    put(8, b"unended")
    world.yard.settle()
    place = {"logGroupName": "/aws/codebuild/pr", "logStreamName": build.partition(":")[2]}
    client = world.yard.client("logs")
    assert [e["message"] for e in client.get_log_events(**place)["events"]] == ["one\n", "two\n"]
    world.say("CompleteJob", jobId=build, fence=job["fence"], status="SUCCEEDED")
    world.yard.settle()
    assert [e["message"] for e in client.get_log_events(**place)["events"]] == ["one\n", "two\n", "unended"]


def test_a_role_that_cannot_be_assumed_fails_the_build(world: World) -> None:
    role = world.yard.role("other", "ec2.amazonaws.com", [{"Effect": "Deny", "Action": "*", "Resource": "*"}])
    world.project(serviceRole=role)
    build = world.begin()
    assert world.claim() == {}
    found = world.get(build)
    assert found["buildStatus"] == "FAILED"
    contexts = [c["statusCode"] for p in found["phases"] for c in p.get("contexts") or ()]
    assert "ACCESS_DENIED" in contexts


def test_only_a_registered_runner_claims_and_a_token_counts_once(world: World) -> None:
    stranger = world.yard.caller()
    with pytest.raises(AwsError) as refused:
        stranger.call("codeyard-runner", "ClaimJob", {})
    assert refused.value.code == "AccessDeniedException"
    with pytest.raises(AwsError) as used:
        stranger.call("codeyard-runner", "RegisterRunner", {"name": "x", "token": world.keys["token"]})
    assert used.value.code == "InvalidRequestException"


def test_an_enrolment_that_stands_keeps_its_keys(world: World) -> None:
    call = world.yard.call
    again = enrol(lambda s, o, p: call(s, o, p), "test", kept=world.keys)
    assert again["secret_access_key"] == world.keys["secret_access_key"]


def test_the_curated_images_say_what_they_stand_for(world: World) -> None:
    platforms = world.client.list_curated_environment_images()["platforms"]
    assert {p["platform"] for p in platforms} == {"UBUNTU", "AMAZON_LINUX"}
