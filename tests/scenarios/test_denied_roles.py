"""What a role may not do fails where it is asked for, says why, and is on the trail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.crash.short import NAME, Short
from tests.crash.support import wait_until, yard_in

SLOW = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo begun\n      - sleep 120\n"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Short]:
    """One served pipeline, Source and Build, whose roles the tests weaken and restore."""
    with yard_in(tmp_path_factory.mktemp("denied")) as yard:
        yard.start()
        made = Short(yard)
        made.set_up(deploy=False)
        yield made


def deny(short: Short, role: str, action: str) -> None:
    """Forbid a role one action."""
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    short.yard.client("iam").put_role_policy(RoleName=f"{NAME}-{role}", PolicyName="deny", PolicyDocument=document)


def allow_again(short: Short, role: str) -> None:
    """Take the denial back."""
    short.yard.client("iam").delete_role_policy(RoleName=f"{NAME}-{role}", PolicyName="deny")


def failed_action(short: Short, execution: str) -> dict[str, Any]:
    """The details of an execution's failed action, once it has ended."""
    short.wait_ended()
    found = [a for a in short.action_executions() if a["pipelineExecutionId"] == execution and a["status"] == "Failed"]
    assert len(found) == 1, found
    return dict(found[0])


def on_trail(short: Short, name: str) -> list[dict[str, Any]]:
    """The trail's records of an operation, newest first."""
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    found = short.yard.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in found]


def test_a_pipeline_role_without_start_build_fails_the_action_and_says_what_it_lacks(short: Short) -> None:
    deny(short, "pipeline", "codebuild:StartBuild")
    action = failed_action(short, short.execution_of(short.push()))
    allow_again(short, "pipeline")

    details = action["output"]["executionResult"]["errorDetails"]
    assert action["actionName"] == "Build"
    assert details["code"] == "PermissionError"
    assert "codebuild:StartBuild" in details["message"]

    def refused() -> list[dict[str, Any]]:
        return [r for r in on_trail(short, "StartBuild") if str(r.get("errorCode", "")).startswith("AccessDenied")]

    record = wait_until("the refusal is on the trail", refused)[0]
    assert f"assumed-role/{NAME}-pipeline" in record["userIdentity"]["arn"]


def test_a_build_role_without_put_object_fails_in_upload_artifacts(short: Short) -> None:
    deny(short, "build", "s3:PutObject")
    failed_action(short, short.execution_of(short.push()))
    allow_again(short, "build")

    build = max(short.builds(), key=lambda b: b["startTime"])
    phases = {p["phaseType"]: p for p in build["phases"]}
    assert build["buildStatus"] == "FAILED"
    assert phases["BUILD"]["phaseStatus"] == "SUCCEEDED"
    assert phases["UPLOAD_ARTIFACTS"]["phaseStatus"] == "FAILED"
    assert re.search("AccessDenied|not authorized", phases["UPLOAD_ARTIFACTS"]["contexts"][0]["message"])


def test_a_push_without_the_right_to_push_is_refused_and_changes_nothing(short: Short) -> None:
    iam = short.yard.client("iam")
    statement = {"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    before = short.yard.git("ls-remote", short.url).stdout
    iam.put_user_policy(UserName="dev", PolicyName="deny", PolicyDocument=document)
    refused = short.push()
    iam.delete_user_policy(UserName="dev", PolicyName="deny")

    assert short.unanswered[-1] == refused
    assert short.yard.git("ls-remote", short.url).stdout == before


def test_an_access_key_counts_no_more_on_the_call_after_it_was_made_inactive_or_deleted(short: Short) -> None:
    iam = short.yard.client("iam")
    iam.create_user(UserName="leaver")
    made = iam.create_access_key(UserName="leaver")["AccessKey"]
    keys = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    sts = short.yard.client("sts", keys)
    key = {"UserName": "leaver", "AccessKeyId": made["AccessKeyId"]}

    assert sts.get_caller_identity()["Arn"].endswith("user/leaver")
    iam.update_access_key(**key, Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    iam.update_access_key(**key, Status="Active")
    assert sts.get_caller_identity()["Arn"].endswith("user/leaver")
    iam.delete_access_key(**key)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()


@pytest.mark.parametrize("abandon", [True, False])
def test_a_stopped_execution_ends_its_build_or_abandons_it(short: Short, abandon: bool) -> None:
    client, builds = short.yard.client("codepipeline"), short.yard.client("codebuild")
    spec = short.yard.folder / "work" / "buildspec.yml"
    usual = spec.read_text()
    spec.write_text(SLOW)
    execution = short.execution_of(short.push())
    spec.write_text(usual)

    def running() -> Any:
        found = [b for b in short.builds() if not b["buildComplete"] and b["currentPhase"] == "BUILD"]
        return found and found[0]["id"]

    build = wait_until("the slow build runs", running)
    client.stop_pipeline_execution(pipelineName=NAME, pipelineExecutionId=execution, abandon=abandon, reason="enough")
    if not abandon:
        builds.stop_build(id=build)
    ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}
    assert ended[execution] == "Stopped"
    if abandon:
        assert builds.batch_get_builds(ids=[build])["builds"][0]["buildStatus"] == "IN_PROGRESS"
        builds.stop_build(id=build)
    wait_until("the build stops", lambda: builds.batch_get_builds(ids=[build])["builds"][0]["buildComplete"])
    assert builds.batch_get_builds(ids=[build])["builds"][0]["buildStatus"] == "STOPPED"
