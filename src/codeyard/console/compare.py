"""What changed between two commits, file by file, as pages show it: so many files, and so many lines, at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from codeyard.console import code, diffs, rows, words
from codeyard.console.diffs import Row
from codeyard.console.web import Visit
from codeyard.contract import AwsError

REPOSITORIES = "codecommit"
MOST_FILES, MOST_ROWS = 30, 6_000
_AT_ONCE = 4
_KINDS = {"A": "Added", "M": "Modified", "D": "Deleted"}


@dataclass
class Changed:
    """A file that changed. Without `shown` it is binary or too large; `more` says at which row to go on."""

    path: str
    kind: str
    before: str
    after: str
    rows: Sequence[Row] | None
    added: int = 0
    removed: int = 0
    shown: Markup | None = None
    more: int = 0
    below: list[Any] = field(default_factory=list)  # what is said of the file and of no line that is shown

    @property
    def key(self) -> str:
        """What a mark "viewed" belongs to: the very versions of the file."""
        return f"{self.before[:12]}-{self.after[:12]}"


@dataclass(frozen=True)
class Compared:
    """A page of changed files, and how to get the next."""

    files: list[Changed]
    onward: str


Noted = Mapping[tuple[str, str, str, int], Markup]  # what is said of lines: by path, blob, side and number


async def compare(visit: Visit, name: str, before: str, after: str, *, noted: Noted | None = None) -> Compared:
    """What the query asks for of the difference: `path` alone or all, `token` the page, `row` the first row."""
    params: dict[str, Any] = {"repositoryName": name, "afterCommitSpecifier": after, "MaxResults": MOST_FILES}
    params |= {"beforeCommitSpecifier": before} if before else {}
    path, token = visit.query("path"), visit.query("token")
    params |= {"beforePath": path, "afterPath": path} if path else {}
    params |= {"NextToken": token} if token else {}
    page = await visit.call(REPOSITORIES, "GetDifferences", **params)
    few = asyncio.Semaphore(_AT_ONCE)
    files = await asyncio.gather(*(_changed(visit, name, one, few) for one in page.get("differences", [])))
    first = int(visit.query("row")) if path and visit.query("row").isdecimal() and len(visit.query("row")) < 9 else 0
    await run_in_threadpool(partial(_show, files, first, visit.query("view") == "split", noted or {}))
    return Compared(files, page.get("NextToken", ""))


def _show(files: Sequence[Changed], first: int, split: bool, noted: Noted) -> None:
    """Write the rows, until there are too many for one page; what is left is reached by links."""
    marker = words.Marker()
    left, show = MOST_ROWS, rows.split if split else rows.unified
    for file in files:
        if file.rows is None:
            continue
        part = marker.mark(file.rows[first : first + left])
        file.more = first + len(part) if first + len(part) < len(file.rows) else 0
        notes = _of_file(file, noted)
        if part or not file.rows:
            file.shown = show(part, notes)
        left -= len(part)


def _of_file(file: Changed, noted: Noted) -> dict[tuple[str, int], Markup]:
    """What is said of the lines of these very versions of a file; files may have the same content."""
    blobs = {rows.BEFORE: file.before, rows.AFTER: file.after}
    return {
        (s, line): note for (path, blob, s, line), note in noted.items() if (path, blob) == (file.path, blobs.get(s))
    }


async def _changed(visit: Visit, name: str, difference: Mapping[str, Any], few: asyncio.Semaphore) -> Changed:
    sides = [difference.get(side) or {} for side in ("beforeBlob", "afterBlob")]
    async with few:
        before, after = [await text_of(visit, name, side) for side in sides]
        found = None
        if before is not None and after is not None:
            found = await run_in_threadpool(partial(diffs.difference, before, after))
    path = sides[1].get("path") or sides[0].get("path", "")
    kind = _KINDS.get(difference["changeType"], difference["changeType"])
    added, removed = (sum(row.kind == sign for row in found or ()) for sign in ("add", "del"))
    return Changed(path, kind, sides[0].get("blobId", ""), sides[1].get("blobId", ""), found, added, removed)


async def text_of(visit: Visit, name: str, blob: Mapping[str, Any]) -> str | None:
    """A blob as text; None where it is binary, too large, or not for this visitor."""
    if not blob:
        return ""
    found = await visit.ask(REPOSITORIES, "GetBlob", repositoryName=name, blobId=blob["blobId"])
    if isinstance(found, AwsError) or not code.is_text(found["content"]):
        return None
    return str(found["content"].decode("utf-8", "replace"))
