"""Builds: the list, one build with its phases, and its log as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse

from codeyard.console.changes import QUIET, Changes, event
from codeyard.console.formats import ansi
from codeyard.console.web import HEADERS, Visit
from codeyard.contract import AwsError

BUILDS = "codebuild"
_PAGE = 50


async def index(visit: Visit) -> Response:
    """The latest builds."""
    listed = await visit.call(BUILDS, "ListBuilds", sortOrder="DESCENDING")
    ids = listed["ids"][:_PAGE]
    found = (await visit.call(BUILDS, "BatchGetBuilds", ids=ids))["builds"] if ids else []
    return visit.render("builds/index.html", builds=found)


async def show(visit: Visit) -> Response:
    """One build: phases with times and contexts, environment, artifacts, log."""
    return visit.render("builds/show.html", build=await _build(visit))


async def stop(visit: Visit) -> Response:
    """Stop a running build."""
    await visit.call(BUILDS, "StopBuild", id=visit.path("build"))
    return RedirectResponse(f"/builds/{visit.path('build')}", 303, HEADERS)


class Logs:
    """The log as server-sent events. The event id is CloudWatch Logs' forward token, so a broken line resumes."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def live(self, visit: Visit) -> Response:
        """Follow a build's log from the last event id that the browser saw."""
        build = await _build(visit)
        return StreamingResponse(self._events(visit, build), 200, {**HEADERS, "content-type": "text/event-stream"})

    async def _events(self, visit: Visit, build: dict[str, Any]) -> AsyncIterator[bytes]:
        token = visit.request.headers.get("last-event-id", "")
        async for changed in self._changes.watch():
            if not changed:
                yield QUIET
                continue
            ended = (await _build(visit)).get("buildComplete", False)
            while True:
                lines, onward = await _lines(visit, build.get("logs", {}), token)
                if lines:
                    yield event("\n".join(str(ansi(line)) for line in lines), id=onward, name="lines")
                if not lines or onward == token:
                    break
                token = onward
            if ended:
                yield event("ended", name="ended")
                return


async def _lines(visit: Visit, logs: dict[str, Any], token: str) -> tuple[list[str], str]:
    params = {"logGroupName": logs.get("groupName", ""), "logStreamName": logs.get("streamName", "")}
    if token:
        params["nextToken"] = token
    page = await visit.ask("logs", "GetLogEvents", startFromHead=True, **params)
    if isinstance(page, AwsError):
        return [], token
    return [e["message"].rstrip("\r\n") for e in page["events"]], page["nextForwardToken"]


async def _build(visit: Visit) -> dict[str, Any]:
    found = (await visit.call(BUILDS, "BatchGetBuilds", ids=[visit.path("build")]))["builds"]
    if not found:
        raise AwsError("ResourceNotFoundException", f"There is no build {visit.path('build')}.", status=404)
    build: dict[str, Any] = found[0]
    return build
