"""Commits of a repository: the history, one commit, and the comparison of two."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from codeyard.console.compare import compare
from codeyard.console.pages.repositories import REPOSITORIES, head_of
from codeyard.console.web import Visit
from codeyard.contract import AwsError

_HISTORY = 30


async def index(visit: Visit) -> Response:
    """The history of a branch or commit, first parents first, a page at a time."""
    head = await head_of(visit)
    tip = visit.query("from") or await _resolve(visit, head["ref"])
    found: list[dict[str, Any]] = []
    while tip and len(found) < _HISTORY:
        got = await visit.call(REPOSITORIES, "GetCommit", repositoryName=head["name"], commitId=tip)
        found.append(got["commit"])
        tip = got["commit"]["parents"][0] if got["commit"].get("parents") else ""
    signatures = await signatures_of(visit, head["name"], found)
    return visit.render("repositories/commits.html", commits=found, signatures=signatures, onward=tip, **head)


async def show(visit: Visit) -> Response:
    """One commit with what it changed since its first parent."""
    name, commit_id = visit.path("name"), visit.path("commit")
    found = (await visit.call(REPOSITORIES, "GetCommit", repositoryName=name, commitId=commit_id))["commit"]
    before = found["parents"][0] if found.get("parents") else ""
    compared = await compare(visit, name, before, commit_id)
    values = {"name": name, "commit": found, "compared": compared, "view": view_of(visit), "only": visit.query("path")}
    return visit.render("repositories/commit.html", **values, signatures=await signatures_of(visit, name, [found]))


async def between(visit: Visit) -> Response:
    """What differs between two branches, tags or commits, and the commits that the one has beyond the other."""
    name, before, after = visit.path("name"), visit.query("before"), visit.query("after")
    branches = (await visit.call(REPOSITORIES, "ListBranches", repositoryName=name))["branches"]
    values: dict[str, Any] = {"name": name, "branches": branches, "before": before, "after": after}
    values |= {"view": view_of(visit), "compared": None, "brings": None, "signatures": {}, "problem": ""}
    if before and after:
        sides = {"sourceCommitSpecifier": after, "destinationCommitSpecifier": before}
        try:
            values["compared"] = await compare(visit, name, before, after)
            asked: dict[str, Any] = {"repositoryName": name, "maxResults": _HISTORY, **sides}
            brings = await visit.ask(REPOSITORIES, "GetCommitsFromMergeBase", **asked)
            values["brings"] = None if isinstance(brings, AwsError) else brings
            values["signatures"] = await signatures_of(visit, name, (values["brings"] or {}).get("commits", []))
        except AwsError as error:
            values["problem"] = error.message
    return visit.render("repositories/compare.html", 400 if values["problem"] else 200, **values)


async def signatures_of(visit: Visit, name: str, commits: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of the commits' signatures; nothing where the visitor may not ask."""
    ids = [one["commitId"] for one in commits]
    said = await visit.ask(REPOSITORIES, "GetCommitSignatures", repositoryName=name, commitIds=ids) if ids else {}
    return {} if isinstance(said, AwsError) else said.get("signatures", {})


def view_of(visit: Visit) -> str:
    """Whether differences are shown split or unified."""
    return "split" if visit.query("view") == "split" else "unified"


async def _resolve(visit: Visit, ref: str) -> str:
    if not ref:
        return ""
    branch = await visit.ask(REPOSITORIES, "GetBranch", repositoryName=visit.path("name"), branchName=ref)
    return ref if isinstance(branch, AwsError) else str(branch["branch"]["commitId"])
