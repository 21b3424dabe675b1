"""What one does with a pull request: talk, approve, override, set rules, retitle, merge, close."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from codeyard.console import conflicts, rules
from codeyard.console.pages.pull import MERGES, conflicts_page, head_of, sides_of
from codeyard.console.pages.pulls import REPOSITORIES
from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

MOST_FORM = 8 * 1024 * 1024  # of a merge: the texts of files in conflict come with it
_TABS = ("changes", "commits")
_COMMENT = re.compile(r"[0-9a-f-]{36}:[0-9a-f-]{36}")


async def comment(visit: Visit) -> Response:
    """Comment on the pull request, or on a file or a line of it."""
    head, form = await head_of(visit), visit.form
    before, after = sides_of(head["target"])
    place: dict[str, Any] = {"beforeCommitId": before, "afterCommitId": after}
    if form.get("path"):
        side = "BEFORE" if form.get("side") == "BEFORE" else "AFTER"
        place["location"] = {"filePath": form["path"], "relativeFileVersion": side}
        if form.get("line", "").strip():
            place["location"]["filePosition"] = _line(form["line"])
    where = {"pullRequestId": head["number"], "repositoryName": head["name"], **place}
    made = await visit.call(REPOSITORIES, "PostCommentForPullRequest", content=_text(visit), **where)
    return _back(visit, made["comment"]["commentId"])


async def reply(visit: Visit) -> Response:
    """Answer a comment."""
    answered = visit.form.get("comment", "")
    made = await visit.call(REPOSITORIES, "PostCommentReply", inReplyTo=answered, content=_text(visit))
    return _back(visit, made["comment"]["commentId"])


async def edit(visit: Visit) -> Response:
    """Change one's own comment."""
    await visit.call(REPOSITORIES, "UpdateComment", commentId=visit.form.get("comment", ""), content=_text(visit))
    return _back(visit, visit.form.get("comment", ""))


async def delete(visit: Visit) -> Response:
    """Delete what a comment says."""
    await visit.call(REPOSITORIES, "DeleteCommentContent", commentId=visit.form.get("comment", ""))
    return _back(visit, visit.form.get("comment", ""))


async def react(visit: Visit) -> Response:
    """Set one's reaction to a comment, or take it back."""
    wanted = {"commentId": visit.form.get("comment", ""), "reactionValue": visit.form.get("reaction", "")}
    await visit.call(REPOSITORIES, "PutCommentReaction", **wanted)
    return _back(visit, visit.form.get("comment", ""))


async def approve(visit: Visit) -> Response:
    """Approve the revision that the page showed, or take that back."""
    state = "REVOKE" if visit.form.get("state") == "REVOKE" else "APPROVE"
    await visit.call(REPOSITORIES, "UpdatePullRequestApprovalState", approvalState=state, **_revision(visit))
    return _back(visit)


async def override(visit: Visit) -> Response:
    """Set the rules aside for the revision that the page showed, or put them back in force."""
    status = "REVOKE" if visit.form.get("status") == "REVOKE" else "OVERRIDE"
    await visit.call(REPOSITORIES, "OverridePullRequestApprovalRules", overrideStatus=status, **_revision(visit))
    return _back(visit)


async def rule(visit: Visit) -> Response:
    """Add an approval rule of this pull request's own, or remove one."""
    wanted = {"pullRequestId": visit.path("pull"), "approvalRuleName": visit.form.get("rule", "")}
    if visit.form.get("remove") == "yes":
        await visit.call(REPOSITORIES, "DeletePullRequestApprovalRule", **wanted)
    else:
        content = rules.content_of(visit.form)
        await visit.call(REPOSITORIES, "CreatePullRequestApprovalRule", approvalRuleContent=content, **wanted)
    return _back(visit)


async def retell(visit: Visit) -> Response:
    """Change the title and the description."""
    number, title = visit.path("pull"), visit.form.get("title", "")
    said = visit.form.get("description", "").replace("\r\n", "\n")
    await visit.call(REPOSITORIES, "UpdatePullRequestTitle", pullRequestId=number, title=title)
    await visit.call(REPOSITORIES, "UpdatePullRequestDescription", pullRequestId=number, description=said)
    return _back(visit)


async def close(visit: Visit) -> Response:
    """Close without merging."""
    wanted = {"pullRequestId": visit.path("pull"), "pullRequestStatus": "CLOSED"}
    await visit.call(REPOSITORIES, "UpdatePullRequestStatus", **wanted)
    return _back(visit)


async def merge(visit: Visit) -> Response:
    """Merge the source that the page showed, by the option chosen, with the conflicts settled as was chosen."""
    form, option = visit.form, visit.form.get("option", "")
    if option not in MERGES:
        raise AwsError("InvalidMergeOptionException", "Choose how to merge: go back and pick one of the options.")
    wanted: dict[str, Any] = {"pullRequestId": visit.path("pull"), "repositoryName": visit.path("name")}
    wanted |= {"sourceCommitId": form["source"]} if form.get("source") else {}
    if option != "FAST_FORWARD_MERGE":
        wanted |= {"conflictDetailLevel": "LINE_LEVEL", **_message(visit)}
    if "path-0" in form:
        settled, missing = conflicts.resolution(form)
        if missing:
            return await conflicts_page(visit, missing)
        wanted |= {"conflictResolutionStrategy": "AUTOMERGE", "conflictResolution": settled}
    await visit.call(REPOSITORIES, MERGES[option][0], **wanted)
    return _back(visit)


def _message(visit: Visit) -> dict[str, str]:
    """Who merges with which message, where the form says so."""
    message = visit.form.get("message", "").replace("\r\n", "\n").strip()
    said = {"authorName": visit.form.get("author", "").strip(), "email": visit.form.get("email", "").strip()}
    return {key: value for key, value in {**said, "commitMessage": message}.items() if value}


def _line(text: str) -> int:
    if not text.strip().isdecimal() or len(text) > 9:
        raise AwsError("InvalidFilePositionException", f"“{text[:40]}” is not the number of a line.")
    return int(text)


def _text(visit: Visit) -> str:
    return visit.form.get("content", "").replace("\r\n", "\n")


def _revision(visit: Visit) -> dict[str, str]:
    return {"pullRequestId": visit.path("pull"), "revisionId": visit.form.get("revision", "")}


def _back(visit: Visit, comment_id: str = "") -> Response:
    """The page of the pull request that the form was on, at the comment that it was about."""
    tab, base = visit.form.get("back", ""), f"/repositories/{visit.path('name')}/pulls/{visit.path('pull')}"
    view = "?view=split" if tab == "changes" and visit.form.get("view") == "split" else ""
    path = f"{base}/{tab}{view}" if tab in _TABS else base
    return go(path, f"c-{comment_id}" if _COMMENT.fullmatch(comment_id) else "")
