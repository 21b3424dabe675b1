"""What each provider asks of the other services, as which role, and what their refusals make of the action."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError, BlobRange
from tests.unit.services.codepipeline.support import (
    NAME,
    REGION,
    ROLE,
    World,
    action,
    archive,
    build,
    deploy,
    source,
)

S3_SOURCE = {"S3Bucket": "in", "S3ObjectKey": "drops/app.zip", "PollForSourceChanges": "false"}


def s3_source(**more: str) -> tuple[str, list[dict[str, Any]]]:
    """A first stage that takes a zip from S3."""
    return ("Source", [action("Source", "Source", "S3", S3_SOURCE | more, outputs=["App"], namespace="S")])


def s3_deploy(**configuration: str) -> tuple[str, list[dict[str, Any]]]:
    """A stage that deploys the source to S3."""
    return ("Deploy", [action("Deploy", "Deploy", "S3", {"BucketName": "site", **configuration}, inputs=["App"])])


def error_of(world: World, stage: str, name: str) -> dict[str, str]:
    """The errorDetails of an action's newest run."""
    found: dict[str, str] = world.latest(stage, name)["errorDetails"]
    return found


def test_every_action_runs_as_the_pipelines_role_for_this_pipeline(world: World) -> None:
    world.create()
    assert world.outside.assumed
    for assumed in world.outside.assumed:
        assert assumed["role_arn"] == ROLE
        assert assumed["service"] == "codepipeline.amazonaws.com"
        assert assumed["source_arn"] == f"arn:aws:codepipeline:{REGION}:123456789012:{NAME}"
        assert assumed["session_name"] == NAME


def test_a_role_that_cannot_be_assumed_fails_the_action(world: World) -> None:
    world.outside.denied_roles.add(ROLE)
    first = world.create()
    assert world.status(first) == "Failed"
    assert error_of(world, "Source", "Source")["code"] == "PermissionError"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AwsError("AccessDeniedException", "not authorized to perform codecommit:GetBranch", status=403), "Permission"),
        (AwsError("BranchDoesNotExistException", "main does not exist"), "Configuration"),
        (AwsError("NotImplemented", "not yet", status=501), "Configuration"),
    ],
)
def test_a_refusal_fails_the_action_and_says_why(world: World, error: AwsError, code: str) -> None:
    world.outside.refuse["GetBranch"] = error
    first = world.create()
    assert world.status(first) == "Failed"
    details = error_of(world, "Source", "Source")
    assert details["code"] == f"{code}Error"
    assert error.message in details["message"]


def test_a_throttled_call_is_tried_again(world: World) -> None:
    world.outside.refuse["StartBuild"] = AwsError("ThrottlingException", "slow down", status=429)
    first = world.create()
    assert world.status(first) == "InProgress"
    world.outside.refuse.clear()
    world.clock.advance(30)
    world.settle()
    world.finish_build()
    assert world.status(first) == "Succeeded"


def test_codecommit_hands_over_the_archive_of_the_head_and_its_variables(world: World) -> None:
    world.create(("Source", [source(namespace="S")]), ("Build", [build()]))
    sent = world.outside.made("UploadArchive")[0]
    assert (sent["repositoryName"], sent["commitId"], sent["bucket"]) == ("shop", "a" * 40, "artifacts")
    run = world.runs()[-1]
    assert run["output"]["outputArtifacts"] == [
        {"name": "App", "s3location": {"bucket": "artifacts", "key": sent["key"]}}
    ]
    assert sent["key"].startswith(f"{NAME}/App/")
    assert run["output"]["outputVariables"] == {
        "RepositoryName": "shop",
        "BranchName": "main",
        "CommitId": "a" * 40,
        "CommitMessage": "Add a cart\n",
        "AuthorDate": "2019-10-29T03:32:21Z",
        "CommitterDate": "2019-10-29T03:32:21Z",
    }


