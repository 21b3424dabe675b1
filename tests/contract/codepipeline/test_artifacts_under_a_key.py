"""Artifacts under the KMS key that the pipeline's artifact store names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.codepipeline.test_a_pipeline_through_boto3 import OBJECTS, _action, _declared, _latest, _prepare
from tests.support.yard import TestYard

VIA_S3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def kms_for_s3(key: str) -> list[dict[str, Any]]:
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    return [
        {"Effect": "Allow", "Action": OBJECTS, "Resource": "arn:aws:s3:::*"},
        {"Effect": "Allow", "Action": use, "Resource": key, "Condition": VIA_S3},
        {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"},
    ]


def sealed(yard: TestYard, key: str, role: str, deploy: str = "") -> dict[str, Any]:
    """The pipeline of two sources without its approval, its store under the key."""
    declared = _declared(role)
    declared["artifactStore"]["encryptionKey"] = {"id": key, "type": "KMS"}
    source, _, last = declared["stages"]
    code = {"RepositoryName": "demo", "BranchName": "main"}
    source["actions"].append(_action("Code", "Source", "CodeCommit", code, outputArtifacts=[{"name": "Code"}]))
    if deploy:
        last["actions"][0]["configuration"]["KMSEncryptionKeyARN"] = deploy
    return {**declared, "stages": [source, last]}


def heads(yard: TestYard, bucket: str) -> set[tuple[str, str]]:
    s3 = yard.client("s3")
    found = [s3.head_object(Bucket=bucket, Key=one["Key"]) for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return {(head["ServerSideEncryption"], head.get("SSEKMSKeyId", "")) for head in found}


@pytest.fixture
def key(yard: TestYard) -> str:
    yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    file = {"repositoryName": "demo", "branchName": "main", "filePath": "a", "fileContent": b"a"}
    yard.call("codecommit", "PutFile", file)
    return str(yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"])


def test_every_artifact_is_under_the_stores_key_and_the_site_under_its_own(yard: TestYard, key: str) -> None:
    other = str(yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"])
    statements = [*kms_for_s3(key), kms_for_s3(other)[1]]
    declared = sealed(yard, key, _prepare(yard, *statements), other)
    pipelines = yard.client("codepipeline")
    pipelines.create_pipeline(pipeline=declared)
    yard.settle()
    assert _latest(pipelines, 1)["status"] == "Succeeded", _latest(pipelines, 0)
    assert heads(yard, "artifacts") == {("aws:kms", key)}
    assert heads(yard, "site") == {("aws:kms", other)}
    shown = pipelines.get_pipeline(name="site")["pipeline"]["artifactStore"]["encryptionKey"]
    assert shown == {"id": key, "type": "KMS"}


def test_a_second_commit_of_a_large_tree_is_packed_whole_since_the_first_cannot_be_read(
    yard: TestYard, key: str
) -> None:
    pipelines, large = yard.client("codepipeline"), bytes(range(256)) * 8000
    tip = yard.call("codecommit", "GetBranch", {"repositoryName": "demo", "branchName": "main"})["branch"]["commitId"]
    for number in range(2):
        file = {"repositoryName": "demo", "branchName": "main", "filePath": f"f{number}", "parentCommitId": tip}
        tip = yard.call("codecommit", "PutFile", {**file, "fileContent": large + str(number).encode()})["commitId"]
        if not number:
            pipelines.create_pipeline(pipeline=sealed(yard, key, _prepare(yard, *kms_for_s3(key))))
        else:
            pipelines.start_pipeline_execution(name="site")
        yard.settle()
        assert _latest(pipelines, 1)["status"] == "Succeeded", _latest(pipelines, 0)


def test_a_role_that_may_not_use_the_key_and_a_disabled_key_fail_the_source(yard: TestYard, key: str) -> None:
    pipelines = yard.client("codepipeline")
    pipelines.create_pipeline(pipeline=sealed(yard, key, _prepare(yard, kms_for_s3(key)[0], kms_for_s3(key)[2])))
    yard.settle()
    details = _latest(pipelines, 0)["errorDetails"]
    assert details["code"] == "PermissionError"
    assert "kms:GenerateDataKey" in details["message"]
    yard.call("iam", "PutRolePolicy", {"RoleName": "pipeline", "PolicyName": "kms", "PolicyDocument": _document(key)})
    yard.call("kms", "DisableKey", {"KeyId": key})
    pipelines.start_pipeline_execution(name="site")
    yard.settle()
    assert "KMS.DisabledException" in _latest(pipelines, 0)["errorDetails"]["message"]
    yard.call("kms", "EnableKey", {"KeyId": key})
    pipelines.start_pipeline_execution(name="site")
    yard.settle()
    assert _latest(pipelines, 1)["status"] == "Succeeded"
    yard.call("kms", "DisableKey", {"KeyId": key})
    s3 = yard.client("s3")
    (one, *_) = s3.list_objects_v2(Bucket="artifacts")["Contents"]
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        s3.get_object(Bucket="artifacts", Key=one["Key"])


def _document(key: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [kms_for_s3(key)[1]]})
