"""CodePipeline's Build action on CodeBuild: one build for each attempt, however late the start is said again."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from codeyard.services.codepipeline import runner
from tests.support.yard import TestYard

SPEC = "version: 0.2\nphases: {build: {commands: [true]}}\n"


def _pipeline(yard: TestYard) -> dict[str, Any]:
    """Buckets with a zip, a project, roles, and a pipeline's declaration from the one to the other."""
    s3 = yard.client("s3")
    for bucket in ("drops", "artifacts"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("buildspec.yml", SPEC)
    s3.put_object(Bucket="drops", Key="app.zip", Body=packed.getvalue())
    everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    yard.client("codebuild").create_project(
        name="app",
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=yard.role("build", "codebuild.amazonaws.com", everything),
    )
    return {
        "name": "app",
        "roleArn": yard.role("pipeline", "codepipeline.amazonaws.com", everything),
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [
            _stage("Source", "Source", "S3", {"S3Bucket": "drops", "S3ObjectKey": "app.zip"}, out="App"),
            _stage("Build", "Build", "CodeBuild", {"ProjectName": "app"}, of="App"),
        ],
    }


def _stage(name: str, category: str, provider: str, configuration: dict[str, str], **artifacts: str) -> dict[str, Any]:
    action: dict[str, Any] = {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": artifacts["of"]}] if "of" in artifacts else [],
        "outputArtifacts": [{"name": artifacts["out"]}] if "out" in artifacts else [],
    }
    return {"name": name, "actions": [action]}


def test_a_start_whose_answer_was_lost_finds_its_build_even_after_codebuilds_five_minutes(
    yard: TestYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.client("codepipeline").create_pipeline(pipeline=_pipeline(yard))
    lost = []

    def lose(point: str) -> None:
        if point == runner.CALLED and yard.client("codebuild").list_builds()["ids"] and not lost:
            lost.append(point)
            raise OSError("the server went away before it wrote the answer down")

    monkeypatch.setattr(runner, "crash_point", lose)
    yard.settle()
    (build,) = yard.client("codebuild").list_builds()["ids"]
    assert lost
    assert "externalExecutionId" not in _build_action(yard)

    yard.clock.advance(6 * 60)  # type: ignore[attr-defined]
    yard.settle()
    assert yard.client("codebuild").list_builds()["ids"] == [build]
    assert _build_action(yard)["externalExecutionId"] == build


def test_another_attempt_of_the_action_is_another_build(yard: TestYard) -> None:
    pipelines, builds = yard.client("codepipeline"), yard.client("codebuild")
    pipelines.create_pipeline(pipeline=_pipeline(yard))
    yard.settle()
    (first,) = builds.list_builds()["ids"]
    builds.stop_build(id=first)
    yard.settle()
    assert _build_action(yard)["status"] == "Failed"
    execution = pipelines.list_pipeline_executions(pipelineName="app")["pipelineExecutionSummaries"][0]
    pipelines.retry_stage_execution(
        pipelineName="app",
        stageName="Build",
        pipelineExecutionId=execution["pipelineExecutionId"],
        retryMode="FAILED_ACTIONS",
    )
    yard.settle()
    assert len(builds.list_builds()["ids"]) == 2


def _build_action(yard: TestYard) -> dict[str, Any]:
    state = yard.client("codepipeline").get_pipeline_state(name="app")["stageStates"][1]
    found: dict[str, Any] = state["actionStates"][0]["latestExecution"]
    return found
