"""Pull requests merged by squash and three-way, through boto3."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.codecommit.test_pull_requests import Site, numbers, people, site

__all__ = ["numbers", "people", "site"]
OPTIONS = {"squash": "SQUASH_MERGE", "three_way": "THREE_WAY_MERGE"}


def merge(site: Site, pull: dict[str, Any], how: str, **more: Any) -> dict[str, Any]:
    call = getattr(site.client, f"merge_pull_request_by_{how}")
    answer: dict[str, Any] = call(pullRequestId=pull["pullRequestId"], repositoryName=site.name, **more)["pullRequest"]
    return answer


def commit(site: Site, id: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.client.get_commit(repositoryName=site.name, commitId=id)["commit"]
    return answer


@pytest.mark.parametrize("how", OPTIONS)
def test_parted_branches_are_merged_by_a_commit_and_the_pull_request_is_closed(site: Site, how: str) -> None:
    pull = site.propose()
    before = site.put("main", "b.txt", b"beside\n")
    said = {"commitMessage": "Both", "authorName": "Ann", "email": "ann@example.com"}
    merged = merge(site, pull, how, sourceCommitId=site.second, **said)
    made = commit(site, site.tip("main"))
    assert made["parents"] == ([before] if how == "squash" else [before, site.second])
    assert (made["message"], made["author"]["name"], made["author"]["email"]) == ("Both\n", "Ann", "ann@example.com")
    assert merged["pullRequestStatus"] == "CLOSED"
    metadata = merged["pullRequestTargets"][0]["mergeMetadata"]
    assert (metadata["isMerged"], metadata["mergeOption"]) == (True, OPTIONS[how])
    assert metadata["mergeCommitId"] == made["commitId"]
    file = site.client.get_file(repositoryName=site.name, filePath="a.txt", commitSpecifier="main")
    assert file["fileContent"] == b"one\nthree\n"
    (moved,) = [one for one in site.said("referenceUpdated") if one["referenceName"] == "main" and "mergeOption" in one]
    assert (moved["mergeOption"], moved["sourceCommitId"], moved["destinationCommitId"]) == (
        OPTIONS[how], site.second, before)  # fmt: skip
    assert "pullRequest" not in moved
    (told,) = site.said("pullRequestMergeStatusUpdated")
    assert (told["mergeOption"], told["isMerged"]) == (OPTIONS[how], "True")


@pytest.mark.parametrize("how", OPTIONS)
def test_a_conflict_keeps_it_open_until_the_request_settles_it(site: Site, how: str) -> None:
    pull = site.propose()
    before = site.put("main", "a.txt", b"one\nfour\n")
    with pytest.raises(ClientError, match="ManualMergeRequiredException"):
        merge(site, pull, how)
    assert (site.get(pull)["pullRequestStatus"], site.tip("main")) == ("OPEN", before)
    merge(site, pull, how, conflictResolutionStrategy="ACCEPT_SOURCE", conflictDetailLevel="LINE_LEVEL")
    file = site.client.get_file(repositoryName=site.name, filePath="a.txt", commitSpecifier="main")
    assert file["fileContent"] == b"one\nthree\n"
    assert site.get(pull)["pullRequestStatus"] == "CLOSED"


@pytest.mark.parametrize("how", OPTIONS)
def test_what_was_not_approved_or_is_no_longer_the_tip_is_not_merged(site: Site, how: str) -> None:
    pull = site.propose()
    site.client.create_pull_request_approval_rule(
        pullRequestId=pull["pullRequestId"], approvalRuleName="one", approvalRuleContent=RULE
    )
    with pytest.raises(ClientError, match="PullRequestApprovalRulesNotSatisfiedException"):
        merge(site, pull, how)
    site.client.delete_pull_request_approval_rule(pullRequestId=pull["pullRequestId"], approvalRuleName="one")
    with pytest.raises(ClientError, match="TipOfSourceReferenceIsDifferentException"):
        merge(site, pull, how, sourceCommitId=site.first)
    assert site.tip("main") == site.first


RULE = '{"Version":"2018-11-08","Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1}]}'
