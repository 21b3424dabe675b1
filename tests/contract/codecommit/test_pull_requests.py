"""Pull requests, approvals and merges through boto3."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

ONE = json.dumps({"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}]})
ALLOWED = [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]


class Site:
    """A repository with a `main` and a `topic`, made anew under another name for every test."""

    def __init__(self, yard: TestYard, number: int, people: tuple[Any, ...]) -> None:
        self.yard, self.name = yard, f"demo{number}"
        self.client, (self.ann, self.bob) = yard.client("codecommit"), people
        self.client.create_repository(repositoryName=self.name)
        self.first = self.put("main", "a.txt", b"one\ntwo\n")
        self.branch("topic")
        self.second = self.put("topic", "a.txt", b"one\nthree\n")

    def branch(self, name: str) -> None:
        self.client.create_branch(repositoryName=self.name, branchName=name, commitId=self.first)

    def put(self, branch: str, path: str, content: bytes) -> str:
        place: dict[str, Any] = {"repositoryName": self.name, "branchName": branch}
        if branch in self.client.list_branches(repositoryName=self.name)["branches"]:
            place["parentCommitId"] = self.tip(branch)
        return str(self.client.put_file(**place, filePath=path, fileContent=content)["commitId"])

    def propose(self, client: Any = None, **more: Any) -> dict[str, Any]:
        target = {"repositoryName": self.name, "sourceReference": "topic", "destinationReference": "main"}
        asked = {"title": "A change", "targets": [target], **more}
        answer: dict[str, Any] = (client or self.ann).create_pull_request(**asked)["pullRequest"]
        return answer

    def get(self, pull: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get_pull_request(pullRequestId=pull["pullRequestId"])["pullRequest"]
        return answer

    def kinds(self, pull: dict[str, Any]) -> list[str]:
        found = self.client.describe_pull_request_events(pullRequestId=pull["pullRequestId"])["pullRequestEvents"]
        return [one["pullRequestEventType"].removeprefix("PULL_REQUEST_") for one in found]

    def merge(self, pull: dict[str, Any], client: Any = None, **more: Any) -> dict[str, Any]:
        asked = {"pullRequestId": pull["pullRequestId"], "repositoryName": self.name, **more}
        answer: dict[str, Any] = (client or self.client).merge_pull_request_by_fast_forward(**asked)["pullRequest"]
        return answer

    def tip(self, branch: str) -> str:
        return str(self.client.get_branch(repositoryName=self.name, branchName=branch)["branch"]["commitId"])

    def said(self, name: str) -> list[dict[str, Any]]:
        """The details of the repository's events of that name."""
        import sqlalchemy as sa

        rows = self.yard.yard.db.read(lambda tx: tx.all(sa.text("SELECT detail FROM outbox")))
        details = [json.loads(row.detail) for row in rows]
        mine = [one for one in details if self.name in json.dumps(one)]
        return [one for one in mine if one.get("event") == name]


@pytest.fixture(scope="module")
def people(module_yard: TestYard) -> tuple[Any, ...]:
    return tuple(module_yard.client("codecommit", keys=module_yard.user(name, ALLOWED)) for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(1000))


@pytest.fixture
def site(module_yard: TestYard, people: tuple[Any, ...], numbers: Iterator[int]) -> Site:
    return Site(module_yard, next(numbers), people)


