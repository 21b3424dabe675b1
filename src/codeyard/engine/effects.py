"""Durable calls: each token is called at least once, with growing pauses, and parked when it keeps failing."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa

from codeyard.contract import Clock, Ids
from codeyard.contract.part import Effect
from codeyard.engine.crash import crash_point, register
from codeyard.engine.lane import backoff, describe
from codeyard.engine.outbox import next_at
from codeyard.storage import Database, Row, Tx, loads
from codeyard.storage.system import effects

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 24
CALLED = register("engine.effect.called", "an effect was called, its row is still open")


class EffectsWork:
    """Calls `Part.effects[kind](token, payload)`."""

    name, channel, parallel = "effect", "effects", True

    def __init__(self, db: Database, clock: Clock, ids: Ids, calls: Mapping[str, Effect]) -> None:
        self._db, self._clock, self._ids, self._calls = db, clock, ids, calls

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """(kind, token) of the open effects that are due."""
        sql = "SELECT kind, token FROM effects WHERE state = 'open' AND due <= ? ORDER BY due LIMIT ?"
        return [tuple(row) for row in self._db.read(lambda tx: tx.sql(sql, (now, limit)).fetchall())]

    def next_due(self, now: int) -> int | None:
        """When the next delayed effect is due."""
        return next_at(self._db, "SELECT min(due) FROM effects WHERE state = 'open' AND due > ?", now)

    def run(self, key: tuple[str, ...]) -> None:
        """Call one effect and close its row, or postpone or park it."""
        kind, token = key
        row = self._db.read(lambda tx: tx.one(sa.select(effects).where(_is(kind, token))))
        if row is None or row.state != "open":
            return
        try:
            self._call(kind, token, row)
        except Exception as error:  # an effect may fail in any way: kept in its row and tried again
            log.warning("effect %s %s failed: %s", kind, token, describe(error))
            failure = error
        else:
            crash_point(CALLED)
            self._db.write(lambda tx: self._done(tx, kind, token))
            return
        self._db.write(lambda tx: self._failed(tx, kind, token, row.attempts + 1, failure))

    def _call(self, kind: str, token: str, row: Row) -> None:
        call = self._calls.get(kind)
        if call is None:
            raise LookupError(f"no part has the effect {kind}")
        call(token, loads(row.payload))

    def _done(self, tx: Tx, kind: str, token: str) -> None:
        values = {"state": "done", "payload": "{}", "due": self._clock.now(), "error": None}
        tx.execute(sa.update(effects).where(_is(kind, token)).values(values))

    def _failed(self, tx: Tx, kind: str, token: str, attempts: int, error: BaseException) -> None:
        state = "parked" if attempts >= MAX_ATTEMPTS else "open"
        due = self._clock.now() + backoff(attempts, self._ids)
        values = {"state": state, "attempts": attempts, "due": due, "error": describe(error)}
        tx.execute(sa.update(effects).where(_is(kind, token)).values(values))


def _is(kind: str, token: str) -> sa.ColumnElement[bool]:
    return sa.and_(effects.c.kind == kind, effects.c.token == token)
