"""Custom actions and their job workers through boto3: the calls are those of the Jenkins plugin, in their order."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

HOST = "codepipeline.amazonaws.com"
JENKINS = {"category": "Build", "owner": "Custom", "provider": "Jenkins", "version": "1"}
PLACE = {key: JENKINS[key] for key in ("category", "provider", "version")}
PROJECT = {"name": "ProjectName", "required": True, "key": True, "secret": False, "queryable": True}
PASSWORD = {"name": "Password", "required": False, "key": True, "secret": True}
OBJECTS = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return packed.getvalue()


def action(name: str, kind: dict[str, str], configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


class Site:
    """A pipeline from S3 through a build by a job worker, and a deployment that uses what that told."""

    def __init__(self, yard: TestYard, number: int) -> None:
        self.yard, self.name = yard, f"jenkins{number}"
        self.pipelines, s3 = yard.client("codepipeline"), yard.client("s3")
        self.kind, self.project = {**JENKINS, "version": str(number + 1)}, f"site-{number}"
        for bucket in ("drops", "artifacts", "site"):
            s3.create_bucket(Bucket=f"{bucket}{number}")
        s3.put_bucket_versioning(Bucket=f"drops{number}", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=f"drops{number}", Key="app.zip", Body=zipped(index="hi"))
        allowed = [{"Effect": "Allow", "Action": OBJECTS, "Resource": "arn:aws:s3:::*"}]
        self.role = yard.role(f"pipeline{number}", HOST, allowed)
        self.number = number

    def declare(self, **changes: str) -> dict[str, Any]:
        n = self.number
        source = {"S3Bucket": f"drops{n}", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
        aws = {"owner": "AWS", "version": "1", "provider": "S3"}
        build = {"ProjectName": self.project, "Password": "hunter2-secret", **changes}
        placed = {"BucketName": f"site{n}", "Extract": "true", "ObjectKey": "#{B.Release}"}
        into, out = {"inputArtifacts": [{"name": "App"}]}, {"outputArtifacts": [{"name": "Built"}]}
        taken = action("Zip", aws | {"category": "Source"}, source, outputArtifacts=[{"name": "App"}])
        made = action("Make", self.kind, build, **into, **out, namespace="B")
        put = action("Put", aws | {"category": "Deploy"}, placed, inputArtifacts=[{"name": "Built"}])
        stages = [{"name": "Source", "actions": [taken]}, {"name": "Build", "actions": [made]}]
        stages.append({"name": "Deploy", "actions": [put]})
        return {"name": self.name, "roleArn": self.role, "artifactStore": {"type": "S3", "location": f"artifacts{n}"},
                "stages": stages}  # fmt: skip

    def begin(self, **changes: str) -> None:
        artifacts = {"inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
                     "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5}}  # fmt: skip
        settings = {"executionUrlTemplate": "http://ci/job/{Config:ProjectName}/{ExternalExecutionId}",
                    "entityUrlTemplate": "http://ci/job/{Config:ProjectName}"}  # fmt: skip
        self.pipelines.create_custom_action_type(
            **{**PLACE, "version": self.kind["version"]},
            settings=settings,
            configurationProperties=[PROJECT, PASSWORD],
            **artifacts,
        )
        self.pipelines.create_pipeline(pipeline=self.declare(**changes))
        self.yard.settle()

    def poll(self, client: Any = None, **query: str) -> list[dict[str, Any]]:
        asked = {"ProjectName": self.project} | query
        found = (client or self.pipelines).poll_for_jobs(actionTypeId=self.kind, maxBatchSize=1, queryParam=asked)
        jobs: list[dict[str, Any]] = found["jobs"]
        return jobs

    def take(self) -> dict[str, Any]:
        (job,) = self.poll()
        assert self.pipelines.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
        return job

    def state(self, stage: int) -> dict[str, Any]:
        self.yard.settle()
        states: list[dict[str, Any]] = self.pipelines.get_pipeline_state(name=self.name)["stageStates"]
        found: dict[str, Any] = states[stage]["actionStates"][0]
        return found


def s3_of(yard: TestYard, keys: dict[str, str]) -> Any:
    """S3 as the plugin uses it: with a job's keys."""
    return boto3.client(
        "s3",
        endpoint_url=yard.endpoint,
        region_name=yard.facts["region"],
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


def place(artifact: dict[str, Any]) -> dict[str, str]:
    found = artifact["location"]["s3Location"]
    return {"Bucket": found["bucketName"], "Key": found["objectKey"]}


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(1000))


