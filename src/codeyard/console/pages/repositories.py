"""Repositories: the list, files, commits, differences."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from codeyard.console import code, diffs
from codeyard.console.web import Visit
from codeyard.contract import AwsError

REPOSITORIES = "codecommit"
_HISTORY = 30
_FILES = 40
_AT_ONCE = 4


async def index(visit: Visit) -> Response:
    """Every repository."""
    listed = await visit.call(REPOSITORIES, "ListRepositories")
    names = [repository["repositoryName"] for repository in listed["repositories"]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), 25):
        page = await visit.call(REPOSITORIES, "BatchGetRepositories", repositoryNames=names[start : start + 25])
        found += page["repositories"]
    found.sort(key=lambda repository: str(repository["repositoryName"]))
    return visit.render("repositories/index.html", repositories=found)


async def show(visit: Visit) -> Response:
    """A repository at the root of its default branch."""
    return await _at(visit, "")


async def files(visit: Visit) -> Response:
    """A folder or a file at a branch or commit."""
    return await _at(visit, visit.path("path").strip("/"))


async def commits(visit: Visit) -> Response:
    """The history of a branch or commit, first parents first, a page at a time."""
    head = await _head(visit)
    tip = visit.query("from") or await _resolve(visit, head["ref"])
    found: list[dict[str, Any]] = []
    while tip and len(found) < _HISTORY:
        got = await visit.call(REPOSITORIES, "GetCommit", repositoryName=head["name"], commitId=tip)
        found.append(got["commit"])
        tip = got["commit"]["parents"][0] if got["commit"].get("parents") else ""
    return visit.render("repositories/commits.html", commits=found, onward=tip, **head)


async def commit(visit: Visit) -> Response:
    """One commit with its differences."""
    name, commit_id = visit.path("name"), visit.path("commit")
    found = (await visit.call(REPOSITORIES, "GetCommit", repositoryName=name, commitId=commit_id))["commit"]
    params = {"repositoryName": name, "afterCommitSpecifier": commit_id}
    if found.get("parents"):
        params["beforeCommitSpecifier"] = found["parents"][0]
    page = await visit.call(REPOSITORIES, "GetDifferences", MaxResults=_FILES, **params)
    few = asyncio.Semaphore(_AT_ONCE)
    shown = await asyncio.gather(*(_difference(visit, name, d, few) for d in page.get("differences", [])))
    more = bool(page.get("NextToken"))
    return visit.render("repositories/commit.html", name=name, commit=found, files=shown, more=more)


async def _at(visit: Visit, path: str) -> Response:
    head = await _head(visit)
    if not head["ref"]:
        return visit.render("repositories/empty.html", **head)
    specifier = {"repositoryName": head["name"], "commitSpecifier": head["ref"]}
    folder = await visit.ask(REPOSITORIES, "GetFolder", folderPath=path or "/", **specifier)
    if not isinstance(folder, AwsError):
        return visit.render("repositories/folder.html", folder=folder, at=path, **head)
    if not path:
        raise folder
    file = await visit.call(REPOSITORIES, "GetFile", filePath=path, **specifier)
    text = await run_in_threadpool(partial(code.as_html, path, file["fileContent"]))
    return visit.render("repositories/file.html", code=text, file=file, at=path, **head)


async def _head(visit: Visit) -> dict[str, Any]:
    """What every page of a repository shows: its branches, the one looked at, how to clone it."""
    name = visit.path("name")
    metadata = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    branches = (await visit.call(REPOSITORIES, "ListBranches", repositoryName=name))["branches"]
    default = metadata.get("defaultBranch", "")
    return {"name": name, "repository": metadata, "branches": sorted(branches), "ref": visit.query("at") or default}


async def _resolve(visit: Visit, ref: str) -> str:
    if not ref:
        return ""
    branch = await visit.ask(REPOSITORIES, "GetBranch", repositoryName=visit.path("name"), branchName=ref)
    return ref if isinstance(branch, AwsError) else str(branch["branch"]["commitId"])


async def _difference(visit: Visit, name: str, difference: dict[str, Any], few: asyncio.Semaphore) -> dict[str, Any]:
    async with few:
        before = await _text(visit, name, difference.get("beforeBlob"))
        after = await _text(visit, name, difference.get("afterBlob"))
        old, new = (difference.get(side, {}).get("path", "") for side in ("beforeBlob", "afterBlob"))
        rows = None
        if before is not None and after is not None:
            rows = await run_in_threadpool(partial(diffs.difference, before, after))
    kinds = {"A": "Added", "M": "Modified", "D": "Deleted"}
    return {"path": new or old, "kind": kinds.get(difference["changeType"], difference["changeType"]), "rows": rows}


async def _text(visit: Visit, name: str, blob: dict[str, Any] | None) -> str | None:
    """A blob as text; None where it is binary, too large, or not for this visitor."""
    if not blob:
        return ""
    found = await visit.ask(REPOSITORIES, "GetBlob", repositoryName=name, blobId=blob["blobId"])
    if isinstance(found, AwsError) or not code.is_text(found["content"]):
        return None
    return str(found["content"].decode("utf-8", "replace"))
