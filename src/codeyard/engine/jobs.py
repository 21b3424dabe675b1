"""Work for other processes: leased, with a fencing token. Waiting for a job is waiting for a notification."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from codeyard.contract import Clock, Ids
from codeyard.engine.crash import crash_point, register
from codeyard.engine.lane import SECOND, describe
from codeyard.engine.outbox import next_at
from codeyard.storage import Database, Row, Tx, loads
from codeyard.storage.system import jobs

log = logging.getLogger(__name__)
RETRY = 5 * SECOND
LEASES = "leases"
CLAIMED = register("engine.job.claimed", "a job is leased, its worker does not know")
LAPSED = register("engine.job.lapsed", "a lapsed lease was handled, its row is still open")


class StaleFence(Exception):
    """The job is not this worker's any more: its lease lapsed, or it was withdrawn or finished."""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job. `fence` proves the lease in every later call."""

    id: str
    queue: str
    payload: dict[str, Any]
    fence: int


class Jobs:
    """The leased job protocol."""

    def __init__(self, db: Database, clock: Clock, ids: Ids | None = None) -> None:
        self._db, self._clock, self._ids = db, clock, ids
        self._news, self._generation, self._closed = threading.Condition(), 0, False
        db.subscribe("jobs", self._heard)

    def claim(self, queues: Sequence[str], worker: str, lease_us: int, wait_s: float = 0.0) -> Job | None:
        """Lease the job that was offered first; wait up to `wait_s` for one, None when there is none."""
        until = time.monotonic() + wait_s
        while True:
            generation = self._generation
            job = self._try(tuple(queues), worker, lease_us)
            left = until - time.monotonic()
            if job is not None or left <= 0 or self._closed:
                return job
            self._wait(generation, left)

    def heartbeat(self, job_id: str, fence: int, lease_us: int) -> None:
        """Extend the lease from now; StaleFence when it is not the worker's any more."""
        until = self._clock.now() + lease_us
        self._db.write(lambda tx: _held(tx, job_id, fence, {"lease_until": until}))

    def finish(self, job_id: str, fence: int) -> None:
        """The worker is done with the job."""
        self._db.write(lambda tx: self.finish_in(tx, job_id, fence))

    def finish_in(self, tx: Tx, job_id: str, fence: int) -> None:
        """Finish as part of a larger write; StaleFence undoes it all."""
        done = {"state": "done", "payload": "{}", "lease_until": self._clock.now()}
        _held(tx, job_id, fence, done)

    def holds(self, tx: Tx, job_id: str, fence: int) -> bool:
        """Whether the fence is the running lease's."""
        row = tx.one(sa.select(jobs.c.state, jobs.c.fence).where(jobs.c.id == job_id))
        return row is not None and row.state == "leased" and row.fence == fence

    def extend_all(self, grace_us: int) -> None:
        """Give every lease at least the grace from now: at start, workers could not reach a server that was down."""
        until = self._clock.now() + grace_us
        stmt = sa.update(jobs).where(jobs.c.state == "leased", jobs.c.lease_until < until)
        self._db.write(lambda tx: tx.execute(stmt.values(lease_until=until)) and None)

    def leased_to(self, worker: str) -> list[str]:
        """Ids of the jobs that a worker holds."""
        stmt = sa.select(jobs.c.id).where(jobs.c.state == "leased", jobs.c.worker == worker)
        return [row.id for row in self._db.read(lambda tx: tx.all(stmt))]

    def lapse(self, job_id: str, worker: str) -> None:
        """End the lease of a worker that never heard of it: its rule decides now, not when the lease runs out."""
        mine = sa.and_(jobs.c.id == job_id, jobs.c.state == "leased", jobs.c.worker == worker)

        def write(tx: Tx) -> None:
            tx.execute(sa.update(jobs).where(mine).values(lease_until=self._clock.now()))
            tx.notify(LEASES)

        self._db.write(write)

    def open(self) -> None:
        """Let workers wait again, after `close`."""
        self._closed = False

    def close(self) -> None:
        """Let everyone who waits go with nothing."""
        self._closed = True
        self._heard("")

    def _try(self, queues: tuple[str, ...], worker: str, lease_us: int) -> Job | None:
        if self._db.read(lambda tx: tx.one(_oldest(queues))) is None:
            return None
        job = self._db.write(lambda tx: self._lease(tx, queues, worker, lease_us))
        crash_point(CLAIMED)
        return job

    def _lease(self, tx: Tx, queues: tuple[str, ...], worker: str, lease_us: int) -> Job | None:
        row = tx.one(_oldest(queues))
        if row is None:
            return None
        now = self._clock.now()
        fence = max(row.fence + 1, now)
        values = {"state": "leased", "fence": fence, "worker": worker, "lease_until": now + lease_us}
        tx.execute(sa.update(jobs).where(jobs.c.id == row.id).values(values))
        return Job(row.id, row.queue, loads(row.payload), fence)

    def _wait(self, generation: int, seconds: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._generation != generation, seconds)

    def _heard(self, message: str) -> None:
        with self._news:
            self._generation += 1
            self._news.notify_all()


