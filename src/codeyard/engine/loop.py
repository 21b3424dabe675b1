"""The engine: one thread per queue waits for a notification, runs what is due, and sweeps slowly as a safety net."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from codeyard.contract import Part
from codeyard.engine.effects import EffectsWork
from codeyard.engine.housekeeping import tidy
from codeyard.engine.jobs import LapsedWork
from codeyard.engine.kit import Kit
from codeyard.engine.lane import SECOND, Lane
from codeyard.engine.outbox import OutboxWork
from codeyard.engine.reconciler import DirtyWork
from codeyard.engine.timers import TimersWork

log = logging.getLogger(__name__)
SWEEP_S = 5.0
TIDY_S = 3600.0
ROUNDS = 100_000


class NeverSettlesError(RuntimeError):
    """Something makes work for itself without end."""


class Pump:
    """Drives one lane on a thread of its own."""

    def __init__(self, lane: Lane, kit: Kit, workers: int) -> None:
        self.lane, self._kit = lane, kit
        self._wake, self._stopped = threading.Event(), False
        self._free = threading.BoundedSemaphore(workers)
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen and to run."""
        name = self.lane.work.name
        self._stopped = False
        if self.lane.work.parallel:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix=f"engine-{name}")
        self._unsubscribe = self._kit.db.subscribe(self.lane.work.channel, lambda message: self.wake())
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self) -> None:
        """Finish what runs and end."""
        self._stopped = True
        self._unsubscribe()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=30)
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                keys = self.lane.take(self._workers)
                pause = SWEEP_S if keys else self._pause()
            except Exception:  # the database may be away for a while; the thread must outlive that
                log.exception("the engine could not look at %s", self.lane.work.name)
                keys, pause = [], 1.0
            if not keys:
                self._wake.wait(pause)
                continue
            for key in keys:
                self._start(key)

    def _pause(self) -> float:
        now = self._kit.clock.now()
        due = self.lane.work.next_due(now)
        return SWEEP_S if due is None else max(0.0005, min(SWEEP_S, (due - now) / SECOND))

    def _start(self, key: tuple[str, ...]) -> None:
        if self._pool is None:
            self.lane.run(key)
            return
        self._free.acquire()
        self._pool.submit(self._one, key)

    def _one(self, key: tuple[str, ...]) -> None:
        try:
            self.lane.run(key)
        finally:
            self._free.release()
            self.wake()


class Engine:
    """Everything durable that is not an operation."""

    def __init__(self, kit: Kit, parts: Sequence[Part]) -> None:
        self._kit = kit
        db, clock, ids = kit.db, kit.clock, kit.ids
        works = (
            OutboxWork(db, clock, ids, kit.outbox),
            TimersWork(db, clock),
            DirtyWork(db, clock, ids, _merged(parts, "reconcilers")),
            EffectsWork(db, clock, ids, _merged(parts, "effects")),
            LapsedWork(db, clock, _merged(parts, "lapsed_jobs")),
        )
        self._lanes = [Lane(work, clock, db.try_lock) for work in works]
        self._pumps = [Pump(lane, kit, kit.settings.workers) for lane in self._lanes]
        self._ended = threading.Event()
        self._tidier: threading.Thread | None = None
        self._settling = threading.Lock()

    def start(self) -> None:
        """Give leases a grace (workers could not reach a server that was down), then run in threads."""
        self._ended.clear()
        self._kit.jobs.open()
        self._kit.jobs.extend_all(self._kit.settings.runner_lease * SECOND // 2)
        for pump in self._pumps:
            pump.start()
        listen = getattr(self._kit.clock, "listen", None)
        if listen is not None:
            listen(self._wake)
        self._tidier = threading.Thread(target=self._tidy, name="engine-tidy", daemon=True)
        self._tidier.start()

    def stop(self) -> None:
        """Finish what runs, start nothing new, end the threads."""
        self._ended.set()
        self._kit.jobs.close()
        for pump in self._pumps:
            pump.stop()
        if self._tidier is not None:
            self._tidier.join(timeout=30)

    def settle(self) -> None:
        """Drain everything that is due, here, until nothing is left; waits for what other threads run."""
        with self._settling:
            for _ in range(ROUNDS):
                drained = [self._drain(lane) for lane in self._lanes]
                if not any(drained):
                    return
        raise NeverSettlesError("the engine finds new work without end")

    def _drain(self, lane: Lane) -> bool:
        keys = lane.take()
        for key in keys:
            lane.run(key)
        return lane.wait_idle(30.0) or bool(keys)

    def _wake(self) -> None:
        for pump in self._pumps:
            pump.wake()

    def _tidy(self) -> None:
        pause = 60.0
        while not self._ended.wait(pause):
            pause = TIDY_S
            try:
                tidy(self._kit.db, self._kit.blobs, self._kit.clock, self._kit.settings)
            except Exception:  # tidying is tried again in an hour; the server goes on
                log.exception("tidying failed")


def _merged(parts: Sequence[Part], field: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for kind, call in getattr(part, field).items():
            if kind in merged:
                raise ValueError(f"two parts register {field} {kind}")
            merged[kind] = call
    return merged
