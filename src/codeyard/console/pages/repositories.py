"""Repositories: the list, a repository's home, its folders, files and branches; who wrote a file, and when."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from codeyard.console import code, markdown
from codeyard.console.formats import in_path, in_query
from codeyard.console.web import Visit, root_of
from codeyard.contract import AwsError

REPOSITORIES = "codecommit"
_LISTED = 25
_HISTORY = 30
_READMES = ("readme.md", "readme.markdown", "readme.txt", "readme")
_MOST_README = 256 * 1024


async def index(visit: Visit) -> Response:
    """The repositories by name, a page at a time."""
    given = visit.query("next")
    listed = await visit.call(REPOSITORIES, "ListRepositories", **({"nextToken": given} if given else {}))
    names = [repository["repositoryName"] for repository in listed["repositories"]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), _LISTED):
        page = await visit.call(REPOSITORIES, "BatchGetRepositories", repositoryNames=names[start : start + _LISTED])
        found += page["repositories"]
    found.sort(key=lambda repository: str(repository["repositoryName"]))
    return visit.render("repositories/index.html", repositories=found, onward=listed.get("nextToken", ""))


async def show(visit: Visit) -> Response:
    """A repository at the root of its default branch."""
    return await _at(visit, "")


async def files(visit: Visit) -> Response:
    """A folder or a file at a branch or commit."""
    return await _at(visit, visit.path("path").strip("/"))


async def branches(visit: Visit) -> Response:
    """The branches, a page at a time, each with its tip."""
    name, given = visit.path("name"), visit.query("next")
    about = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    asked = {"repositoryName": name} | ({"nextToken": given} if given else {})
    listed = await visit.call(REPOSITORIES, "ListBranches", **asked)
    few = asyncio.Semaphore(4)
    rows = await asyncio.gather(*(_branch(visit, name, branch, few) for branch in listed["branches"]))
    values = {"name": name, "default": about.get("defaultBranch", ""), "rows": rows}
    return visit.render("repositories/branches.html", onward=listed.get("nextToken", ""), **values)


async def blame(visit: Visit) -> Response:
    """A file's lines, each with the commit that wrote it."""
    head, path = await head_of(visit), visit.path("path").strip("/")
    place = {"repositoryName": head["name"], "commitSpecifier": head["ref"], "filePath": path}
    file = await visit.call(REPOSITORIES, "GetFile", **place)
    rows = None
    if code.is_text(file["fileContent"]):
        found = await visit.call(REPOSITORIES, "GetBlame", **{**place, "commitSpecifier": file["commitId"]})
        rows = await run_in_threadpool(partial(_blamed, file["fileContent"], found["spans"]))
    page = partial(visit.render, "repositories/blame.html", rows=rows, file=file, at=path, **head)
    return await run_in_threadpool(page)


async def history(visit: Visit) -> Response:
    """The commits that changed a file, the newest first."""
    head, path, given = await head_of(visit), visit.path("path").strip("/"), visit.query("next")
    asked: dict[str, Any] = {"repositoryName": head["name"], "commitSpecifier": head["ref"], "filePath": path}
    asked |= {"maxResults": _HISTORY, **({"nextToken": given} if given else {})}
    found = await visit.call(REPOSITORIES, "ListFileCommitHistory", **asked)
    onward = found.get("nextToken", "")
    return visit.render("repositories/history.html", versions=found["revisionDag"], onward=onward, at=path, **head)


async def head_of(visit: Visit) -> dict[str, Any]:
    """What every page of a repository's files shows: its branches, the one looked at, how to clone it."""
    name = visit.path("name")
    metadata = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    listed = (await visit.call(REPOSITORIES, "ListBranches", repositoryName=name))["branches"]
    default = metadata.get("defaultBranch", "")
    return {"name": name, "repository": metadata, "branches": listed, "ref": visit.query("at") or default}


async def _at(visit: Visit, path: str) -> Response:
    head = await head_of(visit)
    if not head["ref"]:
        return visit.render("repositories/empty.html", **head)
    specifier = {"repositoryName": head["name"], "commitSpecifier": head["ref"]}
    folder = await visit.ask(REPOSITORIES, "GetFolder", folderPath=path or "/", **specifier)
    if not isinstance(folder, AwsError):
        readme = await _readme(visit, folder, head, path)
        return visit.render("repositories/folder.html", folder=folder, at=path, readme=readme, **head)
    if not path:
        raise folder
    file = await visit.call(REPOSITORIES, "GetFile", filePath=path, **specifier)
    text = await run_in_threadpool(partial(code.as_html, path, file["fileContent"]))
    return visit.render("repositories/file.html", code=text, file=file, at=path, **head)


async def _readme(visit: Visit, folder: dict[str, Any], head: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The folder's README as HTML, where there is one that can be read."""
    named = {one["relativePath"].lower(): one for one in folder.get("files", [])}
    found = next((named[name] for name in _READMES if name in named), None)
    if found is None:
        return None
    got = await visit.ask(REPOSITORIES, "GetBlob", repositoryName=head["name"], blobId=found["blobId"])
    if isinstance(got, AwsError) or not code.is_text(got["content"]) or len(got["content"]) > _MOST_README:
        return None
    text, name = got["content"].decode("utf-8", "replace"), found["relativePath"]
    if not name.lower().endswith((".md", ".markdown")):
        return {"name": name, "text": text, "html": None}
    base = f"{root_of(visit.request)}/repositories/{in_path(head['name'])}/files/"
    html = await run_in_threadpool(partial(markdown.as_html, text, base, path, f"?at={in_query(head['ref'])}"))
    return {"name": name, "text": text, "html": html}


async def _branch(visit: Visit, name: str, branch: str, few: asyncio.Semaphore) -> dict[str, Any]:
    async with few:
        found = await visit.ask(REPOSITORIES, "GetBranch", repositoryName=name, branchName=branch)
    return {"name": branch, "commit": "" if isinstance(found, AwsError) else found["branch"]["commitId"]}


def _blamed(content: bytes, spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The spans with the lines that they are of, as git numbers lines."""
    lines = content.decode("utf-8", "replace").split("\n")
    return [{**one, "text": lines[one["startLine"] - 1 : one["startLine"] - 1 + one["lines"]]} for one in spans]
