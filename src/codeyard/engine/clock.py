"""Time by argument: the machine's, or one that tests move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SECOND = 1_000_000


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands until it is moved; whoever listens is told when it is."""

    def __init__(self, start: int = 1_760_000_000 * SECOND) -> None:
        self._now, self._lock = start, threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> int:
        """Microseconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by seconds."""
        self.set(self._now + round(seconds * SECOND))

    def set(self, now: int) -> None:
        """Move to a time."""
        with self._lock:
            self._now = max(self._now, now)
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Be told at every move."""
        self._listeners.append(listener)
