"""Which hosts may have a command waiting: in memory, so that idle polls never touch the database.

The database is the truth; an entry here says only "look". Polls of hosts without one are held for a moment, a bounded
number of them at a time, and woken when their host gets a command.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

HostKey = tuple[str, str]  # region, host identifier


class Board:
    """Shared by the API, the engine and the host commands of one process."""

    def __init__(self, held: int = 32) -> None:
        self._lock = threading.Condition()
        self._marks: dict[HostKey, int] = {}
        self._seen: dict[HostKey, int] = {}
        self._flushed = 0
        self._count = 0
        self._held, self._holding = held, 0
        self._closed = False

    def mark(self, region: str, identifier: str) -> None:
        """Say that a host has (or may have) a command; wakes its held poll."""
        with self._lock:
            self._count += 1
            self._marks[region, identifier] = self._count
            self._lock.notify_all()

    def look(self, region: str, identifier: str, wait_s: float = 0.0) -> int | None:
        """The host's mark, waiting for one at most `wait_s` (not at all when many polls are held already)."""
        key = (region, identifier)
        with self._lock:
            if key not in self._marks and wait_s > 0 and self._holding < self._held:
                self._holding += 1
                try:
                    self._lock.wait_for(lambda: key in self._marks or self._closed, wait_s)
                finally:
                    self._holding -= 1
            return self._marks.get(key)

    def close(self) -> None:
        """Let every held poll go: the server ends."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    def settle(self, region: str, identifier: str, mark: int) -> None:
        """Take the mark away, unless a newer one was made meanwhile."""
        with self._lock:
            if self._marks.get((region, identifier)) == mark:
                del self._marks[region, identifier]

    def heard(self, region: str, identifier: str, now: int, every: int) -> Sequence[tuple[HostKey, int]]:
        """Note that a host was heard of; once in `every` microseconds, answers all that is new since then."""
        with self._lock:
            self._seen[region, identifier] = now
            if now - self._flushed < every:
                return ()
            batch, self._seen, self._flushed = list(self._seen.items()), {}, now
            return batch