@pytest.fixture
def site(module_yard: TestYard, numbers: Iterator[int]) -> Site:
    return Site(module_yard, next(numbers))


def refused(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**asked)
    return str(refusal.value.response["Error"]["Code"])


def test_a_worker_builds_what_the_pipeline_then_deploys(site: Site) -> None:
    site.begin()
    assert site.state(1)["entityUrl"] == f"http://ci/job/{site.project}"
    job = site.take()
    data = job["data"]
    assert data["actionConfiguration"]["configuration"] == {"ProjectName": site.project, "Password": "hunter2-secret"}
    context = data["pipelineContext"]
    assert (context["pipelineName"], context["stage"], context["action"]["name"]) == (
        site.name, {"name": "Build"}, "Make")  # fmt: skip
    details = site.pipelines.get_job_details(jobId=job["id"])["jobDetails"]
    assert (details["id"], details["accountId"]) == (job["id"], site.yard.account)
    s3 = s3_of(site.yard, details["data"]["artifactCredentials"])
    taken = s3.get_object(**place(data["inputArtifacts"][0]))["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(taken)).read("index") == b"hi"
    target = place(data["outputArtifacts"][0])
    upload = s3.create_multipart_upload(**target, ServerSideEncryption="aws:kms")["UploadId"]
    part = s3.upload_part(**target, UploadId=upload, PartNumber=1, Body=zipped(page="built"))["ETag"]
    s3.complete_multipart_upload(
        **target, UploadId=upload, MultipartUpload={"Parts": [{"ETag": part, "PartNumber": 1}]}
    )
    site.pipelines.put_job_success_result(
        jobId=job["id"],
        executionDetails={"externalExecutionId": "17", "summary": "Finished"},
        outputVariables={"Release": "r17"},
    )
    made = site.state(1)["latestExecution"]
    assert (made["status"], made["externalExecutionId"], made["externalExecutionUrl"], made["summary"]) == (
        "Succeeded", "17", f"http://ci/job/{site.project}/17", "Finished")  # fmt: skip
    assert site.state(2)["latestExecution"]["status"] == "Succeeded", site.state(2)
    found = site.yard.client("s3").get_object(Bucket=f"site{site.number}", Key="r17/page")["Body"].read()
    assert found == b"built"
    assert site.poll() == []


def test_a_jobs_keys_read_its_inputs_and_write_its_outputs_and_nothing_else(site: Site) -> None:
    site.begin()
    data = site.take()["data"]
    s3 = s3_of(site.yard, data["artifactCredentials"])
    into, out = place(data["inputArtifacts"][0]), place(data["outputArtifacts"][0])
    s3.get_object(**into)
    s3.put_object(**out, Body=b"x")
    assert refused(s3.put_object, **into, Body=b"x") == "AccessDenied"
    assert refused(s3.get_object, **out) == "AccessDenied"
    assert refused(s3.get_object, Bucket=f"drops{site.number}", Key="app.zip") == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=into["Bucket"]) == "AccessDenied"
    assert refused(s3.put_object, Bucket=out["Bucket"], Key=out["Key"] + "x", Body=b"x") == "AccessDenied"


