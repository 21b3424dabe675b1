"""AWS's documented policies that protect branches, against every write by API and by git, and across accounts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.platform.iam import totp
from tests.contract.git.conftest import Site
from tests.support.yard import TestYard

OTHER = "210987654321"
EVERYTHING = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
MERGES = [
    f"Merge{kind}By{way}" for kind in ("Branches", "PullRequest") for way in ("FastForward", "Squash", "ThreeWay")
]
WRITES = ["GitPush", "DeleteBranch", "CreateBranch", "PutFile", "DeleteFile", "CreateCommit", *MERGES]
HELPER = ("-c", "credential.UseHttpPath=true", "-c")
_NUMBERS = count(1)


def protect(*branches: str, **condition: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of AWS's user guide, for all writes; the Null part lets the advertisement pass."""
    named = {"codecommit:References": [f"refs/heads/{branch}" for branch in branches]}
    there = {"StringEqualsIfExists": named, "Null": {"codecommit:References": "false"}}
    return {"Effect": "Deny", "Action": [f"codecommit:{write}" for write in WRITES], "Resource": "*",
            "Condition": {**there, **condition}}  # fmt: skip


@dataclass
class Person:
    """Whoever writes: by API, and by git under their own credentials."""

    site: Site
    api: Any
    url: str
    env: dict[str, str] | None = None
    options: tuple[str, ...] = ()

    def push(self, repository: str, *refspecs: str) -> bool:
        """Push from a new copy of the repository; whether it was taken. Only IAM may have refused it."""
        folder = f"copy{next(_NUMBERS)}"
        remote = self.url.removesuffix("demo") + repository
        self.site.git(*self.options, "clone", "--quiet", "--bare", remote, folder, env=self.env)
        words = [*self.options, "push", "--porcelain", remote, *refspecs]
        try:
            self.site.git(*words, cwd=self.site.folder / folder, env=self.env)
        except AssertionError as refusal:
            if "not authorized" in str(refusal):
                return False
            raise
        return True

    def call(self, operation: str, **params: Any) -> bool:
        """Call the API; whether it was done. Only IAM may have refused it."""
        try:
            getattr(self.api, operation)(**params)
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] == "AccessDeniedException":
                return False
            raise
        return True