def test_the_source_revision_is_shown_everywhere(world: World) -> None:
    first = world.create()
    state = world.stage("Source")["actionStates"][0]
    assert state["currentRevision"]["revisionId"] == "a" * 40
    assert state["revisionUrl"].endswith("a" * 40)
    assert state["entityUrl"] == "https://console.example/repositories/shop"
    shown = world.call("get_pipeline_execution", pipelineName=NAME, pipelineExecutionId=first)["pipelineExecution"]
    revision = shown["artifactRevisions"][0]
    assert (revision["name"], revision["revisionSummary"]) == ("App", "Add a cart\n")
    assert world.history()[0]["sourceRevisions"][0]["actionName"] == "Source"


def test_s3_copies_the_version_it_found(world: World) -> None:
    world.outside.objects["in/drops/app.zip"] = "v 1"
    world.create(s3_source(), ("Build", [build()]))
    copied = world.outside.made("CopyObject")[0]
    assert copied["CopySource"] == "in/drops/app.zip?versionId=v%201"
    assert world.runs()[-1]["output"]["outputVariables"] == {
        "VersionId": "v 1",
        "ETag": "abc",
        "BucketName": "in",
        "ObjectKey": "drops/app.zip",
    }
    assert world.history()[0]["sourceRevisions"][0]["revisionSummary"] == "v"


def test_an_unversioned_source_bucket_fails_the_action(world: World) -> None:
    world.outside.objects["in/drops/app.zip"] = "null"
    world.create(s3_source(), ("Build", [build()]))
    assert error_of(world, "Source", "Source") == {
        "code": "ConfigurationError",
        "message": "The S3 bucket in is not versioned; a source bucket must be.",
    }


def test_another_s3_key_is_taken_only_where_the_action_allows_it(world: World) -> None:
    world.outside.objects |= {"in/drops/app.zip": "1", "in/other.zip": "2"}
    world.create(s3_source(), ("Build", [build()]))
    pin = {"actionName": "Source", "revisionType": "S3_OBJECT_KEY", "revisionValue": "other.zip"}
    with pytest.raises(AwsError) as refused:
        world.start(sourceRevisions=[pin])
    assert refused.value.code == "ValidationException"
    declared = world.call("get_pipeline", name=NAME)["pipeline"]
    declared["stages"][0]["actions"][0]["configuration"]["AllowOverrideForS3ObjectKey"] = "true"
    world.call("update_pipeline", pipeline=declared)
    world.start(sourceRevisions=[pin])
    assert world.outside.made("CopyObject")[-1]["CopySource"] == "in/other.zip?versionId=2"


def test_a_build_gets_its_inputs_its_outputs_and_its_variables(world: World) -> None:
    variables = json.dumps(
        [
            {"name": "COMMIT", "value": "#{S.CommitId}"},
            {"name": "TOKEN", "value": "/shop/token", "type": "PARAMETER_STORE"},
            {"name": "RUN", "value": "#{codepipeline.PipelineExecutionId}", "type": "PLAINTEXT"},
        ]
    )
    first = world.create(
        ("Source", [source(namespace="S"), source("More", "Data")]),
        (
            "Build",
            [
                build(
                    inputs=["App", "Data"],
                    outputs=["Web", "Docs"],
                    configuration={"PrimarySource": "Data", "EnvironmentVariables": variables},
                )
            ],
        ),
    )
    sent = world.outside.made("StartBuild")[0]
    run = world.runs()[0]
    assert sent["idempotencyToken"] == run["actionExecutionId"]
    assert sent["sourceTypeOverride"] == "CODEPIPELINE"
    assert "/Data/" in sent["sourceLocationOverride"]
    assert sent["secondarySourcesOverride"] == [
        {"type": "CODEPIPELINE", "location": _place(world, "App"), "sourceIdentifier": "App"}
    ]
    assert sent["artifactsOverride"] == {"type": "NO_ARTIFACTS"}
    assert [a["artifactIdentifier"] for a in sent["secondaryArtifactsOverride"]] == ["Web", "Docs"]
    assert sent["environmentVariablesOverride"] == [
        {"name": "COMMIT", "value": "a" * 40, "type": "PLAINTEXT"},
        {"name": "TOKEN", "value": "/shop/token", "type": "PARAMETER_STORE"},
        {"name": "RUN", "value": first, "type": "PLAINTEXT"},
    ]
    assert run["input"]["configuration"]["EnvironmentVariables"] == variables
    assert "a" * 40 in run["input"]["resolvedConfiguration"]["EnvironmentVariables"]


