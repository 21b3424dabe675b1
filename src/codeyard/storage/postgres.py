"""The Database on PostgreSQL: psycopg in bounded pools, SERIALIZABLE writes with bounded retry, LISTEN/NOTIFY."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg import IsolationLevel

from codeyard.contract import Clock, Ids
from codeyard.storage.database import throttled, unstorable
from codeyard.storage.guard import assert_not_writing, inside_write
from codeyard.storage.notify import Bus
from codeyard.storage.schema import dumps, loads
from codeyard.storage.statements import Statements
from codeyard.storage.trail import Followers
from codeyard.storage.tx import Tx

log = logging.getLogger(__name__)
T = TypeVar("T")
CHANNEL = "codeyard"
LONGEST_NOTICE = 7000
ATTEMPTS = 14
POOL = 12
WAIT_S = 10.0
AGAIN = ("40001", "40P01")
DUPLICATE, DUPLICATE_ATTEMPTS = "23505", 2


class PostgresDatabase:
    """Implements the Database port; several server processes may share one database."""

    calls: None = None  # every statement waits for the network

    def __init__(self, url: str, clock: Clock, ids: Ids, *, pool: int = POOL, wait_s: float = WAIT_S) -> None:
        self._url = "postgresql+psycopg://" + url.partition("://")[2]
        self._conninfo = "postgresql://" + url.partition("://")[2]
        self._clock, self._ids = clock, ids
        self.engine = _engine(self._url, IsolationLevel.SERIALIZABLE, False, pool, wait_s)
        self._reading = _engine(self._url, IsolationLevel.REPEATABLE_READ, True, pool, wait_s)
        self._statements = Statements(self.engine.dialect)
        self._bus = Bus()
        self.followers = Followers()
        self._me = uuid.uuid4().hex
        self._closed = False
        self._listener: threading.Thread | None = None
        self._listening: psycopg.Connection[Any] | None = None
        self._starting = threading.Lock()
        self._locks = AdvisoryLocks(self._conninfo)

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` on a snapshot."""
        assert_not_writing("a read of its own")
        try:
            with self._connect(self._reading) as conn:
                return fn(self._tx(conn, writable=False))
        except (UnicodeEncodeError, sa.exc.DBAPIError, psycopg.DataError) as error:
            if _is_unstorable(error):
                raise unstorable() from None
            raise

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` serializably, again where another write was in its way; durable when this returns."""
        assert_not_writing("another write")
        for attempt in range(ATTEMPTS):
            try:
                tx, result = self._attempt(fn)
            except (UnicodeEncodeError, sa.exc.DBAPIError, psycopg.Error) as error:
                if _is_unstorable(error):
                    raise unstorable() from None
                if not _worth_another(error, attempt):
                    raise
                time.sleep(random.random() * 0.002 * (1 << min(attempt, 7)))
                continue
            for callback in tx.callbacks:
                callback()
            self._bus.tell(tx.notices)
            return result
        raise throttled("too many writes to the same rows")

    def notify(self, channel: str, message: str = "") -> None:
        """Tell the channel's subscribers in every process."""
        self._bus.tell([(channel, message)])
        with self._connect(self.engine) as conn:
            conn.begin()
            self._send(conn, {(channel, message): None})
            conn.commit()

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back at every notification, of this process and of others."""
        unsubscribe = self._bus.subscribe(channel, callback)  # first: a listener wakes everyone once it listens
        if self._listener is None:
            self._start_listener()
        return unsubscribe

    def try_lock(self, name: str) -> Callable[[], None] | None:
        """Hold a name against other processes by an advisory lock."""
        return self._locks.take(name)

    def create(self) -> None:
        """Bring the tables to this program's version."""
        from codeyard.storage.migrations import migrate

        with self.engine.connect() as conn:
            migrate(conn)

    def create_all(self) -> None:
        """Make every table that the imported modules name, without migrations (tests)."""
        from codeyard.storage.migrations import create_all

        with self.engine.connect() as conn:
            create_all(conn)

    def close(self) -> None:
        """Let go of every connection."""
        self._closed = True
        if self._listening is not None:
            with suppress(psycopg.Error):
                self._listening.close()
        if self._listener is not None:
            self._listener.join(timeout=5)
        self._locks.close()
        self.engine.dispose()
        self._reading.dispose()

    def _attempt(self, fn: Callable[[Tx], T]) -> tuple[Tx, T]:
        with self._connect(self.engine) as conn:
            conn.begin()  # plain SQL on the driver would not begin one, and commit would then do nothing
            tx = self._tx(conn, writable=True)
            with inside_write():
                result = fn(tx)
            tx.write_records(tx.records)
            if tx.notices:
                self._send(conn, tx.notices)
            conn.commit()
            return tx, result

    def _tx(self, conn: sa.Connection, *, writable: bool) -> Tx:
        raw: Any = conn.connection.dbapi_connection
        return Tx(conn, raw, self._statements, self._clock, self._ids, self.followers, writable=writable)

    def _connect(self, engine: sa.Engine) -> sa.Connection:
        try:
            return engine.connect()
        except sa.exc.TimeoutError:
            raise throttled("every database connection is busy") from None

    def _send(self, conn: sa.Connection, notices: Mapping[tuple[str, str], None]) -> None:
        text = dumps([self._me, [list(notice) for notice in notices]])
        if len(text) > LONGEST_NOTICE:
            text = dumps([self._me, [[channel, ""] for channel in {channel for channel, _ in notices}]])
        raw: Any = conn.connection.dbapi_connection
        raw.execute("SELECT pg_notify(%s, %s)", (CHANNEL, text))

    def _start_listener(self) -> None:
        with self._starting:
            if self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="postgres-listen", daemon=True)
                self._listener.start()

    def _listen(self) -> None:
        while not self._closed:
            try:
                self._hear()
            except psycopg.Error:
                if not self._closed:
                    log.warning("the notification connection was lost; connecting again")
                    time.sleep(0.5)

    def _hear(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            self._listening = conn
            conn.execute(f"LISTEN {CHANNEL}")
            self._bus.everyone()
            while not self._closed:
                for notice in conn.notifies(timeout=1.0):
                    sender, notices = loads(notice.payload)
                    if sender != self._me:
                        self._bus.tell([(channel, message) for channel, message in notices])


class AdvisoryLocks:
    """Names held by this process: session locks of one connection of its own."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo, self._mutex = conninfo, threading.Lock()
        self._conn: psycopg.Connection[Any] | None = None
        self._held: set[int] = set()

    def take(self, name: str) -> Callable[[], None] | None:
        """The release function, or None when the name is held, here or elsewhere."""
        number = zlib.crc32(name.encode()) << 31 | zlib.adler32(name.encode()) >> 1
        with self._mutex:
            if number in self._held or not self._ask("SELECT pg_try_advisory_lock(%s)", number):
                return None
            self._held.add(number)
        return lambda: self._release(number)

    def close(self) -> None:
        """Release everything."""
        with self._mutex:
            if self._conn is not None:
                self._conn.close()
                self._conn = None

    def _release(self, number: int) -> None:
        with self._mutex:
            self._held.discard(number)
            if self._conn is not None and not self._conn.closed:
                self._ask("SELECT pg_advisory_unlock(%s)", number)

    def _ask(self, sql: str, number: int) -> bool:
        if self._conn is None or self._conn.closed:
            self._conn = psycopg.connect(self._conninfo, autocommit=True)
            self._held.clear()
        row = self._conn.execute(sql, (number,)).fetchone()
        return bool(row and row[0])


def _engine(url: str, isolation: IsolationLevel, read_only: bool, pool: int, wait_s: float) -> sa.Engine:
    engine = sa.create_engine(
        url, pool_size=pool, max_overflow=0, pool_timeout=wait_s, pool_pre_ping=False, pool_use_lifo=True
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(dbapi: Any, record: Any) -> None:
        dbapi.isolation_level = isolation
        dbapi.read_only = read_only

    return engine


def _worth_another(error: BaseException, attempt: int) -> bool:
    """Collisions are; a duplicate key too, at first: its row may have come since the function looked for it."""
    state = _state(error)
    return state in AGAIN or (state == DUPLICATE and attempt < DUPLICATE_ATTEMPTS)


def _is_unstorable(error: BaseException) -> bool:
    original = getattr(error, "orig", None) or error
    return isinstance(original, UnicodeEncodeError) or (
        isinstance(original, psycopg.DataError) and "NUL (0x00)" in str(original)
    )


def _state(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(getattr(original, "sqlstate", "") or "")