@pytest.fixture(scope="module")
def site(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> Site:
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    return Site(module_yard, tmp_path_factory.mktemp("client"))


def person(site: Site, name: str, *statements: dict[str, Any]) -> Person:
    url = site.person(name, list(statements))
    key = site.yard.call("iam", "CreateAccessKey", {"UserName": name})["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    return Person(site, site.yard.client("codecommit", keys=keys), url)


@pytest.fixture(scope="module")
def junior(site: Site) -> Person:
    return person(site, "junior", EVERYTHING, protect("prod", "main"))


@pytest.fixture
def repository(site: Site) -> str:
    """`trunk`, and `prod` and `free` at the same commit; `side` is one commit further."""
    name, admin = f"secured{next(_NUMBERS)}", site.yard.client("codecommit")
    admin.create_repository(repositoryName=name)
    first = admin.put_file(repositoryName=name, branchName="trunk", filePath="a", fileContent=b"one")["commitId"]
    for branch in ("prod", "free", "side"):
        admin.create_branch(repositoryName=name, branchName=branch, commitId=first)
    admin.put_file(repositoryName=name, branchName="side", filePath="b", fileContent=b"two", parentCommitId=first)
    return name


def tips(site: Site, repository: str) -> dict[str, str]:
    client = site.yard.client("codecommit")
    names = client.list_branches(repositoryName=repository)["branches"]
    return {name: client.get_branch(repositoryName=repository, branchName=name)["branch"]["commitId"] for name in names}


def _commit(operation: str, who: Person, repository: str, branch: str, **more: Any) -> bool:
    there = {"repositoryName": repository, "branchName": branch}
    return who.call(operation, **there, parentCommitId=tips(who.site, repository)[branch], **more)


def _create_branch(who: Person, repository: str, branch: str) -> bool:
    admin, there = who.site.yard.client("codecommit"), {"repositoryName": repository, "branchName": branch}
    gone = admin.delete_branch(**there)["deletedBranch"]["commitId"]
    return who.call("create_branch", **there, commitId=gone)


def _merge(way: str, who: Person, repository: str, branch: str, **target: str) -> bool:
    named = target or {"destinationCommitSpecifier": branch}
    return who.call(f"merge_branches_by_{way}", repositoryName=repository, sourceCommitSpecifier="side", **named)


def _merge_at(who: Person, repository: str, branch: str) -> bool:
    """The destination is a commit id, the branch stands in targetBranch alone."""
    tip = tips(who.site, repository)[branch]
    return _merge("squash", who, repository, branch, destinationCommitSpecifier=tip, targetBranch=branch)


def _merge_in_full(who: Person, repository: str, branch: str) -> bool:
    return _merge("three_way", who, repository, branch, destinationCommitSpecifier=f"refs/heads/{branch}")


def _merge_pull(way: str, who: Person, repository: str, branch: str) -> bool:
    target = {"repositoryName": repository, "sourceReference": "side", "destinationReference": branch}
    made = who.api.create_pull_request(title="A change", targets=[target])["pullRequest"]["pullRequestId"]
    return who.call(f"merge_pull_request_by_{way}", pullRequestId=made, repositoryName=repository)


WAYS = ("fast_forward", "squash", "three_way")
Write = Callable[[Person, str, str], bool]
EVERY: dict[str, Write] = {
    "git push": lambda who, repository, branch: who.push(repository, f"side:{branch}"),
    "git push --force": lambda who, repository, branch: who.push(repository, f"+side:{branch}"),
    "git push --delete": lambda who, repository, branch: who.push(repository, f":{branch}"),
    "DeleteBranch": lambda who, repository, branch: who.call(
        "delete_branch", repositoryName=repository, branchName=branch
    ),
    "CreateBranch": _create_branch,
    "PutFile": partial(_commit, "put_file", filePath="c", fileContent=b"three"),
    "DeleteFile": partial(_commit, "delete_file", filePath="a"),
    "CreateCommit": partial(_commit, "create_commit", putFiles=[{"filePath": "c", "fileContent": b"three"}]),
    **{f"MergeBranches {way}": partial(_merge, way) for way in WAYS},
    "MergeBranches at a commit": _merge_at,
    "MergeBranches in full": _merge_in_full,
    **{f"MergePullRequest {way}": partial(_merge_pull, way) for way in WAYS},
}


@pytest.mark.parametrize("write", EVERY)
def test_the_documented_policy_keeps_a_branch_from_every_write_and_no_other(
    site: Site, junior: Person, repository: str, write: str
) -> None:
    before = tips(site, repository)
    assert EVERY[write](junior, repository, "prod") is False
    kept = {name: tip for name, tip in before.items() if (name, write) != ("prod", "CreateBranch")}
    assert tips(site, repository) == kept
    assert EVERY[write](junior, repository, "free") is True
    assert (tips(site, repository) != kept) is (write != "CreateBranch")


def test_a_name_in_disguise_reaches_no_protected_branch(site: Site, junior: Person, repository: str) -> None:
    prod = tips(site, repository)["prod"]
    there = {"repositoryName": repository, "parentCommitId": prod, "filePath": "c", "fileContent": b"three"}
    for name in ("refs/heads/prod", "heads/prod", "./prod", "prod/", "prod^{}", "prod@{0}", "//prod"):
        for operation, params in (("put_file", {**there, "branchName": name}),
                                  ("delete_branch", {"repositoryName": repository, "branchName": name})):  # fmt: skip
            try:
                getattr(junior.api, operation)(**params)
            except ClientError as refusal:
                assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 400  # noqa: PT017
    assert tips(site, repository)["prod"] == prod


CONDITIONS: dict[str, tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]] = {
    "a tag of the repository": (
        {"StringEquals": {"aws:ResourceTag/tier": "locked"}},
        {"StringEquals": {"aws:ResourceTag/tier": "open"}},
    ),
    "the source address": (
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}},
    ),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_protection_holds_under_its_condition_only(site: Site, repository: str, condition: str) -> None:
    arn = f"arn:aws:codecommit:us-east-1:{site.yard.account}:{repository}"
    site.yard.call("codecommit", "TagResource", {"resourceArn": arn, "tags": {"tier": "locked"}})
    holds, is_free = CONDITIONS[condition]
    name = condition.rpartition(" ")[2]
    held = person(site, f"held-{name}", EVERYTHING, protect("prod", **holds))
    free = person(site, f"free-{name}", EVERYTHING, protect("prod", **is_free))
    before = tips(site, repository)
    for write in ("git push", "PutFile", "MergeBranches squash", "MergePullRequest squash", "git push --delete"):
        assert EVERY[write](held, repository, "prod") is False, write
    assert tips(site, repository) == before
    for write in ("PutFile", "git push --delete"):
        assert EVERY[write](free, repository, "prod") is True, write