def code(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"]).removesuffix("Exception")


def here(pull: dict[str, Any]) -> dict[str, str]:
    return {"pullRequestId": pull["pullRequestId"]}


def now(pull: dict[str, Any]) -> dict[str, str]:
    return {**here(pull), "revisionId": pull["revisionId"]}


def test_a_pull_request_is_merged_and_closed(site: Site) -> None:
    pull = site.propose(description="why")
    target = pull["pullRequestTargets"][0]
    assert (target["sourceReference"], target["destinationReference"]) == ("refs/heads/topic", "refs/heads/main")
    assert (target["sourceCommit"], target["destinationCommit"]) == (site.second, site.first)
    assert (target["mergeBase"], target["mergeMetadata"]) == (site.first, {"isMerged": False})
    assert re.fullmatch("[0-9a-f]{64}", pull["revisionId"])
    merged = site.merge(pull, sourceCommitId=site.second)
    assert merged["pullRequestStatus"] == "CLOSED"
    metadata = merged["pullRequestTargets"][0]["mergeMetadata"]
    assert (metadata["isMerged"], metadata["mergeCommitId"], metadata["mergeOption"]) == (
        True,
        site.second,
        "FAST_FORWARD_MERGE",
    )
    assert site.tip("main") == site.second
    assert site.kinds(pull) == ["CREATED", "STATUS_CHANGED", "MERGE_STATE_CHANGED"]
    (event,) = site.said("pullRequestMergeStatusUpdated")
    assert (event["isMerged"], event["pullRequestStatus"]) == ("True", "Closed")
    (moved,) = [one for one in site.said("referenceUpdated") if one["referenceName"] == "main"]
    assert (moved["mergeOption"], moved["baseCommitId"]) == ("FAST_FORWARD_MERGE", site.first)
    assert "pullRequest" not in moved
    assert code(site.merge, pull=pull) == "PullRequestAlreadyClosed"


def test_the_event_of_a_new_pull_request_has_its_documented_members(site: Site) -> None:
    pull = site.propose(description="why")
    (event,) = site.said("pullRequestCreated")
    date = event.pop("creationDate")
    assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}", date)
    body = event.pop("notificationBody")
    assert body.startswith(f"A pull request event occurred in the following AWS CodeCommit repository: {site.name}. ")
    assert event == {
        "author": pull["authorArn"],
        "callerUserArn": pull["authorArn"],
        "description": "why",
        "destinationCommit": site.first,
        "destinationReference": "refs/heads/main",
        "event": "pullRequestCreated",
        "isMerged": "False",
        "lastModifiedDate": date,
        "pullRequestId": pull["pullRequestId"],
        "pullRequestStatus": "Open",
        "repositoryNames": [site.name],
        "revisionId": pull["revisionId"],
        "sourceCommit": site.second,
        "sourceReference": "refs/heads/topic",
        "title": "A change",
    }


def test_an_approval_lapses_when_the_source_moves(site: Site) -> None:
    pull = site.propose()
    rule = {**here(pull), "approvalRuleName": "one", "approvalRuleContent": ONE}
    site.ann.create_pull_request_approval_rule(**rule)
    assert code(site.merge, pull=pull) == "PullRequestApprovalRulesNotSatisfied"
    site.bob.update_pull_request_approval_state(**now(pull), approvalState="APPROVE")
    (state,) = site.client.get_pull_request_approval_states(**now(pull))["approvals"]
    assert state["userArn"].endswith("user/bob")
    found = site.client.evaluate_pull_request_approval_rules(**now(pull))["evaluation"]
    assert (found["approved"], found["approvalRulesSatisfied"]) == (True, ["one"])
    third = site.put("topic", "b.txt", b"more")
    moved = site.get(pull)
    assert moved["revisionId"] != pull["revisionId"]
    assert moved["pullRequestTargets"][0]["sourceCommit"] == third
    found = site.client.evaluate_pull_request_approval_rules(**now(moved))["evaluation"]
    assert (found["approved"], found["approvalRulesNotSatisfied"]) == (False, ["one"])
    assert code(site.client.evaluate_pull_request_approval_rules, **now(pull)) == "RevisionNotCurrent"
    assert code(site.merge, pull=pull) == "PullRequestApprovalRulesNotSatisfied"
    approve = site.bob.update_pull_request_approval_state
    assert code(approve, **now(pull), approvalState="APPROVE") == "RevisionNotCurrent"
    approve(**now(moved), approvalState="APPROVE")
    assert site.merge(pull)["pullRequestStatus"] == "CLOSED"
    assert site.kinds(pull) == [
        "CREATED",
        "APPROVAL_RULE_CREATED",
        "APPROVAL_STATE_CHANGED",
        "SOURCE_REFERENCE_UPDATED",
        "APPROVAL_STATE_CHANGED",
        "STATUS_CHANGED",
        "MERGE_STATE_CHANGED",
    ]
    events = site.client.describe_pull_request_events(
        **here(pull), pullRequestEventType="PULL_REQUEST_SOURCE_REFERENCE_UPDATED"
    )["pullRequestEvents"]
    assert events[0]["pullRequestSourceReferenceUpdatedEventMetadata"] == {
        "repositoryName": site.name,
        "beforeCommitId": site.second,
        "afterCommitId": third,
        "mergeBase": site.first,
    }
    assert len(site.said("pullRequestSourceBranchUpdated")) == 1


def test_an_author_does_not_approve_and_an_approval_is_taken_back(site: Site) -> None:
    pull = site.propose()
    by_ann, by_bob = site.ann.update_pull_request_approval_state, site.bob.update_pull_request_approval_state
    assert code(by_ann, **now(pull), approvalState="APPROVE") == "PullRequestCannotBeApprovedByAuthor"
    for state in ("APPROVE", "APPROVE", "REVOKE", "REVOKE"):
        by_bob(**now(pull), approvalState=state)
    assert site.client.get_pull_request_approval_states(**now(pull))["approvals"] == []
    assert [e["approvalStatus"] for e in site.said("pullRequestApprovalStateChanged")] == ["APPROVE", "REVOKE"]


