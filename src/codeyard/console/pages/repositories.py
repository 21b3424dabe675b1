"""Repositories: the list, files, commits, differences."""

from __future__ import annotations

import asyncio
import difflib
from functools import partial
from typing import Any

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from codeyard.console.web import Visit
from codeyard.contract import AwsError

REPOSITORIES = "codecommit"
_SHOWN = 256 * 1024
_HISTORY = 30


async def index(visit: Visit) -> Response:
    """Every repository."""
    names = [r["repositoryName"] for r in (await visit.call(REPOSITORIES, "ListRepositories"))["repositories"]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), 25):
        page = await visit.call(REPOSITORIES, "BatchGetRepositories", repositoryNames=names[start : start + 25])
        found += page["repositories"]
    return visit.render("repositories/index.html", repositories=found)


async def show(visit: Visit) -> Response:
    """A repository at the root of its default branch."""
    return await _tree(visit, "", "")


async def tree(visit: Visit) -> Response:
    """A folder or a file at a branch or commit."""
    return await _tree(visit, visit.path("ref"), visit.path("path"))


async def commits(visit: Visit) -> Response:
    """The history of a branch, first parents first."""
    name, ref = visit.path("name"), visit.path("ref")
    tip = await _resolve(visit, name, ref)
    found: list[dict[str, Any]] = []
    while tip and len(found) < _HISTORY:
        commit = (await visit.call(REPOSITORIES, "GetCommit", repositoryName=name, commitId=tip))["commit"]
        found.append(commit)
        tip = commit["parents"][0] if commit.get("parents") else ""
    return visit.render("repositories/commits.html", name=name, ref=ref, commits=found)


async def commit(visit: Visit) -> Response:
    """One commit with its differences."""
    name, commit_id = visit.path("name"), visit.path("commit")
    found = (await visit.call(REPOSITORIES, "GetCommit", repositoryName=name, commitId=commit_id))["commit"]
    params = {"repositoryName": name, "afterCommitSpecifier": commit_id}
    if found.get("parents"):
        params["beforeCommitSpecifier"] = found["parents"][0]
    differences = (await visit.call(REPOSITORIES, "GetDifferences", **params)).get("differences", [])
    shown = await asyncio.gather(*(_difference(visit, name, d) for d in differences[:50]))
    return visit.render("repositories/commit.html", name=name, commit=found, files=shown, more=len(differences) - 50)


async def _tree(visit: Visit, ref: str, path: str) -> Response:
    name = visit.path("name")
    metadata = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    branches = (await visit.call(REPOSITORIES, "ListBranches", repositoryName=name))["branches"]
    ref = ref or metadata.get("defaultBranch", "")
    values: dict[str, Any] = {"repository": metadata, "name": name, "branches": branches, "ref": ref, "at": path}
    if not ref:
        return visit.render("repositories/empty.html", **values)
    specifier = {"repositoryName": name, "commitSpecifier": ref}
    folder = await visit.ask(REPOSITORIES, "GetFolder", folderPath=path or "/", **specifier)
    if not isinstance(folder, AwsError):
        return visit.render("repositories/tree.html", folder=folder, **values)
    file = await visit.call(REPOSITORIES, "GetFile", filePath=path, **specifier)
    code = await run_in_threadpool(partial(_highlight, path, file["fileContent"]))
    return visit.render("repositories/file.html", code=code, size=file["fileSize"], **values)


async def _resolve(visit: Visit, name: str, ref: str) -> str:
    branch = await visit.ask(REPOSITORIES, "GetBranch", repositoryName=name, branchName=ref)
    return ref if isinstance(branch, AwsError) else str(branch["branch"]["commitId"])


async def _difference(visit: Visit, name: str, difference: dict[str, Any]) -> dict[str, Any]:
    before = await _text(visit, name, difference.get("beforeBlob"))
    after = await _text(visit, name, difference.get("afterBlob"))
    path = (difference.get("afterBlob") or difference["beforeBlob"])["path"]
    if before is None or after is None:
        return {"path": path, "kind": difference["changeType"], "lines": None}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return {"path": path, "kind": difference["changeType"], "lines": list(lines)[2:2000]}


async def _text(visit: Visit, name: str, blob: dict[str, Any] | None) -> str | None:
    if not blob:
        return ""
    content = await visit.ask(REPOSITORIES, "GetBlob", repositoryName=name, blobId=blob["blobId"])
    if isinstance(content, AwsError) or len(content["content"]) > _SHOWN or b"\0" in content["content"]:
        return None
    return str(content["content"].decode("utf-8", "replace"))


def _highlight(path: str, content: bytes) -> Markup | None:
    """The file as HTML, or None where it is binary or too large to show."""
    if b"\0" in content or len(content) > _SHOWN:
        return None
    try:
        lexer = get_lexer_for_filename(path)
    except ClassNotFound:
        lexer = TextLexer()
    return Markup(highlight(content.decode("utf-8", "replace"), lexer, HtmlFormatter(linenos="table")))
