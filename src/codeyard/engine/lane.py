"""What the engine's queues have in common: items that are due, one runner per key, in a bounded pool or inline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from codeyard.contract import Clock, Ids

log = logging.getLogger(__name__)
SECOND = 1_000_000
ELSEWHERE = SECOND


class Work(Protocol):
    """One kind of queue row: how to find what is due and how to do it."""

    name: str
    channel: str
    parallel: bool

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """Keys of rows that are due, oldest first."""

    def next_due(self, now: int) -> int | None:
        """When the next row that is not yet due will be."""

    def run(self, key: tuple[str, ...]) -> None:
        """Do one row, failure included: it must leave the row gone, changed, or due later."""


class Lane:
    """Keeps a Work's keys apart: whoever takes a key runs it alone, here and in every other process."""

    def __init__(self, work: Work, clock: Clock, lock: Callable[[str], Callable[[], None] | None]) -> None:
        self.work, self._clock, self._lock = work, clock, lock
        self._running: set[Hashable] = set()
        self._deferred: dict[Hashable, int] = {}
        self._idle = threading.Condition()

    def take(self, limit: int = 64) -> list[tuple[str, ...]]:
        """Due keys that nobody runs; they are the caller's to `run`."""
        now = self._clock.now()
        with self._idle:
            busy = len(self._running) + len(self._deferred)
        found = self.work.due(now, limit + busy)
        with self._idle:
            self._deferred = {key: until for key, until in self._deferred.items() if until > now}
            mine = [key for key in found if key not in self._running and key not in self._deferred][:limit]
            self._running.update(mine)
        return mine

    def run(self, key: tuple[str, ...]) -> None:
        """Run one taken key; never raises."""
        try:
            release = self._lock(":".join((self.work.name, *key)))
            if release is None:
                self._defer(key)
                return
            try:
                self.work.run(key)
            finally:
                release()
        except Exception:  # a Work deals with its own failures; what comes here (database away) is tried again
            log.exception("%s could not be run", self.work.name)
            self._defer(key)
        finally:
            self.drop((key,))

    def drop(self, keys: Iterable[tuple[str, ...]]) -> None:
        """Give taken keys back."""
        with self._idle:
            self._running.difference_update(keys)
            self._idle.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing runs; whether something did."""
        with self._idle:
            if not self._running:
                return False
            self._idle.wait_for(lambda: not self._running, timeout)
            return True

    def _defer(self, key: tuple[str, ...]) -> None:
        with self._idle:
            self._deferred[key] = self._clock.now() + ELSEWHERE


def backoff(attempts: int, ids: Ids, *, base: int = SECOND // 5, cap: int = 300 * SECOND) -> int:
    """Microseconds to wait after the nth failure: doubling, capped, spread by up to a quarter."""
    full = min(cap, base << min(attempts - 1, 30))
    return full - full * ids.bytes(1)[0] // 1024


def describe(error: BaseException) -> str:
    """An error as it is kept in a row."""
    return f"{type(error).__name__}: {error}"[:1000]
