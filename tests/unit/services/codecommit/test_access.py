"""What each call needs."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name

from codeyard.contract import Scope
from codeyard.services.codecommit.access import ACCESS, REFERENCES
from codeyard.services.codecommit.api import CodeCommit
from tests.unit.services.codecommit.harness import ACCOUNT, ALICE, REGION, Service

SCOPE = Scope(ALICE, ACCOUNT, REGION)
ARN = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:"


def checks(operation: str, **params: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(c.action, c.resource, dict(c.keys)) for c in ACCESS[operation](SCOPE, params)]


def test_every_operation_has_an_entry_and_no_entry_is_without_one() -> None:
    built = {name for name in dir(CodeCommit) if not name.startswith("_")}
    assert built == {xform_name(name) for name in ACCESS}


@pytest.mark.parametrize("operation", sorted(ACCESS))
@pytest.mark.parametrize("value", [None, 1, [], {}, "x", [1], {"a": 1}, [{"ref": 1}]])
def test_no_entry_stumbles_over_what_a_stranger_sends(operation: str, value: Any) -> None:
    members = (
        "repositoryName",
        "branchName",
        "repositoryNames",
        "oldName",
        "resourceArn",
        "tags",
        "tagKeys",
        "references",
    )
    found = list(ACCESS[operation](SCOPE, dict.fromkeys(members, value)))
    assert found
    assert all(check.action.startswith("codecommit:") for check in found)


def test_a_push_is_asked_for_reference_by_reference() -> None:
    references = [{"ref": "refs/heads/a"}, {"ref": "refs/tags/b"}]
    assert checks("GitPush", repositoryName="r", references=references) == [
        ("codecommit:GitPush", ARN + "r", {REFERENCES: "refs/heads/a"}),
        ("codecommit:GitPush", ARN + "r", {REFERENCES: "refs/tags/b"}),
    ]


def test_an_advertisement_is_asked_for_without_the_key() -> None:
    assert checks("GitPush", repositoryName="r", advertise=True) == [("codecommit:GitPush", ARN + "r", {})]


@pytest.mark.parametrize("operation", ["PutFile", "DeleteFile", "CreateCommit", "DeleteBranch", "CreateBranch"])
def test_a_change_of_a_branch_names_its_reference(operation: str) -> None:
    found = checks(operation, repositoryName="r", branchName="main")
    assert found == [(f"codecommit:{operation}", ARN + "r", {REFERENCES: "refs/heads/main"})]


def test_a_merge_names_its_target_or_else_its_destination() -> None:
    to = {"repositoryName": "r", "destinationCommitSpecifier": "main"}
    assert checks("MergeBranchesByFastForward", **to)[0][2] == {REFERENCES: "refs/heads/main"}
    assert checks("MergeBranchesByFastForward", **to, targetBranch="x")[0][2] == {REFERENCES: "refs/heads/x"}


def test_a_merge_that_names_its_destination_in_full_is_checked_on_the_branch_that_it_moves() -> None:
    to = {"repositoryName": "r", "destinationCommitSpecifier": "refs/heads/main"}
    assert checks("MergeBranchesByFastForward", **to)[0][2] == {REFERENCES: "refs/heads/main"}


def test_renaming_needs_both_names() -> None:
    found = checks("UpdateRepositoryName", oldName="a", newName="b")
    assert [resource for _, resource, _ in found] == [ARN + "a", ARN + "b"]


def test_creating_with_tags_shows_them_and_needs_tagging_too() -> None:
    found = checks("CreateRepository", repositoryName="r", tags={"k": "v"})
    assert [action for action, _, _ in found] == ["codecommit:CreateRepository", "codecommit:TagResource"]
    assert found[0][2] == {"aws:RequestTag/k": "v", "aws:TagKeys": ["k"]}


def test_a_repositorys_tags_are_keys_of_the_check(service: Service) -> None:
    service.call("TagResource", resourceArn=ARN + "demo", tags={"team": "red"})
    (check,) = service.part.access["GetRepository"](SCOPE, {"repositoryName": "demo"})
    assert check.keys == {"aws:ResourceTag/team": "red"}