def test_the_only_output_of_a_build_is_its_primary_artifact(world: World) -> None:
    world.create(("Source", [source()]), ("Build", [build(outputs=["Out"])]))
    sent = world.outside.made("StartBuild")[0]
    made = sent["artifactsOverride"]
    assert (made["type"], made["location"], made["packaging"]) == ("CODEPIPELINE", "artifacts", "ZIP")
    assert made["name"].startswith(f"{NAME}/Out/")
    assert sent["secondaryArtifactsOverride"] == []


def _place(world: World, artifact: str) -> str:
    inputs = world.runs()[0]["input"]["inputArtifacts"]
    found = next(a["s3location"] for a in inputs if a["name"] == artifact)
    return f"{found['bucket']}/{found['key']}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "must be a JSON list"),
        ('[{"name":"A"}]', "needs a name and a value"),
        ('[{"name":"A","value":1}]', "both text"),
        ('[{"name":"A","value":"1","type":"VAULT"}]', "not one that CodeBuild knows"),
        ('[{"name":"A","value":"1","extra":"x"}]', "list of name, value and type"),
    ],
)
def test_bad_environment_variables_fail_the_action_before_any_build(world: World, text: str, words: str) -> None:
    world.create(("Source", [source()]), ("Build", [build(configuration={"EnvironmentVariables": text})]))
    details = error_of(world, "Build", "Build")
    assert details["code"] == "ConfigurationError"
    assert words in details["message"]
    assert world.outside.made("StartBuild") == []


def test_a_failed_build_fails_the_action_with_the_phase_that_failed(world: World) -> None:
    first = world.create()
    phase = {
        "phaseType": "BUILD",
        "phaseStatus": "FAILED",
        "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}],
    }
    world.finish_build("FAILED", phases=[phase])
    assert world.status(first) == "Failed"
    details = error_of(world, "Build", "Build")
    assert details["code"] == "JobFailed"
    assert details["message"] == (
        "Build terminated with state: FAILED. Phase: BUILD, COMMAND_EXECUTION_ERROR: exit status 1"
    )


def test_exported_variables_of_a_build_reach_a_later_stage(world: World) -> None:
    world.create(
        ("Source", [source()]),
        ("Build", [build(namespace="B")]),
        ("Test", [build("T", "t", configuration={"EnvironmentVariables": '[{"name":"V","value":"#{B.VERSION}"}]'})]),
    )
    world.finish_build(exportedEnvironmentVariables=[{"name": "VERSION", "value": "1.2"}])
    assert world.outside.made("StartBuild")[1]["environmentVariablesOverride"][0]["value"] == "1.2"


def test_a_variable_that_the_build_did_not_export_fails_the_action(world: World) -> None:
    world.create(
        ("Source", [source()]),
        ("Build", [build(namespace="B")]),
        ("Test", [build("T", "t", configuration={"EnvironmentVariables": "#{B.VERSION}"})]),
    )
    world.finish_build()
    assert error_of(world, "Test", "T") == {
        "code": "ConfigurationError",
        "message": "An action configuration variable could not be resolved: #{B.VERSION}",
    }


def test_variables_beyond_the_limit_fail_the_action(world: World) -> None:
    world.create(("Source", [source()]), ("Build", [build(namespace="B")]))
    world.finish_build(exportedEnvironmentVariables=[{"name": "V", "value": "x" * 122_880}])
    assert "122880" in error_of(world, "Build", "Build")["message"]


