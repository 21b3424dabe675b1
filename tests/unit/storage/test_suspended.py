"""Calls on the event loop's thread step aside while their writes become durable."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.engine import SystemClock, SystemIds
from codeyard.storage import Tx
from codeyard.storage.sqlite import SqliteDatabase
from codeyard.storage.suspended import current_call
from tests.unit.storage.things import things


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """A database of files."""
    made = SqliteDatabase(tmp_path / "codeyard.db", SystemClock(), SystemIds())
    made.create_all()
    yield made
    made.close()


def put(db: SqliteDatabase, name: str, seen: Callable[[], None] = lambda: None) -> None:
    def fn(tx: Tx) -> None:
        tx.insert(things, id=name, count=0, raw=b"")
        seen()

    db.write(fn)


def names(db: SqliteDatabase) -> list[str]:
    return [row.id for row in db.read(lambda tx: tx.all(sa.select(things.c.id).order_by(things.c.id)))]


def on_loop(start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(start(), 30))


async def ended(db: SqliteDatabase, runs: list[Callable[[], None]]) -> list[int]:
    """Start the calls together; in which order they ended."""
    over: list[int] = []
    done = asyncio.Event()

    def run(number: int) -> None:
        runs[number]()
        over.append(number)
        if len(over) == len(runs):
            done.set()

    for number in range(len(runs)):
        db.calls.start(lambda number=number: run(number))
    await done.wait()
    return over


def test_a_call_steps_aside_and_goes_on_when_its_write_can_be_read(db: SqliteDatabase) -> None:
    seen: list[Any] = []

    def run() -> None:
        put(db, "a")
        seen.append(names(db))

    async def main() -> None:
        going = ended(db, [run])
        task = asyncio.ensure_future(going)
        await asyncio.sleep(0)
        seen.append("aside")
        await task

    on_loop(main)
    assert seen == ["aside", ["a"]]


def test_writes_of_one_turn_run_on_the_loops_thread_and_commit_together(db: SqliteDatabase) -> None:
    put(db, "first")
    commits: list[str] = []
    writer = db._the_writer()
    threads: list[int] = []

    async def main() -> None:
        writer._raw.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        seen = lambda: threads.append(threading.get_ident())  # noqa: E731
        await ended(db, [lambda n=n: put(db, f"k{n}", seen) for n in range(8)])

    on_loop(main)
    assert threads == [threading.get_ident()] * 8
    assert commits == ["COMMIT"]
    assert len(names(db)) == 9


def test_an_error_reaches_its_own_call_and_undoes_only_its_write(db: SqliteDatabase) -> None:
    caught: list[str] = []

    def failing() -> None:
        def fn(tx: Tx) -> None:
            tx.insert(things, id="lost", count=0, raw=b"")
            raise AwsError("Nope")

        try:
            db.write(fn)
        except AwsError as error:
            caught.append(error.code)

    on_loop(lambda: _all(db, [lambda: put(db, "a"), failing, lambda: put(db, "b")]))
    assert (caught, names(db)) == (["Nope"], ["a", "b"])


async def _all(db: SqliteDatabase, runs: list[Callable[[], None]]) -> None:
    await ended(db, runs)


def test_while_others_write_the_loop_goes_on(db: SqliteDatabase) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        begun.set()
        assert let_go.wait(30)

    other = threading.Thread(target=db.write, args=(slow,))
    other.start()
    assert begun.wait(30)

    async def main() -> None:
        task = asyncio.ensure_future(ended(db, [lambda: put(db, "a"), lambda: put(db, "b")]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        let_go.set()
        await task

    on_loop(main)
    other.join()
    assert names(db) == ["a", "b"]


def test_when_a_commit_fails_each_write_has_its_own_fate(db: SqliteDatabase) -> None:
    put(db, "first")
    writer, failures = db._the_writer(), []
    real = writer._commit

    def broken(batch: Any) -> None:
        if len(batch) > 1:
            failures.append(len(batch))
            raise sqlite3.OperationalError("disk I/O error")
        real(batch)

    writer._commit = broken  # type: ignore[method-assign]
    on_loop(lambda: _all(db, [lambda n=n: put(db, f"k{n}") for n in range(3)]))
    assert failures == [3]
    assert names(db) == ["first", "k0", "k1", "k2"]


def test_more_than_one_turn_holds_are_all_written(db: SqliteDatabase) -> None:
    on_loop(lambda: _all(db, [lambda n=n: put(db, f"k{n:03}") for n in range(100)]))
    assert len(names(db)) == 100


def test_calls_and_threads_write_side_by_side(db: SqliteDatabase) -> None:
    threads = [threading.Thread(target=lambda t=t: [put(db, f"t{t}-{n}") for n in range(50)]) for t in range(4)]
    for thread in threads:
        thread.start()

    async def main() -> None:
        for turn in range(25):
            await ended(db, [lambda n=n, turn=turn: put(db, f"c{turn}-{n}") for n in range(8)])

    on_loop(main)
    for thread in threads:
        thread.join()
    assert len(names(db)) == 4 * 50 + 25 * 8


def test_a_call_runs_where_the_one_before_it_ended(db: SqliteDatabase) -> None:
    seen: list[Any] = []

    async def main() -> None:
        for name in ("a", "b", "c"):
            await ended(db, [lambda name=name: (seen.append(current_call()), put(db, name))])

    on_loop(main)
    assert seen[0] is not None
    assert seen == [seen[0]] * 3
    assert names(db) == ["a", "b", "c"]


def test_what_waits_for_the_next_call_holds_nothing_of_the_last(db: SqliteDatabase) -> None:
    class Request:
        """What a call holds."""

    gone: list[Any] = []

    async def main() -> None:
        request = Request()
        gone.append(weakref.ref(request))
        db.calls.start(lambda request=request: None)

    on_loop(main)
    assert gone[0]() is None
