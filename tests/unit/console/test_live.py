"""Live pages: they look when something changed, tell only what differs, and end when they should."""

from __future__ import annotations

import asyncio
from typing import Any

from codeyard.console.changes import Changes, event
from codeyard.console.live import live
from codeyard.contract import AwsError
from tests.unit.console.support import Notifications


class Visitor:
    """A visit, as far as a live page asks."""

    def __init__(self) -> None:
        self.here = True

    def still_signed_in(self) -> bool:
        return self.here


async def _next(events: Any) -> bytes:
    return bytes(await asyncio.wait_for(anext(events), 5))


def _open(changes: Changes, look: Any, visitor: Visitor) -> Any:
    async def opened() -> Any:
        response: Any = await live(changes, lambda visit: look)(visitor)  # type: ignore[arg-type]
        return response.body_iterator

    return opened()


def test_a_part_is_sent_at_once_and_again_when_it_differs() -> None:
    async def scenario() -> None:
        told, state = Notifications(), {"graph": "one", "list": "same"}
        looked = 0

        async def look() -> dict[str, str]:
            nonlocal looked
            looked += 1
            return dict(state)

        events = await _open(Changes(told, ("outbox",)), look, Visitor())
        assert await _next(events) == b"event: graph\ndata: one\n\n"
        assert await _next(events) == b"event: list\ndata: same\n\n"
        state["graph"] = "two"
        told.tell()
        assert await _next(events) == b"event: graph\ndata: two\n\n"
        assert looked == 2

    asyncio.run(scenario())


def test_a_change_that_its_notice_runs_ahead_of_is_seen_shortly_after() -> None:
    async def scenario() -> None:
        told, state = Notifications(), {"log": "one"}

        async def look() -> dict[str, str]:
            return dict(state)

        events = await _open(Changes(told, ("outbox",)), look, Visitor())
        await _next(events)
        told.tell()
        after = asyncio.ensure_future(anext(events))
        asyncio.get_running_loop().call_later(0.12, lambda: state.update(log="two"))
        assert await asyncio.wait_for(after, 5) == b"event: log\ndata: two\n\n"

    asyncio.run(scenario())


def test_a_live_page_ends_with_the_session_a_refusal_or_the_server() -> None:
    async def scenario() -> None:
        told = Notifications()
        answer: dict[str, Any] = {}

        async def look() -> dict[str, str]:
            if answer:
                raise answer["error"]
            return {"graph": "one"}

        changes = Changes(told, ("outbox",))
        for end in ("session", "server", "refusal"):
            visitor = Visitor()
            events = await _open(changes, look, visitor)
            await _next(events)
            if end == "session":
                visitor.here = False
            elif end == "refusal":
                changes, answer["error"] = Changes(told, ("outbox",)), AwsError("AccessDeniedException")
                events = await _open(changes, look, visitor)
            else:
                changes.close()
            told.tell()
            assert [e async for e in events] == []

    asyncio.run(scenario())


def test_nobody_is_woken_who_went_away() -> None:
    async def scenario() -> None:
        changes = Changes(Notifications(), ("outbox",))
        watch = changes.watch()
        assert await anext(watch)
        await watch.aclose()
        assert changes._watchers == {}

    asyncio.run(scenario())


def test_an_event_of_many_lines_is_one_event() -> None:
    assert event("a\nb", id="7", name="lines") == b"id: 7\nevent: lines\ndata: a\ndata: b\n\n"