def test_a_job_is_one_workers_and_offered_again_when_nobody_takes_it(site: Site) -> None:
    site.begin()
    (first,) = site.poll()
    assert site.poll() == []
    wrong = {"jobId": first["id"], "nonce": "another"}
    assert refused(site.pipelines.acknowledge_job, **wrong) == "InvalidNonceException"
    assert refused(site.pipelines.put_job_success_result, jobId=first["id"]) == "InvalidJobStateException"
    site.yard.clock.advance(31)
    (again,) = site.poll()
    assert again["id"] == first["id"]
    late = {"jobId": first["id"], "nonce": first["nonce"]}
    assert refused(site.pipelines.acknowledge_job, **late) == "InvalidNonceException"
    assert site.pipelines.acknowledge_job(jobId=again["id"], nonce=again["nonce"])["status"] == "InProgress"
    assert site.pipelines.acknowledge_job(jobId=again["id"], nonce=again["nonce"])["status"] == "InProgress"
    site.yard.clock.advance(60)
    assert site.poll() == []


def test_a_continued_job_comes_back_as_another_with_its_token(site: Site) -> None:
    site.begin()
    first = site.take()
    token, told = "build-4711", {"externalExecutionId": "5", "percentComplete": 40, "summary": "Half"}
    again = {"jobId": first["id"], "continuationToken": token}
    assert refused(site.pipelines.put_job_success_result, **again, outputVariables={"a": "b"}) == "ValidationException"
    site.pipelines.put_job_success_result(**again, executionDetails=told)
    now = site.state(1)["latestExecution"]
    assert (now["status"], now["percentComplete"], now["summary"]) == ("InProgress", 40, "Half")
    second = site.take()
    assert (second["data"]["continuationToken"], second["id"] == first["id"]) == (token, False)
    assert refused(site.pipelines.put_job_success_result, jobId=first["id"]) == "InvalidJobStateException"
    failure = {"type": "JobFailed", "message": "it broke", "externalExecutionId": "5"}
    site.pipelines.put_job_failure_result(jobId=second["id"], failureDetails=failure)
    failed = site.state(1)["latestExecution"]
    assert (failed["status"], failed["errorDetails"]) == ("Failed", {"code": "JobFailed", "message": "it broke"})
    assert refused(site.pipelines.put_job_failure_result, jobId=second["id"], failureDetails=failure) == (
        "InvalidJobStateException")  # fmt: skip


def test_secrets_are_shown_to_workers_only(site: Site) -> None:
    site.begin()
    site.take()
    shown = site.pipelines.get_pipeline(name=site.name)["pipeline"]
    assert shown["stages"][1]["actions"][0]["configuration"]["Password"] == "****"
    site.pipelines.update_pipeline(pipeline=shown)
    history = site.pipelines.list_action_executions(pipelineName=site.name)
    assert "****" in json.dumps(history, default=str)
    assert "hunter2" not in json.dumps([history, site.yard.trail()], default=str)
    site.yard.call("codepipeline", "StopPipelineExecution", {
        "pipelineName": site.name, "abandon": True,
        "pipelineExecutionId": history["actionExecutionDetails"][0]["pipelineExecutionId"]})  # fmt: skip
    site.pipelines.start_pipeline_execution(name=site.name)
    site.yard.settle()
    assert site.take()["data"]["actionConfiguration"]["configuration"]["Password"] == "hunter2-secret"


def test_a_job_of_an_action_that_was_given_up_is_not_offered(site: Site) -> None:
    site.begin()
    job = site.take()
    execution = job["data"]["pipelineContext"]["pipelineExecutionId"]
    site.pipelines.stop_pipeline_execution(pipelineName=site.name, pipelineExecutionId=execution, abandon=True)
    site.yard.settle()
    assert refused(site.pipelines.put_job_success_result, jobId=job["id"]) == "InvalidJobStateException"
    assert "artifactCredentials" not in site.pipelines.get_job_details(jobId=job["id"])["jobDetails"]["data"]