def test_codedeploy_deploys_the_input_artifact_once(world: World) -> None:
    first = world.create(("Source", [source()]), ("Deploy", [deploy()]))
    sent = world.outside.made("CreateDeployment")
    assert len(sent) == 1
    location = sent[0]["revision"]["s3Location"]
    assert (sent[0]["revision"]["revisionType"], location["bundleType"]) == ("S3", "zip")
    assert sent[0]["description"] == f"codeyard:{world.latest('Deploy', 'Deploy')['actionExecutionId']}"
    assert world.outside.made("ListDeployments") == []
    world.outside.deployments["d-000000001"] |= {"deploymentOverview": {"Succeeded": 1, "Pending": 1}}
    world.clock.advance(61)
    world.settle()
    assert world.latest("Deploy", "Deploy")["percentComplete"] == 50
    world.finish_deployment()
    assert world.status(first) == "Succeeded"


def test_a_failed_deployment_fails_the_action_with_its_reason(world: World) -> None:
    world.create(("Source", [source()]), ("Deploy", [deploy()]))
    world.finish_deployment("Failed", errorInformation={"code": "HEALTH_CONSTRAINTS", "message": "too few hosts"})
    assert error_of(world, "Deploy", "Deploy") == {
        "code": "JobFailed",
        "message": "Deployment d-000000001 failed. HEALTH_CONSTRAINTS: too few hosts",
    }


def _unpacked(world: World, files: dict[str, bytes]) -> list[dict[str, Any]]:
    world.blobs.content["zip"] = archive(files)
    world.outside.archive_body = BlobRange("zip", 0, len(world.blobs.content["zip"]))
    world.create(("Source", [source()]), s3_deploy(Extract="true", ObjectKey="v/{uuid}", CacheControl="no-cache"))
    return world.outside.made("PutObject")


def test_s3_deploy_unpacks_the_artifact_under_its_folder(world: World) -> None:
    put = _unpacked(world, {"index.html": b"<p>", "img/": b"", "img/a.png": b"\x89"})
    run = world.latest("Deploy", "Deploy")
    assert run["status"] == "Succeeded"
    folder = f"v/{run['actionExecutionId']}"
    assert [(p["Key"], p["ContentType"], p["CacheControl"]) for p in put] == [
        (f"{folder}/index.html", "text/html", "no-cache"),
        (f"{folder}/img/a.png", "image/png", "no-cache"),
    ]
    assert world.blobs.content[put[0]["Body"].blob_id] == b"<p>"


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "a/../../b"])
def test_s3_deploy_refuses_an_archive_that_leaves_its_folder(world: World, name: str) -> None:
    assert _unpacked(world, {"ok": b"1", name: b"2"}) == []
    assert error_of(world, "Deploy", "Deploy")["code"] == "ConfigurationError"


def test_s3_deploy_refuses_what_is_no_archive(world: World) -> None:
    world.blobs.content["zip"] = b"not a zip"
    world.outside.archive_body = BlobRange("zip", 0, 9)
    world.create(("Source", [source()]), s3_deploy(Extract="true"))
    assert error_of(world, "Deploy", "Deploy")["code"] == "ConfigurationError"


def test_s3_deploy_copies_the_artifact_whole(world: World) -> None:
    world.create(("Source", [source()]), s3_deploy(Extract="false", ObjectKey="site-{datetime}.zip"))
    copied = world.outside.made("CopyObject")[0]
    assert copied["Bucket"] == "site"
    assert copied["Key"] == "site-2025-10-09_08-53-20.zip"
    assert copied["CopySource"].startswith("artifacts/shop/App/")


def test_an_action_that_runs_too_long_fails(world: World) -> None:
    first = world.create()
    world.clock.advance(36 * 3600 - 1)
    world.settle()
    assert world.status(first) == "InProgress"
    world.clock.advance(1)
    world.settle()
    assert world.status(first) == "Failed"
    assert error_of(world, "Build", "Build") == {
        "code": "JobFailed",
        "message": "The action ran longer than its timeout.",
    }
