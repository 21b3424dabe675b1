"""What is downloaded from the console: a repository's files at a branch or commit, as an archive."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from codeyard.console.pages.repositories import REPOSITORIES
from codeyard.console.web import Visit

_TYPES = {"zip": "application/zip", "tar.gz": "application/gzip"}
_AT_ONCE = 8  # archives that git makes at a time; the others wait for their turn
Page = Callable[[Visit], Awaitable[Response]]


def archive_page() -> Page:
    """The page that answers with the files at `at` as a zip or tar.gz, in a folder named for both."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def archive(visit: Visit) -> Response:
        name, kind, at = visit.path("name"), visit.query("kind", "zip"), visit.query("at")
        if kind not in _TYPES:
            raise HTTPException(400, "An archive is a zip or a tar.gz.")
        folder = f"{name}-{re.sub('[^A-Za-z0-9._-]+', '-', at)[:100]}".strip("-")
        asked = {"repositoryName": name, "kind": kind, "folder": folder} | ({"commitSpecifier": at} if at else {})
        found = await visit.call(REPOSITORIES, "GetArchive", **asked)
        headers = {"content-disposition": f'attachment; filename="{folder}.{kind}"'}
        return StreamingResponse(_streamed(found["content"], gate), media_type=_TYPES[kind], headers=headers)

    return archive


async def _streamed(content: Iterator[bytes], gate: asyncio.Semaphore) -> AsyncIterator[bytes]:
    async with gate:
        while piece := await run_in_threadpool(next, content, b""):
            yield piece
