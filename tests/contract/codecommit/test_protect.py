"""`codeyard protect` against a server: who may change a branch afterwards, and who may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from codeyard.cli import main as cli
from tests.support.yard import TestYard

ALL = [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]


@pytest.fixture
def repository(module_yard: TestYard, request: pytest.FixtureRequest) -> str:
    name = f"r{abs(hash(request.node.name)) % 10**8}"
    client = module_yard.client("codecommit")
    client.create_repository(repositoryName=name)
    made = client.put_file(repositoryName=name, branchName="main", filePath="a", fileContent=b"a")["commitId"]
    for branch in ("prod", "release/1"):
        client.create_branch(repositoryName=name, branchName=branch, commitId=made)
    return name


@pytest.fixture(scope="module")
def people(module_yard: TestYard) -> dict[str, Any]:
    found = {name: module_yard.client("codecommit", keys=module_yard.user(name, ALL)) for name in ("dana", "lea")}
    module_yard.call("iam", "CreateGroup", {"GroupName": "leads"})
    module_yard.call("iam", "AddUserToGroup", {"GroupName": "leads", "UserName": "lea"})
    trust = {"Effect": "Allow", "Principal": {"AWS": module_yard.account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = module_yard.call("iam", "CreateRole", {"RoleName": "Senior", "AssumeRolePolicyDocument": document})["Role"]
    allowed = {"RoleName": "Senior", "PolicyName": "all", "PolicyDocument": json.dumps({"Statement": ALL} | VERSION)}
    module_yard.call("iam", "PutRolePolicy", allowed)
    keys = module_yard.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="senior")["Credentials"]
    named = {"access_key_id": keys["AccessKeyId"], "secret_access_key": keys["SecretAccessKey"]}
    found["senior"] = module_yard.client("codecommit", keys={**named, "session_token": keys["SessionToken"]})
    return found


VERSION = {"Version": "2012-10-17"}


def protect(yard: TestYard, *arguments: str) -> Any:
    told = {**yard.facts, "ca": str(yard.data / "ca.pem")}
    (yard.data / "endpoint.json").write_text(json.dumps(told))
    return CliRunner().invoke(cli, ["protect", *arguments, "--data", str(yard.data)])


def put(client: Any, repository: str, branch: str) -> str:
    """Change a file there: "" or the refusal's code."""
    tip = client.get_branch(repositoryName=repository, branchName=branch)["branch"]["commitId"]
    place = {"repositoryName": repository, "branchName": branch, "parentCommitId": tip}
    try:
        client.put_file(**place, filePath="a", fileContent=tip.encode())
    except ClientError as refusal:
        return str(refusal.response["Error"]["Code"])
    return ""


def test_only_those_who_are_named_change_the_branch_until_it_is_removed(
    module_yard: TestYard, people: dict[str, Any], repository: str
) -> None:
    done = protect(module_yard, repository, "--branch", "prod", "--only", "role/Senior")
    assert done.exit_code == 0, done.output
    assert [put(people[who], repository, "prod") for who in ("dana", "lea", "senior")] == [
        "AccessDeniedException", "AccessDeniedException", ""]  # fmt: skip
    assert [put(people[who], repository, "main") for who in ("dana", "lea", "senior")] == ["", "", ""]
    assert protect(module_yard, repository, "--branch", "prod", "--remove").exit_code == 0
    assert put(people["dana"], repository, "prod") == ""


def test_a_group_stands_for_its_users_and_a_star_for_any_branch(
    module_yard: TestYard, people: dict[str, Any], repository: str
) -> None:
    done = protect(module_yard, repository, "--branch", "release/*", "--only", "group/leads")
    assert done.exit_code == 0, done.output
    assert [put(people[who], repository, "release/1") for who in ("dana", "lea", "senior")] == [
        "AccessDeniedException", "", "AccessDeniedException"]  # fmt: skip
    assert put(people["dana"], repository, "prod") == ""
    again = protect(module_yard, repository, "--branch", "release/*", "--only", "user/dana")
    assert again.exit_code == 0, again.output
    assert [put(people[who], repository, "release/1") for who in ("dana", "lea")] == ["", "AccessDeniedException"]
    for _ in range(6):  # a managed policy has five versions at most
        assert protect(module_yard, repository, "--branch", "release/*", "--only", "user/lea").exit_code == 0
    assert [put(people[who], repository, "release/1") for who in ("dana", "lea")] == ["AccessDeniedException", ""]


def test_it_is_the_documented_policy(module_yard: TestYard, people: dict[str, Any], repository: str) -> None:
    done = protect(module_yard, repository, "--branch", "prod", "--branch", "main", "--pull-requests")
    arn = done.output.rpartition("(")[2].partition(")")[0]
    iam = module_yard.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    (said,) = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]["Statement"]
    assert said["Effect"] == "Deny"
    assert said["Resource"].endswith(f":{repository}")
    assert said["Condition"] == {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main", "refs/heads/prod"]},
        "Null": {"codecommit:References": "false"},
    }
    assert not [name for name in said["Action"] if "PullRequest" in name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent", "--branch", "prod"], "RepositoryDoesNotExistException"),
        (["{repository}", "--branch", "a b"], "not the name of a branch"),
        (["{repository}", "--branch", "prod", "--only", "Senior"], "user/NAME, role/NAME or group/NAME"),
        (["{repository}", "--branch", "prod", "--only", "role/absent"], "NoSuchEntity"),
        (["{repository}", "--branch", "other", "--remove"], "NoSuchEntity"),
    ],
)
def test_what_cannot_be_is_said(module_yard: TestYard, repository: str, arguments: list[str], words: str) -> None:
    done = protect(module_yard, *(one.format(repository=repository) for one in arguments))
    assert done.exit_code == 1
    assert words in done.output
