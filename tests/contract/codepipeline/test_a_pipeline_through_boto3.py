"""A pipeline from S3 through an approval back to S3, by boto3 and the `aws` command, with real roles in between."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.support.yard import TestYard

HOST = "codepipeline.amazonaws.com"
OBJECTS = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
KEY = "app.zip"


def _zip(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, content in files.items():
            target.writestr(name.replace("__", "/").replace("_", "."), content)
    return packed.getvalue()


def _action(name: str, category: str, provider: str, configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


def _declared(role: str) -> dict[str, Any]:
    taken = {"S3Bucket": "drops", "S3ObjectKey": KEY, "PollForSourceChanges": "false"}
    placed = {"BucketName": "site", "Extract": "true", "ObjectKey": "v/#{S.VersionId}"}
    return {
        "name": "site",
        "roleArn": role,
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [
            {
                "name": "Source",
                "actions": [
                    _action("Zip", "Source", "S3", taken, outputArtifacts=[{"name": "App"}], namespace="S"),
                ],
            },
            {"name": "Approve", "actions": [_action("Ask", "Approval", "Manual", {})]},
            {
                "name": "Deploy",
                "actions": [_action("Put", "Deploy", "S3", placed, inputArtifacts=[{"name": "App"}])],
            },
        ],
    }


def _prepare(yard: TestYard, *statements: dict[str, Any]) -> str:
    """Buckets, a zip and the pipeline's role; the role's ARN."""
    s3 = yard.client("s3")
    for bucket in ("drops", "artifacts", "site"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="drops", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="drops", Key=KEY, Body=_zip(index_html="<h1>hi</h1>", img__a_txt="x"))
    allowed = list(statements) or [{"Effect": "Allow", "Action": OBJECTS, "Resource": "arn:aws:s3:::*"}]
    return yard.role("pipeline", HOST, allowed)


def _latest(pipelines: Any, stage: int) -> dict[str, Any]:
    state = pipelines.get_pipeline_state(name="site")["stageStates"][stage]
    found: dict[str, Any] = state["actionStates"][0].get("latestExecution", {})
    return found


def test_a_zip_travels_through_an_approval_to_the_site(yard: TestYard) -> None:
    pipelines = yard.client("codepipeline")
    declared = _declared(_prepare(yard))
    pipelines.create_pipeline(pipeline=declared)
    yard.settle()
    assert _latest(pipelines, 0)["status"] == "Succeeded", _latest(pipelines, 0)
    token = _latest(pipelines, 1)["token"]
    pipelines.put_approval_result(
        pipelineName="site",
        stageName="Approve",
        actionName="Ask",
        token=token,
        result={"summary": "go", "status": "Approved"},
    )
    yard.settle()
    assert _latest(pipelines, 2)["status"] == "Succeeded", _latest(pipelines, 2)
    s3 = yard.client("s3")
    version = s3.head_object(Bucket="drops", Key=KEY)["VersionId"]
    page = s3.get_object(Bucket="site", Key=f"v/{version}/index.html")
    assert (page["Body"].read(), page["ContentType"]) == (b"<h1>hi</h1>", "text/html")
    assert s3.get_object(Bucket="site", Key=f"v/{version}/img/a.txt")["Body"].read() == b"x"
    (execution,) = pipelines.list_pipeline_executions(pipelineName="site")["pipelineExecutionSummaries"]
    assert execution["status"] == "Succeeded"
    assert execution["sourceRevisions"][0]["revisionId"] == version


def test_what_the_role_may_not_do_fails_the_action_and_stands_on_the_trail(yard: TestYard) -> None:
    only_read = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::drops/*"}
    pipelines = yard.client("codepipeline")
    pipelines.create_pipeline(pipeline=_declared(_prepare(yard, only_read)))
    yard.settle()
    error = _latest(pipelines, 0)["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "pipeline" in error["message"]


def test_a_role_that_does_not_trust_codepipeline_fails_the_action(yard: TestYard) -> None:
    _prepare(yard)
    stranger = yard.role("stranger", "codebuild.amazonaws.com", [_allow("s3:*", "*")])
    pipelines = yard.client("codepipeline")
    pipelines.create_pipeline(pipeline=_declared(stranger))
    yard.settle()
    assert _latest(pipelines, 0)["errorDetails"]["code"] == "PermissionError"


def test_handing_over_a_role_needs_pass_role(yard: TestYard) -> None:
    role = _prepare(yard)
    keys = yard.user("builder", [{"Effect": "Allow", "Action": "codepipeline:*", "Resource": "*"}])
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        yard.client("codepipeline", keys=keys).create_pipeline(pipeline=_declared(role))
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "iam:PassRole" in refused.value.response["Error"]["Message"]


def test_only_who_may_approve_this_action_can(yard: TestYard) -> None:
    pipelines = yard.client("codepipeline")
    pipelines.create_pipeline(pipeline=_declared(_prepare(yard)))
    yard.settle()
    answer = {
        "pipelineName": "site",
        "stageName": "Approve",
        "actionName": "Ask",
        "token": _latest(pipelines, 1)["token"],
        "result": {"summary": "", "status": "Approved"},
    }
    place = f"arn:aws:codepipeline:us-east-1:{yard.account}:site/Approve"
    other = yard.user("other", [_allow("codepipeline:PutApprovalResult", f"{place}/Another")])
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        yard.client("codepipeline", keys=other).put_approval_result(**answer)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    approver = yard.user("approver", [_allow("codepipeline:PutApprovalResult", f"{place}/Ask")])
    yard.client("codepipeline", keys=approver).put_approval_result(**answer)
    assert _latest(pipelines, 1)["lastUpdatedBy"].endswith(":user/approver")


def _allow(action: str, resource: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def test_what_get_pipeline_shows_can_be_sent_back_with_the_aws_command(yard: TestYard, tmp_path: Path) -> None:
    yard.client("codepipeline").create_pipeline(pipeline=_declared(_prepare(yard)))
    shown = _aws(yard, "get-pipeline", "--name", "site")
    sent = tmp_path / "pipeline.json"
    sent.write_text(json.dumps({"pipeline": shown["pipeline"]}))
    updated = _aws(yard, "update-pipeline", "--cli-input-json", f"file://{sent}")
    assert updated["pipeline"] == shown["pipeline"] | {"version": 2}


def _aws(yard: TestYard, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "awscli", "codepipeline", *arguments, "--output", "json"]
    done = subprocess.run(command, env=yard.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("get_pipeline", {"name": "no such name!"}, "ValidationException"),
        ("get_pipeline", {"name": "nope"}, "PipelineNotFoundException"),
        ("list_pipelines", {"nextToken": "x"}, "InvalidNextTokenException"),
        ("poll_for_jobs", {"actionTypeId": {}}, "ValidationException"),
        ("poll_for_third_party_jobs", {"actionTypeId": {}}, "NotImplemented"),
    ],
)
def test_refusals_carry_their_modelled_code(
    module_yard: TestYard, operation: str, params: dict[str, Any], code: str
) -> None:
    client = module_yard.client("codepipeline", parameter_validation=False)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(client, operation)(**params)
    assert refused.value.response["Error"]["Code"] == code
