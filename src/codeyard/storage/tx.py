"""One transaction, as services see it: statements, and everything that must commit together with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.contract import Clock, Event, Ids
from codeyard.storage import trail
from codeyard.storage.schema import dumps
from codeyard.storage.statements import RawConnection, Statements

Row = sa.Row[Any]

INSERT_EVENT = (
    "INSERT INTO outbox (id, source, detail_type, detail, account, region, time, resources, bus, attempts, due) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)"
)
INSERT_EFFECT = (
    "INSERT INTO effects (kind, token, payload, state, attempts, due) VALUES (?, ?, ?, 'open', 0, ?) "
    "ON CONFLICT (kind, token) DO NOTHING"
)
SET_TIMER = "INSERT INTO timers (kind, key, at) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at"
MARK_DIRTY = (
    "INSERT INTO dirty (kind, key, seq, attempts, due) VALUES (?, ?, ?, 0, 0) ON CONFLICT (kind, key) DO UPDATE "
    "SET seq = CASE WHEN excluded.seq > dirty.seq THEN excluded.seq ELSE dirty.seq + 1 END, attempts = 0, due = 0"
)
OFFER_JOB = (
    "INSERT INTO jobs (id, queue, payload, state, fence, worker, lease_until, offered) "
    "VALUES (?, ?, ?, 'queued', 0, '', 0, ?) ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, "
    "payload = excluded.payload, state = 'queued', worker = '', lease_until = 0, offered = excluded.offered "
    "WHERE jobs.state NOT IN ('queued', 'leased')"
)
WITHDRAW_JOB = (
    "UPDATE jobs SET state = 'done', fence = fence + 1, payload = '{}', lease_until = ? "
    "WHERE id = ? AND state != 'done'"
)
ADOPT_BLOB = (
    "INSERT INTO blobs (id, refs, released) VALUES (?, 1, 0) "
    "ON CONFLICT (id) DO UPDATE SET refs = blobs.refs + 1, released = 0"
)
RELEASE_BLOB = (
    "UPDATE blobs SET released = CASE WHEN refs <= 1 THEN ? ELSE 0 END, refs = refs - 1 WHERE id = ? AND refs > 0"
)


class Tx:
    """A transaction. Made by the Database for one function; useless after that function returned."""

    def __init__(
        self,
        conn: sa.Connection,
        raw: RawConnection,
        statements: Statements,
        clock: Clock,
        ids: Ids,
        followers: trail.Followers,
        *,
        writable: bool,
    ) -> None:
        self._conn, self._raw, self._statements = conn, raw, statements
        self._clock, self._ids, self._followers, self._writable = clock, ids, followers, writable
        self.callbacks: list[Callable[[], None]] = []
        self.notices: dict[tuple[str, str], None] = {}
        self.records: list[trail.Rows] = []

    @property
    def now(self) -> int:
        """The clock's time in microseconds."""
        return self._clock.now()

    def execute(self, stmt: sa.Executable, params: Any = None) -> sa.CursorResult[Any]:
        """Run a Core statement; read its rows before the function returns."""
        return self._conn.execute(stmt, params)

    def one(self, stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> Row | None:
        """The first row, or None. A statement kept in a module and given parameters is run the fast way."""
        if params is None:
            return self._conn.execute(stmt).first()
        known = self._statements.prepared.find(stmt)
        if known is None:
            return self._learned(stmt, params).first()
        data = known.run(self._raw, params).fetchone()
        return None if data is None else known.row(data)

    def all(self, stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Every row."""
        if params is None:
            return list(self._conn.execute(stmt).all())
        known = self._statements.prepared.find(stmt)
        if known is None:
            return list(self._learned(stmt, params).all())
        return [known.row(data) for data in known.run(self._raw, params).fetchall()]

    def scalar(self, stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = self.one(stmt, params)
        return None if row is None else row[0]

    def _learned(self, stmt: sa.Executable, params: Mapping[str, Any]) -> sa.CursorResult[Any]:
        result = self._conn.execute(stmt, params)
        self._statements.prepared.learn(stmt, params, result)
        return result

    def sql(self, text: str, params: tuple[Any, ...] = ()) -> Any:
        """Run plain SQL with `?` placeholders straight on the driver (hot paths); returns its cursor."""
        return self._raw.execute(self._statements.text(text), params)

    def insert(self, table: sa.Table, /, **values: Any) -> None:
        """Insert one row."""
        self._statements.put(self._conn, self._raw, table, (), values)

    def upsert(self, table: sa.Table, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Insert the row, or set `values` on the one that has these keys (the primary key or a unique set)."""
        self._statements.put(self._conn, self._raw, table, tuple(keys), {**keys, **values})

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back on the caller's thread once the transaction is durable."""
        self.callbacks.append(callback)

    def notify(self, channel: str, message: str = "") -> None:
        """Tell the channel's subscribers, in every process, once the transaction is durable."""
        self._must_write()
        self.notices[channel, message] = None

    def emit(self, event: Event) -> str:
        """Put an event in the outbox; returns its id."""
        event_id = self._ids.ordered_uuid(self._clock.now())
        self._write(
            INSERT_EVENT,
            (
                event_id,
                event.source,
                event.detail_type,
                dumps(event.detail),
                event.account,
                event.region,
                event.time,
                dumps(list(event.resources)),
                event.bus,
            ),
            "outbox",
        )
        return event_id

    def effect(self, kind: str, token: str, payload: Mapping[str, Any], at: int | None = None) -> None:
        """Ask for one call of the effect `kind` (not before `at`); a token asked for before changes nothing."""
        self._write(INSERT_EFFECT, (kind, token, dumps(payload), at or 0), "effects")

    def timer(self, kind: str, key: str, at: int) -> None:
        """Mark (kind, key) dirty when the clock reaches `at`; replaces an earlier timer of that key."""
        self._write(SET_TIMER, (kind, key, at), "timers")

    def cancel_timer(self, kind: str, key: str) -> None:
        """Drop the key's timer, if it has one."""
        self._write("DELETE FROM timers WHERE kind = ? AND key = ?", (kind, key))

    def dirty(self, kind: str, key: str) -> None:
        """Have the reconciler of `kind` look at `key` again."""
        self._write(MARK_DIRTY, (kind, key, self._clock.now()), "dirty")

    def job(self, queue: str, job_id: str, payload: Mapping[str, Any]) -> None:
        """Offer a job to workers; one that is queued or leased stays as it is."""
        self._write(OFFER_JOB, (job_id, queue, dumps(payload), self._clock.now()), "jobs")

    def withdraw_job(self, job_id: str) -> None:
        """Take a job back: it is not claimed any more, and whoever holds it finds a stale fence."""
        self._write(WITHDRAW_JOB, (self._clock.now(), job_id))

    def adopt(self, blob_id: str) -> None:
        """Count one more row that holds the blob."""
        self._write(ADOPT_BLOB, (blob_id,))

    def release(self, blob_id: str) -> None:
        """Count one row less; a blob that no row holds is swept after a grace."""
        self._write(RELEASE_BLOB, (self._clock.now(), blob_id))

    def audit(self, record: Mapping[str, Any], time_us: int | None = None) -> None:
        """Put a CloudTrail record on the trail, with what LookupEvents finds it by. It is written at the commit."""
        self._must_write()
        time = trail.record_time(record, self._clock.now()) if time_us is None else time_us
        trails = self._followers.of(record)
        self.records.append(trail.rows_of(record, time, trails))
        if trails and (event := trail.event_of(record, time)) is not None:
            self.emit(event)

    def write_records(self, records: Sequence[trail.Rows]) -> None:
        """Write records of this transaction, or of all that commit together with it."""
        trail.write_rows(self.sql, records)

    def _write(self, sql: str, params: tuple[Any, ...], channel: str = "") -> None:
        self._must_write()
        self._raw.execute(self._statements.text(sql), params)
        if channel:
            self.notices[channel, ""] = None

    def _must_write(self) -> None:
        if not self._writable:
            raise RuntimeError("a read transaction cannot write")
