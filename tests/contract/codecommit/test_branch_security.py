"""The documented deny policy on codecommit:References against every write, and who crosses between accounts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.main import Yard
from tests.contract.git.conftest import Site
from tests.support.yard import TestYard

OTHER = "210987654321"
ALL = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
WRITES = ["GitPush", "DeleteBranch", "PutFile", "DeleteFile", "CreateCommit", "CreateBranch"]
MERGES = ["MergeBranchesBy*", "MergePullRequestBy*"]
# How-to-conditional-branch.md of CodeCommit's user guide: who has this changes every branch but main and prod.
ONLY_OTHERS = {
    "Effect": "Deny",
    "Action": [f"codecommit:{name}" for name in (*WRITES, *MERGES)],
    "Resource": "arn:aws:codecommit:*:*:demo",
    "Condition": {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main", "refs/heads/prod"]},
        "Null": {"codecommit:References": "false"},
    },
}


@dataclass(frozen=True)
class World:
    """A repository with protected branches, as whoever is held back by the policy sees it."""

    site: Site
    held: Any
    free: Any
    url: str

    def tip(self, branch: str) -> str:
        return str(self.free.get_branch(repositoryName="demo", branchName=branch)["branch"]["commitId"])

    def pull(self, target: str) -> dict[str, Any]:
        """A pull request of a branch that is one commit ahead of `target`."""
        source = f"to-{target}-{len(self.free.list_branches(repositoryName='demo')['branches'])}"
        self.free.create_branch(repositoryName="demo", branchName=source, commitId=self.tip(target))
        self.free.put_file(repositoryName="demo", branchName=source, filePath=source, fileContent=b"x",
                           parentCommitId=self.tip(source))  # fmt: skip
        targets = [{"repositoryName": "demo", "sourceReference": source, "destinationReference": target}]
        made: dict[str, Any] = self.free.create_pull_request(title="A change", targets=targets)["pullRequest"]
        return {"pullRequestId": made["pullRequestId"], "repositoryName": "demo"}

    def merge(self, target: str) -> dict[str, Any]:
        """What the three merges of branches are asked."""
        self.pull(target)
        names = self.free.list_branches(repositoryName="demo")["branches"]
        source = next(name for name in sorted(names, reverse=True) if name.startswith(f"to-{target}"))
        return {"repositoryName": "demo", "sourceCommitSpecifier": source, "destinationCommitSpecifier": target,
                "targetBranch": target}  # fmt: skip


@pytest.fixture(scope="module")
def world(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> World:
    site = Site(module_yard, tmp_path_factory.mktemp("client"))
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    free = module_yard.client("codecommit")
    first = free.put_file(repositoryName="demo", branchName="main", filePath="a", fileContent=b"a")["commitId"]
    for branch in ("prod", "side"):
        free.create_branch(repositoryName="demo", branchName=branch, commitId=first)
    url = site.person("held", [ALL, ONLY_OTHERS])
    made = module_yard.call("iam", "CreateAccessKey", {"UserName": "held"})["AccessKey"]
    keys = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    return World(site, module_yard.client("codecommit", keys=keys), free, url)


Call = Callable[[World, str], Any]


def _file(world: World, branch: str) -> dict[str, Any]:
    return {"repositoryName": "demo", "branchName": branch, "parentCommitId": world.tip(branch)}


CALLS: dict[str, Call] = {
    "PutFile": lambda w, b: w.held.put_file(**_file(w, b), filePath="a", fileContent=w.tip(b).encode()),
    "DeleteFile": lambda w, b: w.held.delete_file(**_file(w, b), filePath="a"),
    "CreateCommit": lambda w, b: w.held.create_commit(
        **_file(w, b), putFiles=[{"filePath": "b", "fileContent": w.tip(b).encode()}]
    ),
    "MergeBranchesByFastForward": lambda w, b: w.held.merge_branches_by_fast_forward(**w.merge(b)),
    "MergeBranchesBySquash": lambda w, b: w.held.merge_branches_by_squash(**w.merge(b)),
    "MergeBranchesByThreeWay": lambda w, b: w.held.merge_branches_by_three_way(**w.merge(b)),
    "MergePullRequestByFastForward": lambda w, b: w.held.merge_pull_request_by_fast_forward(**w.pull(b)),
    "MergePullRequestBySquash": lambda w, b: w.held.merge_pull_request_by_squash(**w.pull(b)),
    "MergePullRequestByThreeWay": lambda w, b: w.held.merge_pull_request_by_three_way(**w.pull(b)),
    "CreateBranch": lambda w, b: w.held.create_branch(repositoryName="demo", branchName=b, commitId=w.tip("side")),
    "DeleteBranch": lambda w, b: w.held.delete_branch(repositoryName="demo", branchName=b),
}


@pytest.mark.parametrize("operation", CALLS)
def test_who_is_held_back_changes_every_branch_but_the_protected_ones(world: World, operation: str) -> None:
    before = world.tip("prod")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        CALLS[operation](world, "prod")
    assert world.tip("prod") == before
    branch = "fresh" if operation in ("CreateBranch", "DeleteBranch") else "side"
    if operation == "DeleteBranch":
        world.free.create_branch(repositoryName="demo", branchName="doomed", commitId=world.tip("side"))
        branch = "doomed"
    CALLS[operation](world, branch)


def test_a_protected_branch_is_neither_pushed_nor_made_nor_deleted_by_git(world: World) -> None:
    site, work = world.site, world.site.folder / "clone"
    site.git("clone", "--quiet", world.url, str(work))
    site.commit(work, "pushed", "x")
    before = site.branches()
    for refused in (
        ["HEAD:main"],
        ["HEAD:prod"],
        ["--delete", "prod"],
        ["HEAD:mine", "HEAD:prod"],
        ["--force", "HEAD:prod"],
    ):
        said = site.git("push", world.url, *refused, cwd=work, ok=False)
        assert "not authorized" in said
        assert site.branches() == before
    site.git("push", "--quiet", world.url, "HEAD:mine", cwd=work)
    site.git("push", "--quiet", world.url, "--delete", "mine", cwd=work)
    assert site.branches() == before


@pytest.mark.parametrize(
    ("name", "condition", "allowed"),
    [
        ("tagged", {"StringEquals": {"aws:ResourceTag/class": "secret"}}, False),
        ("other-tag", {"StringEquals": {"aws:ResourceTag/class": "open"}}, True),
        ("from-here", {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
        ("from-elsewhere", {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
        ("without-mfa", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, False),
        ("with-mfa", {"Bool": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ("in-the-clear", {"Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_conditions_on_tags_addresses_and_mfa_hold_for_api_and_git(
    module_yard: TestYard, world: World, name: str, condition: dict[str, Any], allowed: bool
) -> None:
    arn = module_yard.call("codecommit", "GetRepository", {"repositoryName": "demo"})["repositoryMetadata"]["Arn"]
    module_yard.call("codecommit", "TagResource", {"resourceArn": arn, "tags": {"class": "secret"}})
    denied = {"Effect": "Deny", "Action": "codecommit:*", "Resource": "*", "Condition": condition}
    url = world.site.person(name, [ALL, denied])
    made = module_yard.call("iam", "CreateAccessKey", {"UserName": name})["AccessKey"]
    keys = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    client = module_yard.client("codecommit", keys=keys)
    world.site.git("ls-remote", url, ok=allowed)
    if allowed:
        assert client.get_branch(repositoryName="demo", branchName="main")
        return
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.get_branch(repositoryName="demo", branchName="main")


@pytest.fixture(scope="module")
def guest(module_yard: TestYard) -> dict[str, str]:
    """Keys of a user of another account, whose own account allows everything."""
    made = _account(module_yard.yard)
    iam = module_yard.client("iam", keys=made)
    iam.create_user(UserName="guest")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="guest", PolicyName="all", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def _account(yard: Yard) -> dict[str, str]:
    made = yard._create_account({"account": OTHER})
    return {"access_key_id": made["access_key_id"], "secret_access_key": made["secret_access_key"]}


def test_no_identity_policy_reaches_into_another_account(
    module_yard: TestYard, world: World, guest: dict[str, str]
) -> None:
    client = module_yard.client("codecommit", keys=guest)
    assert client.list_repositories()["repositories"] == []
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        client.get_branch(repositoryName="demo", branchName="main")
    environment = world.site.environment(keys=guest)
    helper = ["-c", "credential.helper=", "-c", "credential.helper=!aws codecommit credential-helper $@",
              "-c", "credential.UseHttpPath=true"]  # fmt: skip
    plain = f"{module_yard.endpoint}/v1/repos/demo"
    said = world.site.git(*helper, "ls-remote", plain, env=environment, ok=False)
    assert "refs/heads" not in said


def test_a_role_reaches_in_by_its_profile(
    module_yard: TestYard, world: World, guest: dict[str, str], tmp_path: Path
) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    module_yard.call("iam", "CreateRole", {"RoleName": "Guests", "AssumeRolePolicyDocument": document})
    allowed = {"Version": "2012-10-17", "Statement": [ALL, ONLY_OTHERS]}
    module_yard.call(
        "iam", "PutRolePolicy", {"RoleName": "Guests", "PolicyName": "all", "PolicyDocument": json.dumps(allowed)}
    )
    (tmp_path / "credentials").write_text(
        f"[home]\naws_access_key_id={guest['access_key_id']}\naws_secret_access_key={guest['secret_access_key']}\n"
    )
    role = f"role_arn=arn:aws:iam::{module_yard.account}:role/Guests"
    (tmp_path / "config").write_text(f"[profile across]\n{role}\nsource_profile=home\nregion=us-east-1\n")
    environment = _by_profile(world.site, tmp_path)
    url = "codecommit::us-east-1://across@demo"
    world.site.git("clone", "--quiet", url, str(tmp_path / "copy"), env=environment)
    world.site.commit(tmp_path / "copy", "from-outside", "x")
    world.site.git("push", "--quiet", url, "HEAD:outside", cwd=tmp_path / "copy", env=environment)
    assert "outside" in world.site.branches()
    said = world.site.git("push", url, "HEAD:prod", cwd=tmp_path / "copy", env=environment, ok=False)
    assert "not authorized" in said
    pushers = {one["userIdentity"].get("arn", "") for one in module_yard.trail() if one["eventName"] == "GitPush"}
    assert any("assumed-role/Guests" in arn for arn in pushers)


def _by_profile(site: Site, folder: Path) -> dict[str, str]:
    found = site.environment(tls=True)
    keys = [name for name in found if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))]
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"), "AWS_CONFIG_FILE": str(folder / "config")}
    return {name: value for name, value in found.items() if name not in keys} | files
