"""Timers: at their time, the key they name is marked dirty."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.contract import Clock
from codeyard.engine.crash import crash_point, register
from codeyard.engine.outbox import next_at
from codeyard.storage import Database, Tx
from codeyard.storage.system import timers

BATCH = 200
FIRED = register("engine.timer.fired", "timers were turned into dirty rows, nothing is committed")


class TimersWork:
    """Turns due timers into dirty rows, many in one write."""

    name, channel, parallel = "timer", "timers", False

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """One key for all timers, when one is due."""
        found = self._db.read(lambda tx: tx.sql("SELECT 1 FROM timers WHERE at <= ? LIMIT 1", (now,)).fetchone())
        return [("all",)] if found else []

    def next_due(self, now: int) -> int | None:
        """When the next timer is due."""
        return next_at(self._db, "SELECT min(at) FROM timers WHERE at > ?", now)

    def run(self, key: tuple[str, ...]) -> None:
        """Fire what is due."""
        now = self._clock.now()
        self._db.write(lambda tx: self._fire(tx, now))

    @staticmethod
    def _fire(tx: Tx, now: int) -> None:
        query = sa.select(timers).where(timers.c.at <= now).order_by(timers.c.at).limit(BATCH)
        for row in tx.all(query):
            tx.dirty(row.kind, row.key)
            tx.cancel_timer(row.kind, row.key)
        crash_point(FIRED)