def test_an_override_sets_all_rules_aside(site: Site) -> None:
    pull = site.propose()
    site.ann.create_pull_request_approval_rule(**here(pull), approvalRuleName="one", approvalRuleContent=ONE)
    override = site.bob.override_pull_request_approval_rules
    override(**now(pull), overrideStatus="OVERRIDE")
    assert code(override, **now(pull), overrideStatus="OVERRIDE") == "OverrideAlreadySet"
    found = site.client.get_pull_request_override_state(**now(pull))
    assert found["overridden"] is True
    assert found["overrider"].endswith("user/bob")
    override(**now(pull), overrideStatus="REVOKE")
    assert site.client.get_pull_request_override_state(**now(pull))["overridden"] is False
    assert code(site.merge, pull=pull) == "PullRequestApprovalRulesNotSatisfied"
    override(**now(pull), overrideStatus="OVERRIDE")
    evaluation = site.client.evaluate_pull_request_approval_rules(**now(pull))["evaluation"]
    assert (evaluation["approved"], evaluation["overridden"]) == (True, True)
    assert site.merge(pull)["pullRequestStatus"] == "CLOSED"


def test_rules_are_changed_by_those_who_saw_them_and_deleted(site: Site) -> None:
    pull = site.propose()
    name = {**here(pull), "approvalRuleName": "one"}
    made = site.ann.create_pull_request_approval_rule(**name, approvalRuleContent=ONE)["approvalRule"]
    again = site.ann.create_pull_request_approval_rule
    assert code(again, **name, approvalRuleContent=ONE) == "ApprovalRuleNameAlreadyExists"
    assert code(again, **here(pull), approvalRuleName="b", approvalRuleContent="x") == "InvalidApprovalRuleContent"
    assert code(again, **here(pull), approvalRuleName="b.git", approvalRuleContent=ONE) == "InvalidApprovalRuleName"
    update, two = site.bob.update_pull_request_approval_rule_content, ONE.replace("1}", "2}")
    stale = {**name, "newRuleContent": two, "existingRuleContentSha256": "0" * 64}
    assert code(update, **stale) == "InvalidRuleContentSha256"
    changed = update(**{**stale, "existingRuleContentSha256": made["ruleContentSha256"]})["approvalRule"]
    assert changed["approvalRuleContent"] == two
    assert changed["lastModifiedUser"].endswith("user/bob")
    missing = {**here(pull), "approvalRuleName": "two", "newRuleContent": two}
    assert code(update, **missing) == "ApprovalRuleDoesNotExist"
    deleted = site.ann.delete_pull_request_approval_rule(**name)
    assert deleted["approvalRuleId"] == made["approvalRuleId"]
    assert site.get(pull)["approvalRules"] == []
    for number in range(30):
        again(**here(pull), approvalRuleName=f"r{number}", approvalRuleContent=ONE)
    assert code(again, **here(pull), approvalRuleName="more", approvalRuleContent=ONE) == "NumberOfRulesExceeded"


def test_a_source_that_is_deleted_leaves_the_pull_request_open_and_unmergeable(site: Site) -> None:
    pull = site.propose()
    site.client.delete_branch(repositoryName=site.name, branchName="topic")
    assert site.get(pull)["pullRequestStatus"] == "OPEN"
    assert code(site.merge, pull=pull) == "ReferenceDoesNotExist"


def test_the_destination_moves_and_then_only_another_merge_helps(site: Site) -> None:
    pull = site.propose()
    other = site.put("main", "c.txt", b"c")
    found = site.get(pull)
    assert found["revisionId"] == pull["revisionId"]
    target = found["pullRequestTargets"][0]
    assert (target["destinationCommit"], target["mergeBase"]) == (other, site.first)
    assert code(site.merge, pull=pull) == "ManualMergeRequired"


def test_what_cannot_be_merged_is_refused(site: Site, people: tuple[Any, ...]) -> None:
    pull = site.propose()
    assert code(site.merge, pull=pull, sourceCommitId="x") == "InvalidCommitId"
    assert code(site.merge, pull=pull, sourceCommitId=site.first) == "TipOfSourceReferenceIsDifferent"
    assert code(site.merge, pull={"pullRequestId": "999999"}) == "PullRequestDoesNotExist"
    assert code(site.merge, pull={"pullRequestId": "x"}) == "InvalidPullRequestId"
    assert code(site.merge, pull=pull, repositoryName="none") == "RepositoryDoesNotExist"
    other = Site(site.yard, 5000, people)
    assert code(other.merge, pull=pull) == "RepositoryNotAssociatedWithPullRequest"


