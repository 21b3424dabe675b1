"""Live pages: something was committed, so look again. Woken by notifications, never by a clock on the fast path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

KEEP_ALIVE_S = 15.0


class Notifications(Protocol):
    """The database's notifications, as far as live pages need them."""

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]: ...


class Changes:
    """Wakes whoever looks at a live page when one of the channels says that something changed."""

    def __init__(self, notifications: Notifications, channels: tuple[str, ...]) -> None:
        self._notifications, self._channels = notifications, channels

    async def watch(self) -> AsyncIterator[bool]:
        """Yield True at once and after each change, False when it was quiet for a while (to keep the line open)."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake(message: str) -> None:
            loop.call_soon_threadsafe(woken.set)

        ends = [self._notifications.subscribe(channel, wake) for channel in self._channels]
        try:
            yield True
            while True:
                try:
                    await asyncio.wait_for(woken.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield False
                    continue
                woken.clear()
                yield True
        finally:
            for end in ends:
                end()


def event(data: str, *, id: str = "", name: str = "") -> bytes:
    """One server-sent event."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


QUIET = b": quiet\n\n"