def test_only_who_proved_a_second_factor_changes_the_branch_by_api_and_by_git(site: Site, repository: str) -> None:
    without = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    plain = person(site, "factor", EVERYTHING, protect("prod", **without), {**EVERYTHING, "Action": "sts:*"})
    for write in ("git push", "PutFile"):
        assert EVERY[write](plain, repository, "prod") is False, write
    keys = second_factor(site, "factor", plain)
    proven = signed(site, keys)
    assert EVERY["PutFile"](proven, repository, "prod") is True
    assert EVERY["git push --delete"](proven, repository, "prod") is True


def second_factor(site: Site, name: str, who: Person) -> dict[str, str]:
    """The keys of a session of the user's that a code of a device began."""
    yard = site.yard
    made = yard.call("iam", "CreateVirtualMFADevice", {"VirtualMFADeviceName": name})["VirtualMFADevice"]
    seed, step = base64.b32decode(made["Base32StringSeed"]), totp.step_at(yard.clock.now())
    codes = [totp.code_at(seed, step + off) for off in (-1, 0, 1)]
    enable = {"AuthenticationCode1": codes[0], "AuthenticationCode2": codes[1]}
    yard.call("iam", "EnableMFADevice", {"UserName": name, "SerialNumber": made["SerialNumber"], **enable})
    kept = who.api._request_signer._credentials
    mine = {"access_key_id": kept.access_key, "secret_access_key": kept.secret_key}
    sts = yard.client("sts", keys=mine)
    return named(sts.get_session_token(SerialNumber=made["SerialNumber"], TokenCode=codes[2])["Credentials"])


def named(made: Mapping[str, str]) -> dict[str, str]:
    found = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    return {**found, **({"session_token": made["SessionToken"]} if "SessionToken" in made else {})}


def signed(site: Site, keys: dict[str, str]) -> Person:
    """Whoever holds the keys, whom git takes through aws' credential helper."""
    helper = "credential.helper=!aws codecommit credential-helper --ignore-host-check $@"
    url = f"{site.yard.endpoint}/v1/repos/demo"
    api = site.yard.client("codecommit", keys=keys)
    return Person(site, api, url, site.environment(keys=keys), (*HELPER, helper))


# Two accounts.


@pytest.fixture(scope="module")
def guest(site: Site) -> dict[str, str]:
    """The keys of another account's user, whose own account allows everything here."""
    made = site.yard.yard.accounts.open(OTHER, "")
    assert made is not None
    iam = site.yard.client("iam", keys={"access_key_id": made[0], "secret_access_key": made[1]})
    iam.create_user(UserName="guest")
    allowed = {"Version": "2012-10-17", "Statement": [{**EVERYTHING, "Action": ["codecommit:*", "sts:*"]}]}
    iam.put_user_policy(UserName="guest", PolicyName="all", PolicyDocument=json.dumps(allowed))
    return named(iam.create_access_key(UserName="guest")["AccessKey"])


