"""The embedded Database: SQLite in WAL, reader connections, and one writer that commits in groups.

Writers queue; the writer thread takes what waits, each in its own savepoint, and commits as soon as the queue is
empty: one fsync for all. Nobody hears of a result before the commit. When the batch fails outside one member's
savepoint (a full disk, a failed commit) every member is run again alone.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from codeyard.contract import Clock, Ids
from codeyard.storage.database import throttled, unstorable
from codeyard.storage.guard import assert_not_writing, inside_write
from codeyard.storage.notify import Bus
from codeyard.storage.statements import Statements
from codeyard.storage.tx import Tx

T = TypeVar("T")
MAX_BATCH = 256
MAX_WAITING = 4096


class AlreadyOpenError(RuntimeError):
    """Another process serves this folder."""


class BatchLostError(Exception):
    """The transaction ended under its members."""


class Member:
    """One caller's write, waiting for its turn."""

    __slots__ = ("done", "error", "fn", "result", "tx")

    def __init__(self, fn: Callable[[Tx], Any]) -> None:
        self.fn = fn
        self.tx: Tx | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()


class Link:
    """One SQLite connection under our own transaction control."""

    def __init__(self, engine: sa.Engine, *, readonly: bool) -> None:
        self.conn = engine.connect()
        dbapi: Any = self.conn.connection.dbapi_connection
        self.raw: sqlite3.Connection = dbapi
        self.raw.execute(f"PRAGMA query_only = {'ON' if readonly else 'OFF'}")

    def close(self) -> None:
        """Close the connection for good."""
        self.conn.close()


class SqliteDatabase:
    """Implements the Database port on one file; `lock=True` refuses a second process on its folder."""

    def __init__(self, path: Path, clock: Clock, ids: Ids, *, lock: bool = True) -> None:
        self.path, self._clock, self._ids = path, clock, ids
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lockfile = _lock_folder(path.with_name("lock")) if lock else None
        self.engine = _engine(path)
        self._statements = Statements(self.engine.dialect)
        self._bus = Bus()
        self._readers: deque[Link] = deque()
        self._queue: SimpleQueue[Member | None] = SimpleQueue()
        self._closed = False
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` on a snapshot."""
        assert_not_writing("a read of its own")
        link = self._reader()
        raw = link.raw
        raw.execute("BEGIN")
        try:
            return fn(Tx(link.conn, raw, self._statements, self._clock, self._ids, writable=False))
        except UnicodeEncodeError:
            raise unstorable() from None
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            self._readers.append(link)

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` on the writer thread; durable when this returns."""
        assert_not_writing("another write")
        if self._closed:
            raise RuntimeError("the database is closed")
        if self._queue.qsize() > MAX_WAITING:
            raise throttled("too many writes are waiting")
        if self._writer is None:
            self._start_writer()
        member = Member(fn)
        self._queue.put(member)
        member.done.acquire()
        if isinstance(member.error, UnicodeEncodeError):
            raise unstorable() from None
        if member.error is not None:
            raise member.error
        self._settle(member)
        return member.result  # type: ignore[no-any-return]

    def notify(self, channel: str, message: str = "") -> None:
        """Tell the channel's subscribers."""
        self._bus.tell([(channel, message)])

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back at every notification."""
        return self._bus.subscribe(channel, callback)

    def try_lock(self, name: str) -> Callable[[], None] | None:
        """There is no other process: always granted."""
        return lambda: None

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
        """Finish the writes that wait, then close."""
        self._closed = True
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join(timeout=10)
        while self._readers:
            self._readers.pop().close()
        self.engine.dispose()
        if self._lockfile is not None:
            os.close(self._lockfile)
            self._lockfile = None

    def _reader(self) -> Link:
        try:
            return self._readers.pop()
        except IndexError:
            return Link(self.engine, readonly=True)

    def _settle(self, member: Member) -> None:
        tx = member.tx
        if tx is None:
            return
        for callback in tx.callbacks:
            callback()
        if tx.notices:
            self._bus.tell(tx.notices)

    def _start_writer(self) -> None:
        with self._starting:
            if self._writer is None:
                thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
                thread.start()
                self._writer = thread

    def _run(self) -> None:
        link = Link(self.engine, readonly=False)
        try:
            while (first := self._queue.get()) is not None:
                if not self._serve(link, first):
                    break
        finally:
            link.close()

    def _serve(self, link: Link, first: Member) -> bool:
        batch = [first]
        more = True
        try:
            more = self._batch(link, first, batch)
        except Exception:  # whatever ended the batch, each member alone gets its own answer
            _rollback(link.raw)
            for member in batch:
                self._alone(link, member)
        for member in batch:
            member.done.release()
        return more

    def _batch(self, link: Link, first: Member, batch: list[Member]) -> bool:
        raw, more = link.raw, True
        raw.execute("BEGIN IMMEDIATE")
        self._member(link, first)
        while len(batch) < MAX_BATCH:
            try:
                member = self._queue.get_nowait()
            except Empty:
                break
            if member is None:
                more = False
                break
            batch.append(member)
            self._member(link, member)
        self._write_records(batch)
        raw.execute("COMMIT")
        return more

    def _member(self, link: Link, member: Member) -> None:
        raw = link.raw
        raw.execute("SAVEPOINT member")
        self._call(link, member)
        if not raw.in_transaction:
            raise BatchLostError
        if member.error is not None:
            raw.execute("ROLLBACK TO member")
        raw.execute("RELEASE member")

    @staticmethod
    def _write_records(batch: list[Member]) -> None:
        """The trail's records of those members that held, in a few statements for all of them."""
        held = [member.tx for member in batch if member.tx is not None and member.error is None]
        if held:
            held[0].write_records([record for tx in held for record in tx.records])

    def _alone(self, link: Link, member: Member) -> None:
        raw = link.raw
        try:
            raw.execute("BEGIN IMMEDIATE")
            self._call(link, member)
            if member.error is None:
                self._write_records([member])
                raw.execute("COMMIT")
        except Exception as error:  # the caller is the one to hear of it
            member.error = error
        _rollback(raw)

    def _call(self, link: Link, member: Member) -> None:
        member.error = None
        tx = Tx(link.conn, link.raw, self._statements, self._clock, self._ids, writable=True)
        member.tx = tx
        try:
            with inside_write():
                member.result = member.fn(tx)
        except BaseException as error:  # raised to the member's own caller; only its savepoint is undone
            member.error = error


def _rollback(raw: sqlite3.Connection) -> None:
    if raw.in_transaction:
        with suppress(sqlite3.Error):
            raw.execute("ROLLBACK")


def _lock_folder(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise AlreadyOpenError(f"another process holds {path}") from None
    return handle


def _engine(path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -16384",
            "wal_autocheckpoint = 16000",
            "temp_store = MEMORY",
        ):
            raw.execute(f"PRAGMA {pragma}")
        return raw

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")