def test_a_branch_without_news_is_merged_as_it_is(site: Site) -> None:
    site.branch("same")
    target = {"repositoryName": site.name, "sourceReference": "same"}
    pull = site.propose(targets=[target])
    assert site.merge(pull)["pullRequestTargets"][0]["mergeMetadata"]["mergeCommitId"] == site.first


def test_a_token_makes_one_pull_request(site: Site) -> None:
    one = site.propose(clientRequestToken=f"t-{site.name}")
    assert site.propose(clientRequestToken=f"t-{site.name}")["pullRequestId"] == one["pullRequestId"]
    assert one["clientRequestToken"] == f"t-{site.name}"
    assert code(site.propose, clientRequestToken=f"t-{site.name}", title="B") == "IdempotencyParameterMismatch"
    assert code(site.propose, clientRequestToken="a b") == "InvalidClientRequestToken"
    assert site.propose(site.bob, clientRequestToken=f"t-{site.name}")["pullRequestId"] != one["pullRequestId"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"sourceReference": "none"}, "ReferenceDoesNotExist"),
        ({"sourceReference": "a..b"}, "InvalidReferenceName"),
        ({"sourceReference": "refs/tags/x"}, "ReferenceTypeNotSupported"),
        ({"sourceReference": ""}, "ReferenceNameRequired"),
        ({"sourceReference": "main"}, "SourceAndDestinationAreSame"),
        ({"destinationReference": "topic"}, "SourceAndDestinationAreSame"),
        ({"repositoryName": "none"}, "RepositoryDoesNotExist"),
    ],
)
def test_a_bad_target_is_refused(site: Site, changes: dict[str, str], refusal: str) -> None:
    target = {"repositoryName": site.name, "sourceReference": "topic", "destinationReference": "main", **changes}
    assert code(site.propose, targets=[target]) == refusal


def test_a_pull_request_has_one_target_and_a_title(site: Site) -> None:
    target = {"repositoryName": site.name, "sourceReference": "topic"}
    assert code(site.propose, targets=[]) == "TargetsRequired"
    assert code(site.propose, targets=[target, target]) == "InvalidTargets"
    other = {**target, "repositoryName": "other"}
    assert code(site.propose, targets=[target, other]) == "MultipleRepositoriesInPullRequest"
    assert code(site.propose, title="") == "TitleRequired"
    assert code(site.propose, title="a" * 151) == "InvalidTitle"
    assert code(site.propose, description="a" * 10241) == "InvalidDescription"


def test_a_closed_pull_request_stays_as_it_is(site: Site) -> None:
    pull, client = site.propose(), site.client
    client.update_pull_request_title(**here(pull), title="New")
    client.update_pull_request_description(**here(pull), description="Said")
    found = site.get(pull)
    assert (found["title"], found["description"]) == ("New", "Said")
    status = client.update_pull_request_status
    assert status(**here(pull), pullRequestStatus="OPEN")["pullRequest"]["pullRequestStatus"] == "OPEN"
    for _ in range(2):
        assert status(**here(pull), pullRequestStatus="CLOSED")["pullRequest"]["pullRequestStatus"] == "CLOSED"
    assert code(status, **here(pull), pullRequestStatus="OPEN") == "InvalidPullRequestStatusUpdate"
    assert code(status, **here(pull), pullRequestStatus="X") == "InvalidPullRequestStatus"
    closed = "PullRequestAlreadyClosed"
    assert code(client.update_pull_request_title, **here(pull), title="x") == closed
    assert code(client.update_pull_request_description, **here(pull), description="x") == closed
    assert code(site.bob.update_pull_request_approval_state, **now(pull), approvalState="APPROVE") == closed
    assert code(client.override_pull_request_approval_rules, **now(pull), overrideStatus="OVERRIDE") == closed
    rule = {**here(pull), "approvalRuleName": "r"}
    assert code(client.create_pull_request_approval_rule, **rule, approvalRuleContent=ONE) == closed
    assert code(client.update_pull_request_approval_rule_content, **rule, newRuleContent=ONE) == closed
    assert code(client.delete_pull_request_approval_rule, **rule) == closed
    assert site.kinds(pull) == ["CREATED", "STATUS_CHANGED"]
    site.put("topic", "z.txt", b"z")
    assert site.get(pull)["revisionId"] == pull["revisionId"]