def test_a_role_that_lets_nobody_in_fails_the_action_in_words(site: Site) -> None:
    site.begin()
    nobody = {"Effect": "Deny", "Principal": {"Service": HOST}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
    site.yard.client("iam").update_assume_role_policy(RoleName=f"pipeline{site.number}", PolicyDocument=document)
    assert site.poll() == []
    failed = site.state(1)["latestExecution"]
    assert (failed["status"], failed["errorDetails"]["code"]) == ("Failed", "PermissionError")


def test_types_are_listed_tagged_and_deleted_for_good(site: Site) -> None:
    site.begin()
    listed = site.pipelines.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    (mine,) = [one for one in listed if one["id"] == site.kind]
    assert [one["name"] for one in mine["actionConfigurationProperties"]] == ["ProjectName", "Password"]
    assert all(one["id"]["owner"] == "AWS" for one in site.pipelines.list_action_types(actionOwnerFilter="AWS")[
        "actionTypes"])  # fmt: skip
    region, account = site.yard.facts["region"], site.yard.account
    arn = f"arn:aws:codepipeline:{region}:{account}:actiontype:Custom/Build/Jenkins/{site.kind['version']}"
    site.pipelines.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "ci"}])
    assert site.pipelines.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "ci"}]
    place = {**PLACE, "version": site.kind["version"]}
    artifacts = {"inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
                 "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5}}  # fmt: skip
    make = site.pipelines.create_custom_action_type
    assert refused(make, **place, **artifacts) == "ValidationException"
    site.pipelines.delete_custom_action_type(**place)
    site.pipelines.delete_custom_action_type(**place)
    assert refused(make, **place, **artifacts) == "ValidationException"
    polled = {"actionTypeId": site.kind, "queryParam": {"ProjectName": site.project}}
    assert refused(site.pipelines.poll_for_jobs, **polled) == "ActionTypeNotFoundException"
    execution = site.pipelines.start_pipeline_execution(name=site.name)["pipelineExecutionId"]
    assert execution
    assert refused(site.pipelines.update_pipeline, pipeline=site.declare()) == "InvalidActionDeclarationException"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ProjectName": "a b"}, "queryable"),
        ({"Unknown": "x"}, "unknown configuration"),
        ({"Password": "\x01sealed:x"}, None),
    ],
)
def test_a_configuration_is_held_against_its_type(site: Site, changes: dict[str, str], words: str | None) -> None:
    if words is None:
        site.begin(**changes)
        assert site.take()["data"]["actionConfiguration"]["configuration"]["Password"] == changes["Password"]
        return
    with pytest.raises(ClientError, match=f"InvalidActionDeclarationException.*{words}"):
        site.begin(**changes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"configurationProperties": [PROJECT, PROJECT]},
        {"configurationProperties": [PROJECT, {**PROJECT, "name": "Other"}]},
        {"configurationProperties": [{**PROJECT, "secret": True}]},
        {"inputArtifactDetails": {"minimumCount": 3, "maximumCount": 1}},
    ],
)
def test_a_type_that_cannot_be_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    sound = {**PLACE, "version": "v9", "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 1},
             "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 1}}  # fmt: skip
    assert refused(site.pipelines.create_custom_action_type, **{**sound, **wrong}) == "ValidationException"


def test_a_poll_names_the_queryable_property_and_nothing_else(site: Site) -> None:
    site.begin()
    poll = site.pipelines.poll_for_jobs
    assert refused(poll, actionTypeId=site.kind) == "ValidationException"
    assert refused(poll, actionTypeId=site.kind, queryParam={"Password": "x"}) == "ValidationException"
    assert site.poll(ProjectName="another") == []
    assert len(site.poll()) == 1


def test_jobs_are_for_those_who_may_and_of_their_own_account(site: Site) -> None:
    site.begin()
    job = site.take()
    arn = f"arn:aws:codepipeline:*:*:actiontype:Custom/Build/Jenkins/{site.kind['version']}"
    may = [{"Effect": "Allow", "Action": "codepipeline:PollForJobs", "Resource": arn}]
    worker = site.yard.client("codepipeline", keys=site.yard.user(f"worker{site.number}", may))
    assert site.poll(worker) == []
    other = {"actionTypeId": {**site.kind, "version": "none"}, "queryParam": {"ProjectName": "x"}}
    assert refused(worker.poll_for_jobs, **other) == "AccessDeniedException"
    assert refused(worker.get_job_details, jobId=job["id"]) == "AccessDeniedException"
    assert refused(site.pipelines.get_job_details, jobId="0" * 8 + job["id"][8:]) == "JobNotFoundException"
