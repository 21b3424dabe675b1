"""boto3 and the aws command line against the served endpoint."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.contract import AwsError
from tests.support.yard import TestYard


@pytest.fixture
def client(yard: TestYard) -> Any:
    made = yard.client("codecommit")
    made.create_repository(repositoryName="demo", repositoryDescription="first", tags={"team": "red"})
    return made


def code(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 404)
    return str(error.value.response["Error"]["Code"])


def test_a_repository_from_its_creation_to_its_deletion(client: Any) -> None:
    found = client.get_repository(repositoryName="demo")["repositoryMetadata"]
    assert found["repositoryDescription"] == "first"
    assert client.list_tags_for_resource(resourceArn=found["Arn"])["tags"] == {"team": "red"}
    first = client.put_file(repositoryName="demo", branchName="main", fileContent=b"\x00\xff", filePath="a.bin")
    second = client.create_commit(
        repositoryName="demo",
        branchName="main",
        parentCommitId=first["commitId"],
        authorName="Ann",
        email="ann@example.com",
        commitMessage="more",
        putFiles=[{"filePath": "docs/x.md", "fileContent": b"# x"}],
    )
    assert client.get_file(repositoryName="demo", filePath="a.bin")["fileContent"] == b"\x00\xff"
    assert client.get_commit(repositoryName="demo", commitId=second["commitId"])["commit"]["message"].strip() == "more"
    pages = client.get_paginator("get_differences").paginate(
        repositoryName="demo", beforeCommitSpecifier=first["commitId"], afterCommitSpecifier="main"
    )
    assert [one["afterBlob"]["path"] for page in pages for one in page["differences"]] == ["docs/x.md"]
    folder = client.get_folder(repositoryName="demo", folderPath="/")
    assert [one["relativePath"] for one in folder["subFolders"]] == ["docs"]
    blob = folder["files"][0]["blobId"]
    assert client.get_blob(repositoryName="demo", blobId=blob)["content"] == b"\x00\xff"
    assert client.delete_repository(repositoryName="demo")["repositoryId"] == found["repositoryId"]


def test_refusals_carry_the_models_own_names(client: Any) -> None:
    assert code(client.get_repository, repositoryName="none") == "RepositoryDoesNotExistException"
    assert code(client.create_repository, repositoryName="demo") == "RepositoryNameExistsException"
    assert code(client.get_repository, repositoryName="a b") == "InvalidRepositoryNameException"
    assert code(client.list_repositories, sortBy="size") == "InvalidSortByException"
    assert code(client.get_file, repositoryName="demo", filePath="x") == "CommitDoesNotExistException"
    assert code(client.get_branch, repositoryName="demo") == "BranchNameRequiredException"
    large = {"repositoryName": "demo", "branchName": "main", "filePath": "x", "fileContent": bytes(6291457)}
    assert code(client.put_file, **large) == "FileContentSizeLimitExceededException"


def test_a_user_without_permission_learns_nothing(yard: TestYard, client: Any) -> None:
    stranger = yard.client("codecommit", keys=yard.user("stranger"))
    for name in ("demo", "none", "a b"):
        assert code(stranger.get_repository, repositoryName=name) == "AccessDeniedException"


def test_a_policy_may_speak_of_tags_and_branches(yard: TestYard, client: Any) -> None:
    only = [
        {
            "Effect": "Allow",
            "Action": "codecommit:GetRepository",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}},
        },
        {
            "Effect": "Allow",
            "Action": "codecommit:PutFile",
            "Resource": "*",
            "Condition": {"StringLike": {"codecommit:References": "refs/heads/dev-*"}},
        },
    ]
    member = yard.client("codecommit", keys=yard.user("member", only))
    client.create_repository(repositoryName="other")
    assert member.get_repository(repositoryName="demo")
    assert code(member.get_repository, repositoryName="other") == "AccessDeniedException"
    put = {"repositoryName": "demo", "filePath": "x", "fileContent": b"x"}
    assert code(member.put_file, **put, branchName="main") == "AccessDeniedException"
    assert member.put_file(**put, branchName="dev-1")


def test_a_change_is_on_the_trail_with_its_events(yard: TestYard, client: Any) -> None:
    made = client.put_file(repositoryName="demo", branchName="main", fileContent=b"x", filePath="x")
    (record,) = [r for r in yard.trail() if r["eventName"] == "PutFile"]
    assert record["responseElements"] is None or record["responseElements"].get("commitId") in (None, made["commitId"])
    assert record["requestParameters"]["branchName"] == "main"
    assert record["readOnly"] is False


def test_an_archive_goes_to_a_bucket_as_the_caller_and_holds_just_the_commits_files(
    yard: TestYard, client: Any
) -> None:
    files = [
        {"filePath": ".gitattributes", "fileContent": b"secret export-ignore\nstamp export-subst\n"},
        {"filePath": "secret", "fileContent": b"kept"},
        {"filePath": "stamp", "fileContent": b"$Format:%H$"},
        {"filePath": "bin/run", "fileContent": b"#!/bin/sh\n", "fileMode": "EXECUTABLE"},
    ]
    made = client.create_commit(repositoryName="demo", branchName="main", putFiles=files)
    yard.client("s3").create_bucket(Bucket="archives")
    wanted = {"repositoryName": "demo", "commitId": made["commitId"], "bucket": "archives", "key": "a/b.zip"}
    yard.call("codecommit", "UploadArchive", wanted)
    body = yard.client("s3").get_object(Bucket="archives", Key="a/b.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert sorted(n for n in archive.namelist() if not n.endswith("/")) == [
            ".gitattributes",
            "bin/run",
            "secret",
            "stamp",
        ]
        assert archive.read("stamp") == b"$Format:%H$"
        assert archive.getinfo("bin/run").external_attr >> 16 & 0o777 == 0o755
    with pytest.raises(AwsError) as error:
        yard.call("codecommit", "UploadArchive", {**wanted, "commitId": "1" * 40})
    assert error.value.code == "CommitIdDoesNotExistException"


def test_an_archive_needs_the_callers_own_permission_on_the_bucket(yard: TestYard, client: Any) -> None:
    made = client.put_file(repositoryName="demo", branchName="main", fileContent=b"x", filePath="x")
    yard.client("s3").create_bucket(Bucket="archives")
    only = [{"Effect": "Allow", "Action": "codecommit:UploadArchive", "Resource": "*"}]
    keys = yard.user("packer", only)
    caller = yard.caller(yard.yard.identity.credential(keys["access_key_id"], "").principal)
    wanted = {"repositoryName": "demo", "commitId": made["commitId"], "bucket": "archives", "key": "k"}
    with pytest.raises(AwsError) as error:
        caller.call("codecommit", "UploadArchive", wanted)
    assert error.value.code == "AccessDenied"


def aws(yard: TestYard, *args: str) -> Any:
    tool = Path(sys.executable).parent / "aws"
    found = subprocess.run(
        [str(tool), "codecommit", *args, "--output", "json"],
        env=yard.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr.decode()
    return json.loads(found.stdout or b"{}")


def test_the_command_line_works(yard: TestYard, tmp_path: Path) -> None:
    aws(yard, "create-repository", "--repository-name", "cli")
    content = tmp_path / "x"
    content.write_text("hello")
    to = ("--repository-name", "cli", "--branch-name", "main")
    made = aws(yard, "put-file", *to, "--file-content", f"fileb://{content}", "--file-path", "x")
    assert aws(yard, "get-branch", *to)["branch"]["commitId"] == made["commitId"]
    assert aws(yard, "list-branches", "--repository-name", "cli") == {"branches": ["main"]}
    assert aws(yard, "get-differences", "--repository-name", "cli", "--after-commit-specifier", "main")["differences"]
