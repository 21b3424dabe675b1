"""EventBridge events of pull requests, templates, comments and reactions, with their exact JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import Event
from codeyard.formats.moments import moment
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls.approvals import sha256

PULL_CHANGE = "CodeCommit Pull Request State Change"
TEMPLATE_CHANGE = "CodeCommit Approval Rule Template Change"
REACTION_CHANGE = "CodeCommit Comment Reaction Change"
ON_PULL, ON_COMMIT = "CodeCommit Comment on Pull Request", "CodeCommit Comment on Commit"

_WORDS = {
    "pullRequestCreated": ("Created", "A pull request was created with the following ID"),
    "pullRequestSourceBranchUpdated": ("Updated", "The source branch was updated of the pull request with this ID"),
    "pullRequestStatusChanged": ("Updated", "The status was changed of the pull request with the following ID"),
    "pullRequestMergeStatusUpdated": ("Updated", "The pull request with the following ID was merged"),
    "pullRequestApprovalRuleCreated": ("Updated", "An approval rule was created for the pull request with this ID"),
    "pullRequestApprovalRuleUpdated": ("Updated", "An approval rule was updated of the pull request with this ID"),
    "pullRequestApprovalRuleDeleted": ("Updated", "An approval rule was deleted of the pull request with this ID"),
    "pullRequestApprovalRuleOverridden": ("Updated", "The override was changed of the pull request with this ID"),
    "pullRequestApprovalStateChanged": ("Updated", "The approval was changed of the pull request with this ID"),
}


def said_date(micros: int) -> str:
    """A time as these events write it: `Wed Nov 06 19:10:58 UTC 2019`."""
    return moment(micros).strftime("%a %b %d %H:%M:%S UTC %Y")


def pull_change(repository: Repository, pull: Any, name: str, caller: str, now: int, **more: str) -> Event:
    """One of the nine kinds of a pull request's change."""
    kind, what = _WORDS[name]
    body = (
        f"A pull request event occurred in the following AWS CodeCommit repository: {repository.name}. User: {caller}. "
        f"Event: {kind}. Pull request name: {pull.number}. Additional information: {what}: {pull.number}. "
        f"The title of the pull request is: {pull.title}."
    )
    detail: dict[str, Any] = {
        **more,
        "author": pull.author,
        "callerUserArn": caller,
        "creationDate": said_date(pull.created),
        "destinationCommit": pull.destination_commit,
        "destinationReference": pull.destination,
        "event": name,
        "isMerged": "True" if pull.merged_by else "False",
        "lastModifiedDate": said_date(pull.modified),
        "notificationBody": body,
        "pullRequestId": str(pull.number),
        "pullRequestStatus": pull.status.capitalize(),
        "repositoryNames": [repository.name],
        "revisionId": pull.revision,
        "sourceCommit": pull.source_commit,
        "sourceReference": pull.source,
        "title": pull.title,
    }
    if pull.description:
        detail["description"] = pull.description
    return _event(PULL_CHANGE, detail, repository, now)


def template_change(template: Any, name: str, caller: str, now: int, repositories: Sequence[Repository] = ()) -> Event:
    """A template was created, updated, deleted, or associated with or disassociated from repositories."""
    body = (
        f"A approval rule template event occurred in the following AWS CodeCommit account: {template.account}. "
        f"User: {caller}. Additional information: {name} for the approval rule template with the following name: "
        f"{template.name}. The ID of the template is: {template.id}."
    )
    detail = {
        "approvalRuleTemplateContentSha256": sha256(template.content),
        "approvalRuleTemplateId": template.id,
        "approvalRuleTemplateName": template.name,
        "callerUserArn": caller,
        "creationDate": said_date(template.created),
        "event": name,
        "lastModifiedDate": said_date(template.modified),
        "notificationBody": body,
        "repositories": {one.name: one.id for one in repositories},
    }
    arns = tuple(one.arn for one in repositories)
    return Event("aws.codecommit", TEMPLATE_CHANGE, detail, template.account, template.region, now, arns)


def comment_change(repository: Repository, comment: Any, verb: str, caller: str, now: int) -> Event:
    """A comment was Created or Updated, on a commit or on a pull request."""
    on = "PullRequest" if comment.pull else "Commit"
    detail = _of_comment(repository, comment, f"commentOn{on}{verb}", caller)
    if comment.reply_to:
        detail["inReplyTo"] = comment.reply_to
    return _event(ON_PULL if comment.pull else ON_COMMIT, detail, repository, now)


def reaction_change(
    repository: Repository, comment: Any, verb: str, caller: str, forms: Mapping[str, str], now: int
) -> Event:
    """A reaction to a comment was Created or Updated."""
    detail = _of_comment(repository, comment, f"commentReaction{verb}", caller)
    detail |= {
        "reactionEmojis": [forms["emoji"]] if forms else [],
        "reactionShortcodes": [forms["shortCode"]] if forms else [],
        "reactionUnicodes": [forms["unicode"]] if forms else [],
    }
    return _event(REACTION_CHANGE, detail, repository, now)


def _of_comment(repository: Repository, comment: Any, name: str, caller: str) -> dict[str, Any]:
    body = (
        f"A comment event occurred in the following AWS CodeCommit repository: {repository.name}. User: {caller}. "
        f"Event: {name}. The comment's ID is: {comment.id}."
    )
    detail = {
        "afterCommitId": comment.after_commit,
        "callerUserArn": caller,
        "commentId": comment.id,
        "event": name,
        "notificationBody": body,
        "repositoryId": repository.id,
        "repositoryName": repository.name,
    }
    if comment.before_commit:
        detail["beforeCommitId"] = comment.before_commit
    if comment.pull:
        detail["pullRequestId"] = comment.pull.rpartition(":")[2]
    return detail


def _event(kind: str, detail: Mapping[str, Any], repository: Repository, now: int) -> Event:
    return Event(
        source="aws.codecommit",
        detail_type=kind,
        detail=detail,
        account=repository.account,
        region=repository.region,
        time=now,
        resources=(repository.arn,),
    )
