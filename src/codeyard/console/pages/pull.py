"""One pull request: conversation, commits, changes, conflicts; the hub of everything that is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from codeyard.console import conflicts, discussion, rules
from codeyard.console.compare import Changed, Noted, compare
from codeyard.console.discussion import REACTIONS, Thread
from codeyard.console.pages.commits import signatures_of
from codeyard.console.pages.pulls import REPOSITORIES, state_of, target_of
from codeyard.console.web import Visit
from codeyard.contract import AwsError

MERGES = {
    "FAST_FORWARD_MERGE": ("MergePullRequestByFastForward", "Fast forward: move the branch, no new commit"),
    "SQUASH_MERGE": ("MergePullRequestBySquash", "Squash: one new commit with all changes"),
    "THREE_WAY_MERGE": ("MergePullRequestByThreeWay", "Three-way: a merge commit that keeps both histories"),
}
_COMMITS = 50
_PAGE, _MOST_PAGES = 500, 4


async def conversation(visit: Visit) -> Response:
    """What was said and what happened, oldest first; approvals and the merge beside it."""
    head = await head_of(visit)
    pull, number = head["pull"], head["number"]
    revision = {"pullRequestId": number, "revisionId": pull["revisionId"]}
    said, events, approvals, override, judged, options = await asyncio.gather(
        _threads(visit, number),
        _pages(visit, "DescribePullRequestEvents", "pullRequestEvents", number),
        visit.ask(REPOSITORIES, "GetPullRequestApprovalStates", **revision),
        visit.ask(REPOSITORIES, "GetPullRequestOverrideState", **revision),
        visit.ask(REPOSITORIES, "EvaluatePullRequestApprovalRules", **revision),
        _options(visit, head),
    )
    told = [] if isinstance(events, AwsError) else events
    values = _approvals(pull, approvals, override, judged)
    line = discussion.timeline([] if isinstance(said, AwsError) else said, told)
    until = visit.query("until")
    happened, earlier = discussion.page(line, int(until) if until.isdecimal() and len(until) < 9 else len(line))
    values |= {"happened": happened, "earlier": earlier}
    refused = [one for one in (said, events) if isinstance(one, AwsError)]
    values |= {"options": options, "merges": MERGES, "refused": refused}
    return await run_in_threadpool(partial(visit.render, "pulls/conversation.html", **head, **values))


async def commits(visit: Visit) -> Response:
    """The commits that the source has beyond the destination, as it was when the pull request was made or moved."""
    head = await head_of(visit)
    target = head["target"]
    since = target.get("mergeBase") or target["destinationCommit"]
    sides = {"sourceCommitSpecifier": target["sourceCommit"], "destinationCommitSpecifier": since}
    asked: dict[str, Any] = {"repositoryName": head["name"], "maxResults": _COMMITS, **sides}
    asked |= {"nextToken": visit.query("next")} if visit.query("next") else {}
    found = await visit.call(REPOSITORIES, "GetCommitsFromMergeBase", **asked)
    signatures = await signatures_of(visit, head["name"], found["commits"])
    onward = found.get("nextToken", "")
    return visit.render("pulls/commits.html", **head, commits=found["commits"], signatures=signatures, onward=onward)


async def changes(visit: Visit) -> Response:
    """What would be merged, with the comments at their lines."""
    head = await head_of(visit)
    told = await _threads(visit, head["number"])
    at_files = [one for one in ([] if isinstance(told, AwsError) else told) if one.path]
    bounded, _ = discussion.page(discussion.timeline(at_files, ()), len(at_files))
    said = [one.thread for one in bounded if one.thread]
    before, after = sides_of(head["target"])
    notes = await run_in_threadpool(partial(_notes, visit, head, said))
    found = await compare(visit, head["name"], before, after, noted=notes)
    for file in found.files:
        file.below = [one for one in said if _is_below(one, file)]
    view = "split" if visit.query("view") == "split" else "unified"
    values = {"compared": found, "view": view, "only": visit.query("path")}
    return await run_in_threadpool(partial(visit.render, "pulls/changes.html", **head, **values))


async def conflicted(visit: Visit) -> Response:
    """The files in conflict, each with what can become of it."""
    return await conflicts_page(visit)


async def conflicts_page(visit: Visit, problem: str = "") -> Response:
    """The same with what was chosen and typed, after something was missing."""
    head = await head_of(visit)
    target = head["target"]
    sides = {
        "sourceCommitSpecifier": target["sourceCommit"],
        "destinationCommitSpecifier": target["destinationReference"],
    }
    found = await visit.call(
        REPOSITORIES,
        "BatchDescribeMergeConflicts",
        repositoryName=head["name"],
        mergeOption="THREE_WAY_MERGE",
        conflictDetailLevel="LINE_LEVEL",
        maxConflictFiles=conflicts.MOST_FILES,
        maxMergeHunks=conflicts.MOST_HUNKS,
        **sides,
    )
    names = tuple(str(target[f"{side}Reference"]).removeprefix("refs/heads/") for side in ("source", "destination"))
    files = [await _conflict(visit, head["name"], found, one, (names[0], names[1])) for one in found["conflicts"]]
    files = [conflicts.typed(file, number, visit.form) for number, file in enumerate(files)]
    values = {"files": files, "more": bool(found.get("nextToken")), "problem": problem, "typed": visit.form}
    values |= {"merges": MERGES, "names": names}
    page = partial(visit.render, "pulls/conflicts.html", 400 if problem else 200, **head, **values)
    return await run_in_threadpool(page)


async def head_of(visit: Visit) -> dict[str, Any]:
    """What each page of a pull request shows; it must be one of this repository."""
    name, number = visit.path("name"), visit.path("pull")
    pull = (await visit.call(REPOSITORIES, "GetPullRequest", pullRequestId=number))["pullRequest"]
    target = target_of(pull)
    if target["repositoryName"] != name:
        raise AwsError("PullRequestDoesNotExistException", f"Pull request {number} is not one of {name}.", status=404)
    own = pull["authorArn"] == visit.session.principal.arn
    values = {"name": name, "number": number, "pull": pull, "target": target, "state": state_of(pull), "own": own}
    return {**values, "reactions": REACTIONS, "me": visit.session.principal.arn}


def sides_of(target: Mapping[str, Any]) -> tuple[str, str]:
    """The two commits whose difference a pull request is: where the source left the destination, and the source."""
    return str(target.get("mergeBase") or target["destinationCommit"]), str(target["sourceCommit"])


async def _threads(visit: Visit, number: str) -> list[Thread] | AwsError:
    found = await _pages(visit, "GetCommentsForPullRequest", "commentsForPullRequestData", number)
    return found if isinstance(found, AwsError) else discussion.threads(found)


async def _pages(visit: Visit, operation: str, member: str, number: str) -> list[Mapping[str, Any]] | AwsError:
    """What an operation on a pull request lists, all its pages; or why it does not."""
    found: list[Mapping[str, Any]] = []
    asked: dict[str, Any] = {"pullRequestId": number, "maxResults": _PAGE}
    for _ in range(_MOST_PAGES):
        page = await visit.ask(REPOSITORIES, operation, **asked)
        if isinstance(page, AwsError):
            return page
        found += page[member]
        if not page.get("nextToken"):
            break
        asked["nextToken"] = page["nextToken"]
    return found


async def _options(visit: Visit, head: Mapping[str, Any]) -> dict[str, Any] | AwsError | None:
    """How it can be merged; None for what is closed."""
    target = head["target"]
    if head["state"] != "Open":
        return None
    sides = {
        "sourceCommitSpecifier": target["sourceCommit"],
        "destinationCommitSpecifier": target["destinationReference"],
    }
    how = {"conflictDetailLevel": "LINE_LEVEL", "conflictResolutionStrategy": "NONE"}
    return await visit.ask(REPOSITORIES, "GetMergeOptions", repositoryName=head["name"], **sides, **how)


def _approvals(
    pull: Mapping[str, Any],
    approvals: dict[str, Any] | AwsError,
    override: dict[str, Any] | AwsError,
    judged: dict[str, Any] | AwsError,
) -> dict[str, Any]:
    by = [] if isinstance(approvals, AwsError) else [one["userArn"] for one in approvals["approvals"]]
    known = None if isinstance(judged, AwsError) else judged["evaluation"]
    satisfied = known["approvalRulesSatisfied"] if known else []
    shown = rules.shown(pull.get("approvalRules") or [], satisfied, by)
    overrider = "" if isinstance(override, AwsError) else override.get("overrider", "")
    return {"approvers": by, "rules": shown, "judged": known, "overrider": overrider}


def _notes(visit: Visit, head: Mapping[str, Any], said: Sequence[Thread]) -> Noted:
    """The threads at each line, as HTML."""
    places: dict[tuple[str, str, str, int], list[Thread]] = {}
    for one in said:
        if one.line and one.blob:
            places.setdefault((one.path, one.blob, one.side, one.line), []).append(one)
    return {
        place: Markup(visit.fragment("pulls/threads.html", **head, threads=threads, back="changes"))
        for place, threads in places.items()
    }


def _is_below(one: Thread, file: Changed) -> bool:
    """Whether a thread is of this file, but of no line that the difference shows."""
    return one.path == file.path and f'id="c-{one.comments[0]["commentId"]}"' not in (file.shown or "")


async def _conflict(
    visit: Visit, name: str, found: Mapping[str, Any], conflict: Mapping[str, Any], names: tuple[str, str]
) -> conflicts.File:
    base = None
    if found.get("baseCommitId") and "base" in conflict["conflictMetadata"].get("objectTypes", {}):
        at = {"commitSpecifier": found["baseCommitId"], "filePath": conflict["conflictMetadata"]["filePath"]}
        file = await visit.ask(REPOSITORIES, "GetFile", repositoryName=name, **at)
        base = None if isinstance(file, AwsError) else file["fileContent"]
    return conflicts.file_of(conflict, base, names)
