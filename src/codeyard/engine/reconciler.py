"""Dirty rows: "look at this thing again". A mark that arrives while the thing is looked at is not lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa

from codeyard.contract import Clock, Ids
from codeyard.contract.part import Reconcile
from codeyard.engine.crash import crash_point, register
from codeyard.engine.lane import SECOND, backoff, describe
from codeyard.engine.outbox import next_at
from codeyard.storage import Database, Row, Tx
from codeyard.storage.system import dirty

log = logging.getLogger(__name__)
CAP = 60 * SECOND
RAN = register("engine.reconciler.ran", "a reconciler ran, its dirty row is still there")


class DirtyWork:
    """Calls `Part.reconcilers[kind](key)` and takes the mark away that it saw, no later one."""

    name, channel, parallel = "dirty", "dirty", True

    def __init__(self, db: Database, clock: Clock, ids: Ids, reconcilers: Mapping[str, Reconcile]) -> None:
        self._db, self._clock, self._ids, self._reconcilers = db, clock, ids, reconcilers

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """(kind, key) of the marks that are due."""
        sql = "SELECT kind, key FROM dirty WHERE due <= ? ORDER BY due LIMIT ?"
        return [tuple(row) for row in self._db.read(lambda tx: tx.sql(sql, (now, limit)).fetchall())]

    def next_due(self, now: int) -> int | None:
        """When the next failed key is tried again."""
        return next_at(self._db, "SELECT min(due) FROM dirty WHERE due > ?", now)

    def run(self, key: tuple[str, ...]) -> None:
        """Reconcile one key."""
        kind, name = key
        row = self._db.read(lambda tx: tx.one(sa.select(dirty).where(_is(kind, name))))
        if row is None:
            return
        try:
            self._reconcile(kind, name)
        except Exception as error:  # a reconciler may fail in any way: its row stays, and is due later
            log.warning("reconciling %s %s failed: %s", kind, name, describe(error), exc_info=True)
            failure = error
        else:
            crash_point(RAN)
            self._db.write(lambda tx: tx.sql(DELETE, (kind, name, row.seq)) and None)
            return
        self._db.write(lambda tx: self._failed(tx, row, failure))

    def _reconcile(self, kind: str, name: str) -> None:
        reconcile = self._reconcilers.get(kind)
        if reconcile is None:
            raise LookupError(f"no part has the reconciler {kind}")
        reconcile(name)

    def _failed(self, tx: Tx, row: Row, error: BaseException) -> None:
        attempts = row.attempts + 1
        due = self._clock.now() + backoff(attempts, self._ids, base=SECOND // 10, cap=CAP)
        values = {"attempts": attempts, "due": due, "error": describe(error)}
        tx.execute(sa.update(dirty).where(_is(row.kind, row.key), dirty.c.seq == row.seq).values(values))


DELETE = "DELETE FROM dirty WHERE kind = ? AND key = ? AND seq = ?"


def _is(kind: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(dirty.c.kind == kind, dirty.c.key == key)
