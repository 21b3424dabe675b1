"""Builds: the list, one build with its phases, and its log as it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response

from codeyard.console.ansi import ansi
from codeyard.console.changes import QUIET, Changes, event
from codeyard.console.live import Page, looks, stream
from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

BUILDS = "codebuild"
_PAGE = 50
_FIRST_LINES = 2000


async def index(visit: Visit) -> Response:
    """The latest builds."""
    params = {"nextToken": visit.query("next")} if visit.query("next") else {}
    listed = await visit.call(BUILDS, "ListBuilds", sortOrder="DESCENDING", **params)
    ids = listed["ids"][:_PAGE]
    found = (await visit.call(BUILDS, "BatchGetBuilds", ids=ids))["builds"] if ids else []
    found.sort(key=lambda build: ids.index(build["id"]))
    return visit.render("builds/index.html", builds=found)


async def show(visit: Visit) -> Response:
    """One build: phases with times and contexts, and its log, which goes on live where the page ends."""
    build = await _build(visit)
    after = visit.query("after")
    lines, onward = await _lines(visit, build, after, limit=_FIRST_LINES)
    return visit.render("builds/show.html", build=build, lines=lines, after=after, onward=onward)


async def stop(visit: Visit) -> Response:
    """Stop a running build."""
    await visit.call(BUILDS, "StopBuild", id=visit.path("build"))
    return go(f"/builds/{visit.path('build')}")


def live_page(changes: Changes) -> Page:
    """The phases and the log as server-sent events.

    A log event's id is CloudWatch Logs' token of what follows it, so a broken line resumes where it broke.
    """

    async def page(visit: Visit) -> Response:
        return stream(_events(changes, visit, await _build(visit)))

    return page


async def _events(changes: Changes, visit: Visit, build: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    token = visit.request.headers.get("last-event-id") or visit.query("after")
    shown = ""
    async with aclosing(looks(changes, visit)) as watched:
        async for changed in watched:
            # Whether it ended is read before the log: what was written up to the end is shown before the end is told.
            try:
                build = await _build(visit)
            except AwsError:  # deleted, or no longer allowed
                return
            async with aclosing(_log(visit, build, token)) as pages:
                async for onward, told in pages:
                    token = onward
                    yield told
            head = visit.fragment("builds/head.html", build=build)
            if head != shown:
                shown = head
                yield event(head, name="head")
            if not changed:
                yield QUIET
            if build.get("buildComplete") and not changed:
                yield event("ended", name="ended")
                return


async def _log(visit: Visit, build: dict[str, Any], token: str) -> AsyncGenerator[tuple[str, bytes], None]:
    """What follows the token, page by page: (the token after it, the event)."""
    while True:
        lines, onward = await _lines(visit, build, token)
        if not lines or onward == token:
            return
        token = onward
        yield token, event("\n".join(ansi(line) for line in lines), id=token, name="lines")


async def _lines(visit: Visit, build: dict[str, Any], token: str, limit: int = 10_000) -> tuple[list[str], str]:
    logs = build.get("logs", {})
    params: dict[str, Any] = {"logGroupName": logs.get("groupName", ""), "logStreamName": logs.get("streamName", "")}
    if token:
        params["nextToken"] = token
    page = await visit.ask("logs", "GetLogEvents", startFromHead=True, limit=limit, **params)
    if isinstance(page, AwsError):
        return [], token
    return [e["message"].removesuffix("\n") for e in page["events"]], page["nextForwardToken"]


async def _build(visit: Visit) -> dict[str, Any]:
    found = (await visit.call(BUILDS, "BatchGetBuilds", ids=[visit.path("build")]))["builds"]
    if not found:
        raise AwsError("ResourceNotFoundException", f"There is no build {visit.path('build')}.", status=404)
    build: dict[str, Any] = found[0]
    return build
