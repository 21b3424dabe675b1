"""Comments, reactions and approval rule templates through boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.codecommit.test_pull_requests import ALLOWED, ONE, Site, code, here
from tests.support.yard import TestYard


@pytest.fixture(scope="module")
def people(module_yard: TestYard) -> tuple[Any, ...]:
    return tuple(module_yard.client("codecommit", keys=module_yard.user(name, ALLOWED)) for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(1000))


@pytest.fixture
def site(module_yard: TestYard, people: tuple[Any, ...], numbers: Iterator[int]) -> Site:
    return Site(module_yard, next(numbers), people)


def between(site: Site) -> dict[str, str]:
    return {"repositoryName": site.name, "beforeCommitId": site.first, "afterCommitId": site.second}


LINE = {"filePath": "a.txt", "filePosition": 2, "relativeFileVersion": "AFTER"}


def test_a_comment_on_a_line_is_answered_changed_and_deleted(site: Site) -> None:
    pull = site.propose()
    post = site.ann.post_comment_for_pull_request
    made = post(**here(pull), **between(site), content="Why?", location=LINE, clientRequestToken="c1")
    again = post(**here(pull), **between(site), content="Why?", location=LINE, clientRequestToken="c1")
    comment = {"commentId": made["comment"]["commentId"]}
    assert again["comment"]["commentId"] == comment["commentId"]
    assert code(post, **here(pull), **between(site), content="No", clientRequestToken="c1") == (
        "IdempotencyParameterMismatch"
    )
    assert (made["location"], made["pullRequestId"]) == (LINE, pull["pullRequestId"])
    assert made["beforeBlobId"] != made["afterBlobId"]
    site.yard.clock.advance(1)  # comments are told in the order of their time
    reply = site.bob.post_comment_reply(inReplyTo=comment["commentId"], content="So.")["comment"]
    assert reply["inReplyTo"] == comment["commentId"]
    assert site.ann.update_comment(**comment, content="How?")["comment"]["content"] == "How?"
    assert code(site.bob.update_comment, **comment, content="x") == "CommentNotCreatedByCaller"
    deleted = site.ann.delete_comment_content(**comment)["comment"]
    assert deleted["deleted"] is True
    assert "content" not in deleted
    for call, more in (
        (site.ann.get_comment, {}),
        (site.ann.update_comment, {"content": "x"}),
        (site.ann.delete_comment_content, {}),
        (site.ann.get_comment_reactions, {}),
        (site.ann.put_comment_reaction, {"reactionValue": "none"}),
    ):
        assert code(call, **comment, **more) == "CommentDeleted"
    (group,) = site.client.get_comments_for_pull_request(**here(pull))["commentsForPullRequestData"]
    assert [one.get("content") for one in group["comments"]] == [None, "So."]
    created = site.said("commentOnPullRequestCreated")
    assert {one.get("inReplyTo") for one in created} == {None, comment["commentId"]}
    assert len(site.said("commentOnPullRequestUpdated")) == 2


def test_the_event_of_a_comment_has_its_documented_members(site: Site) -> None:
    made = site.ann.post_comment_for_compared_commit(**between(site), content="Fine")["comment"]
    (event,) = site.said("commentOnCommitCreated")
    assert event.pop("notificationBody").startswith("A comment event occurred in the following AWS CodeCommit rep")
    found = site.client.get_repository(repositoryName=site.name)["repositoryMetadata"]
    assert event == {
        "afterCommitId": site.second,
        "beforeCommitId": site.first,
        "callerUserArn": made["authorArn"],
        "commentId": made["commentId"],
        "event": "commentOnCommitCreated",
        "repositoryId": found["repositoryId"],
        "repositoryName": site.name,
    }


def test_comments_are_listed_by_their_places_page_by_page(site: Site) -> None:
    post, listed = site.ann.post_comment_for_compared_commit, site.client.get_comments_for_compared_commit
    post(**between(site), content="on all")
    site.yard.clock.advance(1)
    post(**between(site), content="on the file", location={"filePath": "a.txt"})
    site.yard.clock.advance(1)
    post(**between(site), content="on the file again", location={"filePath": "a.txt"})
    post(repositoryName=site.name, afterCommitId=site.second, content="on one commit")
    first = listed(**between(site), maxResults=1)
    rest = listed(**between(site), maxResults=1, nextToken=first["nextToken"])
    assert "nextToken" not in rest
    said = [
        [c["content"] for c in one["comments"]]
        for page in (first, rest)
        for one in page["commentsForComparedCommitData"]
    ]
    assert said == [["on all"], ["on the file", "on the file again"]]
    everything = listed(repositoryName=site.name, afterCommitId=site.second)
    assert len(everything["commentsForComparedCommitData"]) == 3
    assert code(listed, repositoryName=site.name, afterCommitId="1" * 40) == "CommitDoesNotExist"
    assert code(listed, repositoryName=site.name, afterCommitId="x") == "InvalidCommitId"
    assert code(listed, **between(site), nextToken="x") == "InvalidContinuationToken"
    assert code(listed, **between(site), maxResults=-1) == "InvalidMaxResults"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"content": ""}, "CommentContentRequired"),
        ({"content": "a" * 10241}, "CommentContentSizeLimitExceeded"),
        ({"beforeCommitId": "x"}, "InvalidCommitId"),
        ({"beforeCommitId": "1" * 40}, "CommitDoesNotExist"),
        ({"afterCommitId": ""}, "CommitIdRequired"),
        ({"location": {**LINE, "filePath": ""}}, "PathRequired"),
        ({"location": {"filePosition": 1, "relativeFileVersion": "AFTER"}}, "PathRequired"),
        ({"location": {**LINE, "filePath": "none"}}, "PathDoesNotExist"),
        ({"location": {**LINE, "filePath": "a//b"}}, "InvalidPath"),
        ({"location": {**LINE, "filePosition": 3}}, "InvalidFilePosition"),
        ({"location": {**LINE, "filePosition": 0}}, "InvalidFilePosition"),
        ({"location": {**LINE, "relativeFileVersion": "X"}}, "InvalidRelativeFileVersionEnum"),
        ({"location": {"filePath": "a.txt", "filePosition": 1}}, "InvalidFileLocation"),
        ({"clientRequestToken": "a b"}, "InvalidClientRequestToken"),
        ({"repositoryName": "none"}, "RepositoryDoesNotExist"),
    ],
)
def test_a_bad_comment_is_refused(site: Site, changes: dict[str, Any], refusal: str) -> None:
    asked = {**between(site), "content": "x", "location": LINE, **changes}
    assert code(site.ann.post_comment_for_compared_commit, **asked) == refusal
    pull = site.propose()
    assert code(site.ann.post_comment_for_pull_request, **here(pull), **asked) == refusal


def test_a_comment_is_on_two_commits_of_the_pull_requests_repository(site: Site, people: tuple[Any, ...]) -> None:
    same = {**between(site), "beforeCommitId": site.second, "content": "x"}
    assert code(site.ann.post_comment_for_compared_commit, **same) == "BeforeCommitIdAndAfterCommitIdAreSame"
    other = Site(site.yard, 5000, people)
    pull, wrong = other.propose(), "RepositoryNotAssociatedWithPullRequest"
    assert code(site.ann.post_comment_for_pull_request, **here(pull), **between(site), content="x") == wrong
    assert code(site.ann.get_comments_for_pull_request, **here(pull), **between(site)) == wrong
    nameless = {"beforeCommitId": site.first, "afterCommitId": site.second}
    assert code(site.ann.get_comments_for_pull_request, **here(pull), **nameless) == "RepositoryNameRequired"


def test_a_comment_that_is_none_is_refused(site: Site) -> None:
    nowhere = f"{'0' * 8}-0000-0000-0000-{'0' * 12}:{'0' * 8}-0000-0000-0000-{'0' * 12}"
    for given, refusal in ((nowhere, "CommentDoesNotExist"), ("x", "InvalidCommentId"), ("", "CommentIdRequired")):
        assert code(site.client.get_comment, commentId=given) == refusal
        assert code(site.client.get_comment_reactions, commentId=given) == refusal
        assert code(site.client.update_comment, commentId=given, content="x") == refusal
        assert code(site.client.delete_comment_content, commentId=given) == refusal
        assert code(site.client.put_comment_reaction, commentId=given, reactionValue=":heart:") == refusal
        assert code(site.client.post_comment_reply, inReplyTo=given, content="x") == refusal


def test_everybody_has_one_reaction_to_a_comment(site: Site) -> None:
    made = site.ann.post_comment_for_compared_commit(**between(site), content="x")["comment"]
    comment = {"commentId": made["commentId"]}
    for client, value in ((site.ann, "👍"), (site.bob, ":thumbsup:"), (site.bob, "U+1F44E")):
        client.put_comment_reaction(**comment, reactionValue=value)
    found = site.bob.get_comment(**comment)["comment"]
    assert (found["callerReactions"], found["reactionCounts"]) == (["THUMBSDOWN"], {"THUMBSUP": 1, "THUMBSDOWN": 1})
    first = site.client.get_comment_reactions(**comment, maxResults=1)
    second = site.client.get_comment_reactions(**comment, maxResults=1, nextToken=first["nextToken"])
    (down,), (up,) = first["reactionsForComment"], second["reactionsForComment"]
    assert down["reaction"] == {"emoji": "👎", "shortCode": ":thumbsdown:", "unicode": "U+1F44E"}
    assert up["reactionUsers"] == [made["authorArn"]]
    own = site.client.get_comment_reactions(**comment, reactionUserArn=made["authorArn"])["reactionsForComment"]
    assert own == [up]
    assert code(site.client.get_comment_reactions, **comment, reactionUserArn="x") == "InvalidReactionUserArn"
    assert code(site.bob.put_comment_reaction, **comment, reactionValue="x") == "InvalidReactionValue"
    site.bob.put_comment_reaction(**comment, reactionValue="none")
    assert site.bob.get_comment(**comment)["comment"]["reactionCounts"] == {"THUMBSUP": 1}
    assert [one["reactionEmojis"] for one in site.said("commentReactionCreated")] == [["👍"], ["👍"]]
    assert [one["reactionUnicodes"] for one in site.said("commentReactionUpdated")] == [["U+1F44E"], []]


FOR_MAIN = json.dumps({**json.loads(ONE), "DestinationReferences": ["refs/heads/ma*"]})


def test_a_templates_rule_is_given_to_new_pull_requests_and_stays(site: Site) -> None:
    before, name = site.propose(), {"approvalRuleTemplateName": f"one for {site.name}"}
    made = site.client.create_approval_rule_template(**name, approvalRuleTemplateContent=FOR_MAIN)
    template = made["approvalRuleTemplate"]
    link = {**name, "repositoryName": site.name}
    for _ in range(2):
        site.client.associate_approval_rule_template_with_repository(**link)
    assert code(site.client.delete_approval_rule_template, **name) == "ApprovalRuleTemplateInUse"
    pull = site.propose()
    (rule,) = pull["approvalRules"]
    assert rule["originApprovalRuleTemplate"]["approvalRuleTemplateId"] == template["approvalRuleTemplateId"]
    assert rule["ruleContentSha256"] == template["ruleContentSha256"]
    named = {**here(pull), "approvalRuleName": rule["approvalRuleName"]}
    update, delete = (
        site.client.update_pull_request_approval_rule_content,
        site.client.delete_pull_request_approval_rule,
    )
    assert code(update, **named, newRuleContent=ONE) == "CannotModifyApprovalRuleFromTemplate"
    assert code(delete, **named) == "CannotDeleteApprovalRuleFromTemplate"
    site.client.update_approval_rule_template_content(**name, newRuleContent=ONE)
    listed = site.client.list_associated_approval_rule_templates_for_repository(repositoryName=site.name)
    assert listed["approvalRuleTemplateNames"] == [name["approvalRuleTemplateName"]]
    for _ in range(2):
        site.client.disassociate_approval_rule_template_from_repository(**link)
    assert (
        site.client.delete_approval_rule_template(**name)["approvalRuleTemplateId"]
        == rule["originApprovalRuleTemplate"]["approvalRuleTemplateId"]
    )
    assert site.get(pull)["approvalRules"] == [rule]
    assert site.get(before)["approvalRules"] == []
    assert code(site.merge, pull=pull) == "PullRequestApprovalRulesNotSatisfied"
    (linked,) = site.said("approvalRuleTemplateAssociatedWithRepository")
    assert list(linked["repositories"]) == [site.name]
    assert len(site.said("approvalRuleTemplateDisassociatedFromRepository")) == 1
    for kind, times in (("Created", 1), ("Updated", 1), ("Deleted", 1)):
        assert len(site.said(f"approvalRuleTemplate{kind}")) == times


def test_a_template_is_for_many_repositories_and_each_failure_is_told(site: Site) -> None:
    name = {"approvalRuleTemplateName": f"many for {site.name}"}
    site.client.create_approval_rule_template(**name, approvalRuleTemplateContent=ONE)
    asked = {**name, "repositoryNames": [site.name, "none"]}
    answer = site.client.batch_associate_approval_rule_template_with_repositories(**asked)
    assert answer["associatedRepositoryNames"] == [site.name]
    assert [one["errorCode"] for one in answer["errors"]] == ["RepositoryDoesNotExistException"]
    listed = site.client.list_repositories_for_approval_rule_template(**name)
    assert listed["repositoryNames"] == [site.name]
    answer = site.client.batch_disassociate_approval_rule_template_from_repositories(**asked)
    assert answer["disassociatedRepositoryNames"] == [site.name]
    assert site.client.list_repositories_for_approval_rule_template(**name)["repositoryNames"] == []
    batch = site.client.batch_associate_approval_rule_template_with_repositories
    assert code(batch, **name, repositoryNames=[]) == "RepositoryNamesRequired"
    assert code(batch, **name, repositoryNames=[f"r{n}" for n in range(101)]) == "MaximumRepositoryNamesExceeded"
    assert len(site.said("batchAssociateApprovalRuleTemplateWithRepositories")) == 1
    assert len(site.said("batchDisassociateApprovalRuleTemplateFromRepositories")) == 1


def test_a_repository_has_at_most_25_templates(site: Site) -> None:
    names = [f"t{number:02} {site.name}" for number in range(26)]
    for name in names:
        site.client.create_approval_rule_template(approvalRuleTemplateName=name, approvalRuleTemplateContent=ONE)
    associate = site.client.associate_approval_rule_template_with_repository
    for name in names[:25]:
        associate(approvalRuleTemplateName=name, repositoryName=site.name)
    refusal = code(associate, approvalRuleTemplateName=names[25], repositoryName=site.name)
    assert refusal == "MaximumRuleTemplatesAssociatedWithRepository"
    assert len(site.propose()["approvalRules"]) == 25


def test_templates_are_described_renamed_and_listed(site: Site) -> None:
    client, name = site.client, {"approvalRuleTemplateName": f"a {site.name}"}
    client.create_approval_rule_template(**name, approvalRuleTemplateContent=ONE, approvalRuleTemplateDescription="d")
    create = client.create_approval_rule_template
    assert code(create, **name, approvalRuleTemplateContent=ONE) == "ApprovalRuleTemplateNameAlreadyExists"
    assert code(create, approvalRuleTemplateName="x", approvalRuleTemplateContent="x") == (
        "InvalidApprovalRuleTemplateContent"
    )
    assert code(create, approvalRuleTemplateName="x.git", approvalRuleTemplateContent=ONE) == (
        "InvalidApprovalRuleTemplateName"
    )
    client.update_approval_rule_template_description(**name, approvalRuleTemplateDescription="new")
    rename = client.update_approval_rule_template_name
    to = {"newApprovalRuleTemplateName": f"b {site.name}"}
    rename(oldApprovalRuleTemplateName=name["approvalRuleTemplateName"], **to)
    assert code(client.get_approval_rule_template, **name) == "ApprovalRuleTemplateDoesNotExist"
    found = client.get_approval_rule_template(approvalRuleTemplateName=f"b {site.name}")["approvalRuleTemplate"]
    assert (found["approvalRuleTemplateDescription"], found["approvalRuleTemplateContent"]) == ("new", ONE)
    create(**name, approvalRuleTemplateContent=ONE)
    assert code(rename, oldApprovalRuleTemplateName=name["approvalRuleTemplateName"], **to) == (
        "ApprovalRuleTemplateNameAlreadyExists"
    )
    content = {"newRuleContent": FOR_MAIN, "existingRuleContentSha256": "1" * 64}
    assert code(client.update_approval_rule_template_content, **name, **content) == "InvalidRuleContentSha256"
    pages, token = [], {}
    while True:
        page = client.list_approval_rule_templates(maxResults=2, **token)
        pages += page["approvalRuleTemplateNames"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert {f"a {site.name}", f"b {site.name}"} <= set(pages)
    assert pages == sorted(set(pages))
    assert code(client.list_approval_rule_templates, nextToken="x") == "InvalidContinuationToken"