class LapsedWork:
    """Asks `Part.lapsed_jobs[queue](job_id)` about jobs whose lease ran out; without a rule they are offered again."""

    name, channel, parallel = "lapsed", LEASES, True

    def __init__(self, db: Database, clock: Clock, rules: Mapping[str, Callable[[str], None]]) -> None:
        self._db, self._clock, self._rules = db, clock, rules

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """Ids of the jobs whose lease ran out."""
        sql = (
            "SELECT id FROM jobs WHERE state IN ('leased', 'lapsed') AND lease_until <= ? ORDER BY lease_until LIMIT ?"
        )
        return [tuple(row) for row in self._db.read(lambda tx: tx.sql(sql, (now, limit)).fetchall())]

    def next_due(self, now: int) -> int | None:
        """When the next lease runs out."""
        sql = "SELECT min(lease_until) FROM jobs WHERE state IN ('leased', 'lapsed') AND lease_until > ?"
        return next_at(self._db, sql, now)

    def run(self, key: tuple[str, ...]) -> None:
        """Void the lease, ask the rule, close the row unless the rule offered the job again."""
        row = self._db.write(lambda tx: self._void(tx, key[0]))
        if row is None:
            return
        queue, fence = row
        try:
            self._decide(queue, key[0])
        except Exception as error:  # a rule may fail in any way: it is asked again
            log.warning("the rule for a lapsed job of %s failed: %s", queue, describe(error))
            self._close(key[0], fence, {"lease_until": self._clock.now() + RETRY})
            return
        crash_point(LAPSED)
        self._close(key[0], fence, {"state": "done", "payload": "{}", "lease_until": self._clock.now()})

    def _void(self, tx: Tx, job_id: str) -> tuple[str, int] | None:
        row = tx.one(sa.select(jobs).where(jobs.c.id == job_id))
        if row is None or row.state not in ("leased", "lapsed") or row.lease_until > self._clock.now():
            return None
        values = {"state": "lapsed", "fence": row.fence + 1}
        tx.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
        return row.queue, row.fence + 1

    def _decide(self, queue: str, job_id: str) -> None:
        rule = self._rules.get(queue)
        if rule is None:
            self._db.write(lambda tx: _offer_again(tx, job_id))
        else:
            rule(job_id)

    def _close(self, job_id: str, fence: int, values: dict[str, Any]) -> None:
        same = sa.and_(jobs.c.id == job_id, jobs.c.state == "lapsed", jobs.c.fence == fence)
        self._db.write(lambda tx: tx.execute(sa.update(jobs).where(same).values(values)) and None)


def _oldest(queues: tuple[str, ...]) -> sa.Select[Any]:
    query = sa.select(jobs).where(jobs.c.queue.in_(queues), jobs.c.state == "queued")
    return query.order_by(jobs.c.offered, jobs.c.id).limit(1)


def _held(tx: Tx, job_id: str, fence: int, values: dict[str, Any]) -> None:
    same = sa.and_(jobs.c.id == job_id, jobs.c.state == "leased", jobs.c.fence == fence)
    if tx.execute(sa.update(jobs).where(same).values(values)).rowcount != 1:
        raise StaleFence(f"job {job_id} is not held by this fence")


def _offer_again(tx: Tx, job_id: str) -> None:
    row: Row | None = tx.one(sa.select(jobs).where(jobs.c.id == job_id))
    if row is not None:
        tx.job(row.queue, job_id, loads(row.payload))
