"""Pull requests of a repository: the list, and making one from a branch."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

REPOSITORIES = "codecommit"
_LISTED = 15
_AT_ONCE = 4
_COMMITS = 30
_STATUSES = ("OPEN", "CLOSED")


async def index(visit: Visit) -> Response:
    """Open or closed pull requests, the newest first, perhaps of one author."""
    name, author = visit.path("name"), visit.query("author")
    status = visit.query("status") if visit.query("status") in _STATUSES else _STATUSES[0]
    params: dict[str, Any] = {"repositoryName": name, "pullRequestStatus": status, "maxResults": _LISTED}
    params |= {"authorArn": author} if author else {}
    params |= {"nextToken": visit.query("next")} if visit.query("next") else {}
    listed = await visit.call(REPOSITORIES, "ListPullRequests", **params)
    few = asyncio.Semaphore(_AT_ONCE)
    rows = await asyncio.gather(*(_row(visit, one, few) for one in listed["pullRequestIds"]))
    found = [row for row in rows if row is not None]
    onward = listed.get("nextToken", "")
    return visit.render("pulls/index.html", name=name, rows=found, wanted=status, author=author, onward=onward)


async def new(visit: Visit) -> Response:
    """The form for a pull request, with what it would bring once the branches are chosen."""
    return await _form(visit)


async def create(visit: Visit) -> Response:
    """Make the pull request; with what is wrong beside the form."""
    name, form = visit.path("name"), visit.form
    target = {"repositoryName": name, "sourceReference": form.get("source", "")}
    target |= {"destinationReference": form["destination"]} if form.get("destination") else {}
    params = {"title": form.get("title", ""), "description": form.get("description", "").replace("\r\n", "\n")}
    try:
        made = await visit.call(REPOSITORIES, "CreatePullRequest", targets=[target], **params)
    except AwsError as error:
        return await _form(visit, error.message)
    return go(f"/repositories/{name}/pulls/{made['pullRequest']['pullRequestId']}")


def state_of(pull: dict[str, Any]) -> str:
    """Open, Merged or Closed."""
    if pull["pullRequestStatus"] == "OPEN":
        return "Open"
    return "Merged" if (target_of(pull).get("mergeMetadata") or {}).get("isMerged") else "Closed"


def target_of(pull: dict[str, Any]) -> dict[str, Any]:
    """A pull request's one target."""
    found: dict[str, Any] = pull["pullRequestTargets"][0]
    return found


async def _row(visit: Visit, number: str, few: asyncio.Semaphore) -> dict[str, Any] | None:
    """One of the list; None when it, or the right to see it, is gone."""
    async with few:
        found = await visit.ask(REPOSITORIES, "GetPullRequest", pullRequestId=number)
        if isinstance(found, AwsError):
            return None
        pull = found["pullRequest"]
        rules = pull.get("approvalRules") or []
        approved: bool | None = None
        if rules and pull["pullRequestStatus"] == "OPEN":
            asked = {"pullRequestId": number, "revisionId": pull["revisionId"]}
            judged = await visit.ask(REPOSITORIES, "EvaluatePullRequestApprovalRules", **asked)
            approved = None if isinstance(judged, AwsError) else judged["evaluation"]["approved"]
    return {"pull": pull, "target": target_of(pull), "state": state_of(pull), "rules": rules, "approved": approved}


async def _form(visit: Visit, problem: str = "") -> Response:
    name = visit.path("name")
    listed = await visit.call(REPOSITORIES, "ListBranches", repositoryName=name)
    about = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    default = about.get("defaultBranch", "")
    given = {key: visit.form.get(key) or visit.query(key) for key in ("source", "destination", "title", "description")}
    given["destination"] = given["destination"] or default
    brings = await _brings(visit, given["source"], given["destination"])
    values = {"name": name, "branches": listed["branches"], "given": given, "problem": problem, "brings": brings}
    return visit.render("pulls/new.html", 400 if problem else 200, **values)


async def _brings(visit: Visit, source: str, destination: str) -> dict[str, Any] | AwsError | None:
    """The commits that a pull request of these branches would bring."""
    if not source or not destination or source == destination:
        return None
    sides = {"sourceCommitSpecifier": source, "destinationCommitSpecifier": destination}
    asked: dict[str, Any] = {"repositoryName": visit.path("name"), "maxResults": _COMMITS, **sides}
    return await visit.ask(REPOSITORIES, "GetCommitsFromMergeBase", **asked)