def test_pull_requests_are_listed_by_author_and_status_page_by_page(site: Site) -> None:
    made = [site.propose(site.ann if number % 2 else site.bob) for number in range(5)]
    ids = [one["pullRequestId"] for one in reversed(made)]
    first = site.client.list_pull_requests(repositoryName=site.name, maxResults=3)
    rest = site.client.list_pull_requests(repositoryName=site.name, maxResults=3, nextToken=first["nextToken"])
    assert first["pullRequestIds"] + rest["pullRequestIds"] == ids
    assert "nextToken" not in rest
    site.client.update_pull_request_status(**here(made[1]), pullRequestStatus="CLOSED")
    listed = site.client.list_pull_requests
    closed = listed(repositoryName=site.name, pullRequestStatus="CLOSED")
    assert closed["pullRequestIds"] == [made[1]["pullRequestId"]]
    by_ann = listed(repositoryName=site.name, authorArn=made[1]["authorArn"], pullRequestStatus="OPEN")
    assert by_ann["pullRequestIds"] == [made[3]["pullRequestId"]]
    assert code(listed, repositoryName=site.name, authorArn="x") == "InvalidAuthorArn"
    assert code(listed, repositoryName=site.name, nextToken="x") == "InvalidContinuationToken"
    assert code(listed, repositoryName=site.name, maxResults=0) == "InvalidMaxResults"
    assert code(listed, repositoryName=site.name, pullRequestStatus="X") == "InvalidPullRequestStatus"


def test_events_are_described_by_actor_page_by_page(site: Site) -> None:
    pull = site.propose()
    site.bob.update_pull_request_approval_state(**now(pull), approvalState="APPROVE")
    describe = site.client.describe_pull_request_events
    first = describe(**here(pull), maxResults=1)
    second = describe(**here(pull), maxResults=1, nextToken=first["nextToken"])
    assert "nextToken" not in second
    (event,) = second["pullRequestEvents"]
    said = {"revisionId": pull["revisionId"], "approvalStatus": "APPROVE"}
    assert event["approvalStateChangedEventMetadata"] == said
    assert describe(**here(pull), actorArn=event["actorArn"])["pullRequestEvents"] == [event]
    assert code(describe, **here(pull), actorArn="x") == "InvalidActorArn"
    assert code(describe, **here(pull), pullRequestEventType="X") == "InvalidPullRequestEventType"
    bad = {**here(pull), "revisionId": "x"}
    assert code(site.client.get_pull_request_approval_states, **bad) == "InvalidRevisionId"
    assert code(site.client.get_pull_request_override_state, **bad) == "InvalidRevisionId"


def test_of_many_merges_at_once_one_succeeds_and_its_event_is_told_once(site: Site) -> None:
    pull, outcomes = site.propose(), []
    start = threading.Barrier(4)

    def merge() -> None:
        start.wait()
        try:
            site.merge(pull)
            outcomes.append("merged")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["PullRequestAlreadyClosedException"] * 3 + ["merged"]
    assert len(site.said("pullRequestMergeStatusUpdated")) == 1


def test_a_permission_is_for_the_repository_of_the_pull_request_and_its_destination(site: Site) -> None:
    pull = site.propose()
    arn = f"arn:aws:codecommit:{site.yard.facts['region']}:{site.yard.account}:{site.name}"
    protect = {
        "Effect": "Deny",
        "Action": "codecommit:MergePullRequestBy*",
        "Resource": arn,
        "Condition": {
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
            "Null": {"codecommit:References": "false"},
        },
    }
    allow = {"Effect": "Allow", "Action": "codecommit:*", "Resource": arn}
    keys = site.yard.user(f"user-{site.name}", [allow, protect])
    client = site.yard.client("codecommit", keys=keys)
    assert client.get_pull_request(**here(pull))["pullRequest"]["title"] == "A change"
    assert code(site.merge, pull=pull, client=client) == "AccessDenied"
    elsewhere = site.yard.user(f"other-{site.name}", [{**allow, "Resource": arn + "-other"}])
    stranger = site.yard.client("codecommit", keys=elsewhere)
    assert code(stranger.get_pull_request, **here(pull)) == "AccessDenied"
    assert code(stranger.get_pull_request, pullRequestId="999999") == "AccessDenied"


def test_a_deleted_repository_takes_its_pull_requests_along_and_numbers_are_not_used_again(site: Site) -> None:
    pull = site.propose()
    site.client.delete_repository(repositoryName=site.name)
    assert code(site.client.get_pull_request, **here(pull)) == "PullRequestDoesNotExist"
    fresh = Site(site.yard, 6000, (site.ann, site.bob)).propose()
    assert int(fresh["pullRequestId"]) > int(pull["pullRequestId"])
