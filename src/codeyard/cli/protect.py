"""`codeyard protect`: keep branches for some; AWS's documented deny policy, written and attached."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.exceptions
import click

from codeyard.cli.endpoint import DATA, client, not_running, read_endpoint

PATH = "/codeyard/protect/"
_WRITES = ("GitPush", "DeleteBranch", "PutFile", "DeleteFile", "CreateCommit", "MergeBranchesByFastForward",
           "MergeBranchesBySquash", "MergeBranchesByThreeWay")  # fmt: skip
_MERGES = ("MergePullRequestByFastForward", "MergePullRequestBySquash", "MergePullRequestByThreeWay")
_WHO = re.compile(r"(user|role|group)/([\w+=,.@-]+)", re.ASCII)
_VERSIONS = 5  # of a managed policy, as IAM allows


@click.command()
@click.argument("repository")
@click.option("--branch", "branches", multiple=True, required=True, help="a branch; `release/*` means all of them")
@click.option("--only", multiple=True, metavar="KIND/NAME", help="who may change it: user/ann, role/Senior, group/lead")
@click.option("--pull-requests/--no-pull-requests", default=False, help="others may merge pull requests into it")
@click.option("--remove", is_flag=True, help="take the protection of these branches away")
@DATA
def command(
    repository: str, branches: tuple[str, ...], only: tuple[str, ...], pull_requests: bool, remove: bool, data: Path
) -> None:
    """Let nobody change branches of REPOSITORY but those that are named.

    Writes one managed policy, which denies, and attaches it to every user and role of the account. Run it again
    when users or roles were added.
    """
    endpoint = read_endpoint(data)
    iam, codecommit = client(endpoint, "iam"), client(endpoint, "codecommit")
    try:
        arn = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["Arn"]
        kept = Protection(iam, arn, sorted({_full(branch) for branch in branches}))
        if remove:
            click.echo(f"{repository}: {kept.remove()} users and roles are no longer denied anything")
            return
        refused = kept.write(list(_arns(iam, only)), pull_requests=pull_requests)
    except botocore.exceptions.EndpointConnectionError:
        raise not_running(data) from None
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{', '.join(branches)} of {repository} can be changed by {', '.join(only) or 'nobody'} only")
    if refused:
        raise click.ClickException(
            f"not attached to {', '.join(refused)}: as many policies are attached there as can be. "
            f"Detach one and run this again; until then they may change the branch"
        )
    click.echo(f"Next:  run this again after you add users or roles; --remove takes it away ({kept.policy_arn})")


class Protection:
    """The managed policy for some branches of a repository, and whom it is attached to."""

    def __init__(self, iam: Any, repository: str, references: Sequence[str]) -> None:
        self._iam, self._repository, self._references = iam, repository, references
        *_, account, name = repository.split(":", 5)
        digest = hashlib.sha256("\n".join([repository, *references]).encode()).hexdigest()[:12]
        self.name = f"{name[:80]}-{digest}"
        self.policy_arn = f"arn:aws:iam::{account}:policy{PATH}{self.name}"

    def document(self, allowed: Sequence[str], *, pull_requests: bool) -> dict[str, Any]:
        """AWS's policy for branches (CodeCommit's guide, "Limit pushes and merges to branches"), but for `allowed`."""
        verb = "StringLikeIfExists" if any("*" in one for one in self._references) else "StringEqualsIfExists"
        condition: dict[str, Any] = {
            verb: {"codecommit:References": list(self._references)},
            "Null": {"codecommit:References": "false"},
        }
        if allowed:
            condition["ArnNotEquals"] = {"aws:PrincipalArn": list(allowed)}
        actions = [f"codecommit:{name}" for name in (*_WRITES, *(() if pull_requests else _MERGES))]
        statement = {"Effect": "Deny", "Action": actions, "Resource": self._repository, "Condition": condition}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def write(self, allowed: Sequence[str], *, pull_requests: bool) -> list[str]:
        """Make or change the policy, and attach it; the names of those that it could not be attached to."""
        self._put(json.dumps(self.document(allowed, pull_requests=pull_requests)))
        refused = []
        for kind, name, arn in _principals(self._iam):
            if arn not in allowed and not self._attach(kind, name):
                refused.append(f"{kind}/{name}")
        return refused

    def remove(self) -> int:
        """Detach the policy everywhere and delete it; from how many."""
        users, roles = [], []
        for page in self._iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=self.policy_arn):
            users += [one["UserName"] for one in page["PolicyUsers"]]
            roles += [one["RoleName"] for one in page["PolicyRoles"]]
        for name in users:
            self._iam.detach_user_policy(UserName=name, PolicyArn=self.policy_arn)
        for name in roles:
            self._iam.detach_role_policy(RoleName=name, PolicyArn=self.policy_arn)
        for version in self._iam.list_policy_versions(PolicyArn=self.policy_arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                self._iam.delete_policy_version(PolicyArn=self.policy_arn, VersionId=version["VersionId"])
        self._iam.delete_policy(PolicyArn=self.policy_arn)
        return len(users) + len(roles)

    def _put(self, document: str) -> None:
        said = f"Keeps {', '.join(self._references)} of {self._repository}"[:1000]
        try:
            self._iam.create_policy(PolicyName=self.name, Path=PATH, PolicyDocument=document, Description=said)
        except self._iam.exceptions.EntityAlreadyExistsException:
            versions = self._iam.list_policy_versions(PolicyArn=self.policy_arn)["Versions"]
            old = [one["VersionId"] for one in versions if not one["IsDefaultVersion"]]
            if len(versions) >= _VERSIONS:
                self._iam.delete_policy_version(PolicyArn=self.policy_arn, VersionId=old[-1])
            self._iam.create_policy_version(PolicyArn=self.policy_arn, PolicyDocument=document, SetAsDefault=True)

    def _attach(self, kind: str, name: str) -> bool:
        attach = self._iam.attach_user_policy if kind == "user" else self._iam.attach_role_policy
        try:
            attach(**{f"{kind.capitalize()}Name": name, "PolicyArn": self.policy_arn})
        except self._iam.exceptions.LimitExceededException:
            return False
        return True


def _principals(iam: Any) -> Iterator[tuple[str, str, str]]:
    """(kind, name, ARN) of the account's users and of its roles, but for those that services keep to themselves."""
    for page in iam.get_paginator("list_users").paginate():
        yield from (("user", one["UserName"], one["Arn"]) for one in page["Users"])
    for page in iam.get_paginator("list_roles").paginate():
        for one in page["Roles"]:
            if not one["Path"].startswith("/aws-service-role/"):
                yield "role", one["RoleName"], one["Arn"]


def _arns(iam: Any, only: Sequence[str]) -> Iterator[str]:
    """The ARNs of those who are let through; of a group, its users as they are now."""
    for text in only:
        found = _WHO.fullmatch(text)
        if found is None:
            raise click.ClickException(f"{text!r} is not user/NAME, role/NAME or group/NAME")
        kind, name = found.groups()
        if kind == "user":
            yield iam.get_user(UserName=name)["User"]["Arn"]
        elif kind == "role":
            yield iam.get_role(RoleName=name)["Role"]["Arn"]
        else:
            yield from _members(iam.get_paginator("get_group").paginate(GroupName=name))


def _members(pages: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    for page in pages:
        yield from (one["Arn"] for one in page["Users"])


def _full(branch: str) -> str:
    name = branch.removeprefix("refs/heads/")
    if not name or re.search(r"[\s?~^:\\\[$]|\.\.", name):
        raise click.ClickException(f"{branch!r} is not the name of a branch; `*` stands for any characters")
    return f"refs/heads/{name}"
