"""The embedded database's one writer: whose turn it is, and what commits together.

A writer thread takes what waits, each in its own savepoint, and commits as soon as the queue is empty: one fsync for
all. Code that must not wait (`run_here`) may run its writes on its own thread while nobody else writes, and leaves
only the commit to a thread. Nobody hears of a result before the commit. When a batch fails outside one member's
savepoint (a full disk, a failed commit) every member is run again alone.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import sqlalchemy as sa

from codeyard.storage.guard import inside_write
from codeyard.storage.tx import Tx

MAX_BATCH = 256
MAX_WAITING = 4096


class BatchLostError(Exception):
    """The transaction ended under its members."""


class Member:
    """One caller's write. `done` is called, on a thread of the writer's, once its fate is known."""

    __slots__ = ("done", "error", "fn", "result", "tx")

    def __init__(self, fn: Callable[[Tx], Any], done: Callable[[], object]) -> None:
        self.fn, self.done = fn, done
        self.tx: Tx | None = None
        self.result: Any = None
        self.error: BaseException | None = None


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


class Writer:
    """Runs members' functions in transactions of `link`, one transaction at a time."""

    def __init__(self, link: Link, begin: Callable[[Link], Tx]) -> None:
        self._link, self._raw, self._begin = link, link.raw, begin
        self._turn = threading.Lock()
        self._queue: SimpleQueue[Member | None] = SimpleQueue()
        self._commits: SimpleQueue[tuple[Sequence[Member], bool, Callable[[], object]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name="sqlite-writer", daemon=True),
            threading.Thread(target=self._run_commits, name="sqlite-commit", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def crowded(self) -> bool:
        """Whether so much waits that one more should be turned away."""
        return self._queue.qsize() > MAX_WAITING

    def put(self, member: Member) -> None:
        """Have the writer thread run it."""
        self._queue.put(member)

    def run_here(self, batch: Sequence[Member], then: Callable[[], object]) -> bool:
        """Run the batch on this thread; another commits it and calls `then` (and no member's `done`).

        False, with nothing done, while others write.
        """
        if not self._turn.acquire(blocking=False):
            return False
        self._commits.put((batch, self._filled(batch), then))
        return True

    def close(self) -> None:
        """Finish what waits, then close the connection."""
        self._queue.put(None)
        self._commits.put(None)
        for thread in self._threads:
            thread.join(timeout=10)
        self._link.close()

    def _run(self) -> None:
        more = True
        while more and (first := self._queue.get()) is not None:
            batch = [first]
            with self._turn:
                held, more = self._taken(batch)
                self._settle(batch, held)
            for member in batch:
                member.done()

    def _run_commits(self) -> None:
        while (item := self._commits.get()) is not None:
            batch, held, then = item
            try:
                self._settle(batch, held)
            finally:
                self._turn.release()
            then()

    def _taken(self, batch: list[Member]) -> tuple[bool, bool]:
        """Run the first and all that wait behind it: (whether the transaction holds, whether more may come)."""
        held, more = self._filled(batch), True
        while held and len(batch) < MAX_BATCH:
            try:
                member = self._queue.get_nowait()
            except Empty:
                break
            if member is None:
                more = False
                break
            batch.append(member)
            held = self._tried(self._member, member)
        return held, more

    def _filled(self, batch: Sequence[Member]) -> bool:
        """Begin a transaction and run them in it; False when it was lost."""
        return self._tried(self._raw.execute, "BEGIN IMMEDIATE") and all(
            self._tried(self._member, member) for member in batch
        )

    @staticmethod
    def _tried(step: Callable[[Any], Any], argument: Any) -> bool:
        try:
            step(argument)
        except Exception:  # whatever ended the batch, each member alone gets its own answer
            return False
        return True

    def _settle(self, batch: Sequence[Member], held: bool) -> None:
        """Commit; or undo all of it and run each member alone."""
        if held and self._tried(self._commit, batch):
            return
        self._roll_back()
        for member in batch:
            self._alone(member)

    def _commit(self, batch: Sequence[Member]) -> None:
        self._write_records(batch)
        self._raw.execute("COMMIT")

    def _member(self, member: Member) -> None:
        raw = self._raw
        raw.execute("SAVEPOINT member")
        self._call(member)
        if not raw.in_transaction:
            raise BatchLostError
        if member.error is not None:
            raw.execute("ROLLBACK TO member")
        raw.execute("RELEASE member")

    @staticmethod
    def _write_records(batch: Sequence[Member]) -> None:
        """The trail's records of those members that held, in a few statements for all of them."""
        held = [member.tx for member in batch if member.tx is not None and member.error is None]
        if held:
            held[0].write_records([record for tx in held for record in tx.records])

    def _alone(self, member: Member) -> None:
        try:
            self._raw.execute("BEGIN IMMEDIATE")
            self._call(member)
            if member.error is None:
                self._commit([member])
        except Exception as error:  # the caller is the one to hear of it
            member.error = error
        self._roll_back()

    def _call(self, member: Member) -> None:
        member.error, member.tx = None, self._begin(self._link)
        try:
            with inside_write():
                member.result = member.fn(member.tx)
        except BaseException as error:  # raised to the member's own caller; only its savepoint is undone
            member.error = error

    def _roll_back(self) -> None:
        if self._raw.in_transaction:
            with suppress(sqlite3.Error):
                self._raw.execute("ROLLBACK")