def test_another_account_is_kept_out_whatever_its_own_policies_allow(
    site: Site, guest: dict[str, str], repository: str
) -> None:
    stranger, before = signed(site, guest), tips(site, repository)
    arn = f"arn:aws:codecommit:us-east-1:{site.yard.account}:{repository}"
    target = {"repositoryName": repository, "sourceReference": "side", "destinationReference": "prod"}
    pull = site.yard.call("codecommit", "CreatePullRequest", {"title": "A change", "targets": [target]})["pullRequest"]
    there = {"repositoryName": repository}
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("get_repository", there, "RepositoryDoesNotExistException"),
        ("get_branch", {**there, "branchName": "prod"}, "RepositoryDoesNotExistException"),
        ("put_file", {**there, "branchName": "prod", "filePath": "c", "fileContent": b"x",
                      "parentCommitId": before["prod"]}, "RepositoryDoesNotExistException"),
        ("get_pull_request", {"pullRequestId": pull["pullRequestId"]}, "PullRequestDoesNotExistException"),
        ("merge_pull_request_by_squash", {**there, "pullRequestId": pull["pullRequestId"]},
         "PullRequestDoesNotExistException"),
        ("list_tags_for_resource", {"resourceArn": arn}, "AccessDeniedException"),
        ("tag_resource", {"resourceArn": arn, "tags": {"tier": "taken"}}, "AccessDeniedException"),
    ]  # fmt: skip
    for operation, params, expected in asked:
        with pytest.raises(ClientError) as refusal:
            getattr(stranger.api, operation)(**params)
        assert (operation, refusal.value.response["Error"]["Code"]) == (operation, expected)
    assert site.yard.call("codecommit", "ListTagsForResource", {"resourceArn": arn})["tags"] == {}
    remote = f"{site.yard.endpoint}/v1/repos/{repository}"
    for words in (["ls-remote", remote], ["push", remote, "main:prod"]):
        said = site.git(*stranger.options, *words, cwd=site.work(1), env=stranger.env, ok=False)
        assert "not found" in said
    assert tips(site, repository) == before


@pytest.fixture(scope="module")
def profiles(site: Site, guest: dict[str, str]) -> dict[str, str]:
    """The environment of the other account's user, whose profile `visitor` is a role of this one that is held back."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = site.yard.call("iam", "CreateRole", {"RoleName": "visitors", "AssumeRolePolicyDocument": document})["Role"][
        "Arn"
    ]
    allowed = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING, protect("prod")]})
    site.yard.call("iam", "PutRolePolicy", {"RoleName": "visitors", "PolicyName": "all", "PolicyDocument": allowed})
    keys = f"aws_access_key_id = {guest['access_key_id']}\naws_secret_access_key = {guest['secret_access_key']}\n"
    visit = f"role_arn = {arn}\nsource_profile = guest\nrole_session_name = visit\nregion = us-east-1\n"
    config: Path = site.folder / "aws-config"
    config.write_text(f"[profile guest]\n{keys}[profile visitor]\n{visit}")
    env = site.environment(tls=True)
    kept = {name: value for name, value in env.items() if not name.startswith("AWS_ACCESS") and "SECRET" not in name}
    return {**kept, "AWS_CONFIG_FILE": str(config)}


def visit(site: Site, env: dict[str, str], remote: str, *options: str) -> None:
    """Clone, push what is free, and be refused what is protected."""
    copy = site.folder / f"visit{next(_NUMBERS)}"
    site.git(*options, "clone", "--quiet", "--branch", "free", remote, str(copy), env=env)
    tip = site.commit(copy, "new", "from the other account")
    site.git(*options, "push", "--quiet", remote, "free", cwd=copy, env=env)
    said = site.git(*options, "push", remote, "free:prod", cwd=copy, env=env, ok=False)
    assert "not authorized to perform: codecommit:GitPush" in said
    found = tips(site, remote.rpartition("/")[2].rpartition("@")[2])
    assert (found["free"], found["prod"] == tip) == (tip, False)


def test_a_role_lets_another_account_in_through_git_remote_codecommit(
    site: Site, profiles: dict[str, str], repository: str
) -> None:
    visit(site, profiles, f"codecommit::us-east-1://visitor@{repository}")


def test_a_role_lets_another_account_in_through_the_credential_helper(
    site: Site, profiles: dict[str, str], repository: str
) -> None:
    helper = "credential.helper=!aws codecommit credential-helper --profile visitor --ignore-host-check $@"
    visit(site, profiles, f"{site.yard.tls_endpoint}/v1/repos/{repository}", *HELPER, helper)
    pushed = [r for r in site.records("GitPush") if repository in json.dumps(r) and "errorCode" not in r]
    assert {r["userIdentity"]["arn"] for r in pushed} == {
        f"arn:aws:sts::{site.yard.account}:assumed-role/visitors/visit"
    }
