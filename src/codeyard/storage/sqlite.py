"""The embedded Database: SQLite in WAL, reader connections, and one writer that commits in groups.

A caller waits for its write: a thread by standing still, a call on the event loop's thread by stepping aside.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from codeyard.contract import Clock, Ids
from codeyard.storage.database import throttled, unstorable
from codeyard.storage.guard import assert_not_writing
from codeyard.storage.notify import Bus
from codeyard.storage.statements import Statements
from codeyard.storage.suspended import Calls, current_call
from codeyard.storage.trail import Followers
from codeyard.storage.tx import Tx
from codeyard.storage.writer import Link, Member, Writer

T = TypeVar("T")


class AlreadyOpenError(RuntimeError):
    """Another process serves this folder."""


class SqliteDatabase:
    """Implements the Database port on one file; `lock=True` refuses a second process on its folder."""

    def __init__(self, path: Path, clock: Clock, ids: Ids, *, lock: bool = True) -> None:
        self.path, self._clock, self._ids = path, clock, ids
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lockfile = _lock_folder(path.with_name("lock")) if lock else None
        self.engine = _engine(path)
        self._statements = Statements(self.engine.dialect)
        self._bus = Bus()
        self.followers = Followers()
        self._readers: deque[Link] = deque()
        self._closed = False
        self._writer: Writer | None = None
        self._starting = threading.Lock()
        self.calls = Calls(self._the_writer)

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` on a snapshot."""
        assert_not_writing("a read of its own")
        link = self._reader()
        raw = link.raw
        raw.execute("BEGIN")
        try:
            return fn(self._tx(link, writable=False))
        except UnicodeEncodeError:
            raise unstorable() from None
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            self._readers.append(link)

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` in the writer's transaction; durable when this returns."""
        assert_not_writing("another write")
        if self._closed:
            raise RuntimeError("the database is closed")
        writer = self._the_writer()
        if writer.crowded:
            raise throttled("too many writes are waiting")
        call = current_call()
        member = call.write(fn) if call is not None else _wait(writer, fn)
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
            self._writer.close()
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

    def _the_writer(self) -> Writer:
        """The one writer, begun at the first write."""
        if self._writer is None:
            with self._starting:
                if self._writer is None:
                    self._writer = Writer(Link(self.engine, readonly=False), partial(self._tx, writable=True))
        return self._writer

    def _tx(self, link: Link, *, writable: bool) -> Tx:
        return Tx(link.conn, link.raw, self._statements, self._clock, self._ids, self.followers, writable=writable)


def _wait(writer: Writer, fn: Callable[[Tx], Any]) -> Member:
    """The write, its fate known: this thread has waited for it."""
    done = threading.Lock()
    done.acquire()
    member = Member(fn, done.release)
    writer.put(member)
    done.acquire()
    return member


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
