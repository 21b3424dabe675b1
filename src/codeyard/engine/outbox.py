"""Events on their way out: each is fanned out in the same transaction that closes its outbox row."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from codeyard.contract import Clock, Ids
from codeyard.engine.crash import crash_point, register
from codeyard.engine.lane import backoff, describe
from codeyard.storage import Database, Row, Tx, loads
from codeyard.storage.system import outbox

log = logging.getLogger(__name__)
BATCH = 50
LAST = 2**63 - 1
DUE = (
    sa.select(outbox)
    .where(outbox.c.due <= sa.bindparam("now"), outbox.c.seq.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(outbox.c.seq)
    .limit(BATCH)
)
FANNED_OUT = register("engine.outbox.fanned_out", "events are fanned out, nothing is committed")


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the outbox with its id; `time` in microseconds."""

    id: str
    source: str
    detail_type: str
    detail: Mapping[str, Any]
    account: str
    region: str
    time: int
    resources: Sequence[str]
    bus: str


class FanOut(Protocol):
    """Turns an event into deliveries: writes rows and effects through `tx`, nothing else."""

    def __call__(self, tx: Tx, event: EventRow, /) -> None: ...


class Outbox:
    """Where fan-outs register; every one of them sees every event."""

    def __init__(self) -> None:
        self._fan_outs: list[FanOut] = []

    def register(self, fan_out: FanOut) -> None:
        """Have `fan_out(tx, event)` called for each event, in the transaction that closes it."""
        self._fan_outs.append(fan_out)

    def fan_out(self, tx: Tx, event: EventRow) -> None:
        """Call every fan-out."""
        for one in self._fan_outs:
            one(tx, event)


class OutboxWork:
    """Empties the outbox in order, in batches; an event that fails waits alone."""

    name, channel, parallel = "outbox", "outbox", False

    def __init__(self, db: Database, clock: Clock, ids: Ids, sink: Outbox) -> None:
        self._db, self._clock, self._ids, self._sink = db, clock, ids, sink

    def due(self, now: int, limit: int) -> list[tuple[str, ...]]:
        """One key for the whole outbox, when something is due."""
        found = self._db.read(lambda tx: tx.sql("SELECT 1 FROM outbox WHERE due <= ? LIMIT 1", (now,)).fetchone())
        return [("all",)] if found else []

    def next_due(self, now: int) -> int | None:
        """When the next failed event is tried again."""
        return next_at(self._db, "SELECT min(due) FROM outbox WHERE due > ?", now)

    def run(self, key: tuple[str, ...]) -> None:
        """Fan out what is due."""
        bounds = {"now": self._clock.now(), "first": 0, "last": LAST}
        try:
            self._db.write(lambda tx: self._close(tx, bounds))
        except Exception:  # one of them fails: each gets its own transaction, so that only that one waits
            for row in self._db.read(lambda tx: tx.all(DUE, bounds)):
                self._alone(row.seq, bounds)

    def _alone(self, number: int, bounds: Mapping[str, int]) -> None:
        try:
            self._db.write(lambda tx: self._close(tx, {**bounds, "first": number, "last": number}))
        except Exception as error:  # kept in the row and tried again; an event is never dropped
            log.warning("an event could not be fanned out: %s", describe(error))
            text = describe(error)
            self._db.write(lambda tx: self._postpone(tx, number, text))

    def _close(self, tx: Tx, bounds: Mapping[str, int]) -> None:
        rows = tx.all(DUE, bounds)
        for row in rows:
            self._sink.fan_out(tx, event_row(row))
        crash_point(FANNED_OUT)
        for row in rows:
            tx.sql("DELETE FROM outbox WHERE seq = ?", (row.seq,))

    def _postpone(self, tx: Tx, number: int, text: str) -> None:
        attempts = (tx.scalar(sa.select(outbox.c.attempts).where(outbox.c.seq == number)) or 0) + 1
        due = self._clock.now() + backoff(attempts, self._ids)
        values = {"attempts": attempts, "due": due, "error": text}
        tx.execute(sa.update(outbox).where(outbox.c.seq == number).values(values))


def event_row(row: Row) -> EventRow:
    """The outbox row as an event."""
    return EventRow(
        id=row.id,
        source=row.source,
        detail_type=row.detail_type,
        detail=loads(row.detail),
        account=row.account,
        region=row.region,
        time=row.time,
        resources=tuple(loads(row.resources)),
        bus=row.bus,
    )


def next_at(db: Database, sql: str, now: int) -> int | None:
    """The one number that a `min(...)` query with the time as its parameter gives."""
    row = db.read(lambda tx: tx.sql(sql, (now,)).fetchone())
    return None if row is None or row[0] is None else int(row[0])
