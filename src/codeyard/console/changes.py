"""Live pages: something was committed, so look again. Woken by notifications, never by a clock on the fast path."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

KEEP_ALIVE_S = 15.0
# A notice often comes before the work that it starts: a log's copy, a reconciler's next step. Look again shortly after.
ECHOES_S = (0.1, 0.3, 1.0)
_GAP_S = 0.05
QUIET = b": quiet\n\n"
_LINE = re.compile(r"\r\n|\r|\n")


class Notifications(Protocol):
    """The database's notifications, as far as live pages need them."""

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]: ...


class Changes:
    """Wakes whoever looks at a live page when one of the channels says that something changed."""

    def __init__(self, notifications: Notifications, channels: tuple[str, ...]) -> None:
        self._watchers: dict[int, Callable[[], None]] = {}
        self._lock, self._next, self._closed = threading.Lock(), 0, False
        for channel in channels:
            notifications.subscribe(channel, lambda message: self.wake())

    def wake(self) -> None:
        """Have every live page look again; from any thread."""
        with self._lock:
            watchers = list(self._watchers.values())
        for wake in watchers:
            wake()

    def close(self) -> None:
        """End every live page, so that a server that stops does not wait for browsers."""
        self._closed = True
        self.wake()

    async def watch(self) -> AsyncGenerator[bool, None]:
        """Yield True at once, after each change and shortly again; False when it was quiet, to keep the line open."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        number = self._add(lambda: _set(loop, woken))
        echoes: tuple[float, ...] = ()
        try:
            yield True
            while True:
                changed = await _within(woken, echoes[0] if echoes else KEEP_ALIVE_S)
                if self._closed:
                    return
                woken.clear()
                yield changed or bool(echoes)
                echoes = ECHOES_S if changed else echoes[1:]
                await asyncio.sleep(_GAP_S)
        finally:
            with self._lock:
                self._watchers.pop(number, None)

    def _add(self, wake: Callable[[], None]) -> int:
        with self._lock:
            self._next += 1
            self._watchers[self._next] = wake
            return self._next


def _set(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(woken.set)
    except RuntimeError:  # the loop was closed under a page that nobody reads any more
        return


async def _within(woken: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return False
    return True


def event(data: str, *, id: str = "", name: str = "") -> bytes:
    """One server-sent event. A carriage return ends a line there, too: left in, a user's text could begin a field."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in _LINE.split(data)]
    return ("\n".join(lines) + "\n\n").encode()
