"""Parts of pages that the server sends again whenever they differ."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse

from codeyard.console.changes import QUIET, Changes, event
from codeyard.console.web import Visit
from codeyard.contract import AwsError

Parts = dict[str, str]
Look = Callable[[], Awaitable[Parts]]
Page = Callable[[Visit], Awaitable[Response]]


def live(changes: Changes, look: Callable[[Visit], Look]) -> Page:
    """A page of server-sent events: each part by its name, at first and whenever it changed."""

    async def page(visit: Visit) -> Response:
        return stream(_parts(changes, visit, look(visit)))

    return page


def stream(events: AsyncGenerator[bytes, None]) -> Response:
    """Server-sent events as a response."""
    return StreamingResponse(events, 200, {"content-type": "text/event-stream", "x-accel-buffering": "no"})


async def looks(changes: Changes, visit: Visit) -> AsyncGenerator[bool, None]:
    """`Changes.watch` for as long as the visitor is signed in."""
    async with aclosing(changes.watch()) as watched:
        async for changed in watched:
            if not visit.still_signed_in():
                return
            yield changed


async def _parts(changes: Changes, visit: Visit, look: Look) -> AsyncGenerator[bytes, None]:
    shown: Parts = {}
    async with aclosing(looks(changes, visit)) as watched:
        async for changed in watched:
            try:
                found = await look()
            except AwsError:  # deleted, or no longer allowed: the browser asks once more and is told which
                return
            for name, text in found.items():
                if shown.get(name) != text:
                    yield event(text, name=name)
            shown = found
            if not changed:
                yield QUIET
