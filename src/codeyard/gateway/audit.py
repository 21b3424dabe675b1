"""Getting records onto the trail: mutations in their own transaction, refusals before the answer, reads queued."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

log = logging.getLogger(__name__)
_OWN = 8  # records of one call and of those that it makes itself
_TOGETHER = 100  # records in one write: other writers stand between two of them
Make = Callable[[], dict[str, Any]]


class AuditStore(Protocol):
    """The database, as far as the trail needs it."""

    def write(self, fn: Callable[[Any], Any]) -> Any: ...


class Auditor:
    """Writes records. Successful reads wait in a bounded queue that is durable within `interval` seconds.

    The queue pushes back and never drops: a full one makes the caller write at once. What it holds when the
    process is killed is lost, which docs/reference/trail.md says.
    """

    def __init__(self, db: AuditStore, *, interval: float = 0.02, bound: int = 5000) -> None:
        self._db, self._interval, self._bound = db, interval, bound
        self._waiting: list[tuple[Make, int | None]] = []
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the next read's record would have to wait for the store."""
        return len(self._waiting) >= self._bound - _OWN

    def now(self, make: Make, time_us: int | None = None) -> None:
        """Make one record durable before returning."""
        record = make()
        self._db.write(lambda tx: tx.audit(record, time_us))

    def later(self, make: Make, time_us: int | None = None) -> None:
        """Queue one record of a successful read; `make` runs on the writer's thread."""
        with self._lock:
            self._waiting.append((make, time_us))
            full = len(self._waiting) >= self._bound
        if not self._wake.is_set():
            self._wake.set()
        if full:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits."""
        with self._flushing:
            with self._lock:
                batch, self._waiting = self._waiting, []
            while batch:
                try:
                    self._put(batch[:_TOGETHER])
                except Exception:
                    with self._lock:  # nothing is dropped: it is tried again
                        self._waiting = batch + self._waiting
                    raise
                batch = batch[_TOGETHER:]

    def _put(self, batch: list[tuple[Make, int | None]]) -> None:
        records = [(record, time) for make, time in batch if (record := _made(make)) is not None]
        self._db.write(lambda tx: [tx.audit(record, time) for record, time in records])

    def stop(self) -> None:
        """Flush and end the thread."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait()
            self._wake.clear()
            self._stopped.wait(self._interval)
            self._flush_or_report()

    def _flush_or_report(self) -> None:
        try:
            self.flush()
        except Exception:  # the thread must outlive a database that is away; what waits is tried again
            log.exception("the audit queue could not be written")
            self._wake.set()


def _made(make: Make) -> dict[str, Any] | None:
    try:
        return make()
    except Exception:  # one record that cannot be built must not hold back all others; it is logged, never silent
        log.exception("a record for the trail could not be built")
        return None
