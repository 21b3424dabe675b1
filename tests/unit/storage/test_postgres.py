"""What only shows with two connections on PostgreSQL: the portability rules of the one code path."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError, Event
from codeyard.engine import SystemClock, SystemIds
from codeyard.storage import Database, Tx
from codeyard.storage.postgres import PostgresDatabase
from codeyard.storage.system import outbox
from tests.support.postgres import opened
from tests.unit.storage.things import things

pytestmark = pytest.mark.postgres


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    """Two servers on one database."""
    two = (opened(postgres_url), opened(postgres_url))
    yield two
    for one in two:
        one.close()


def test_writes_that_cross_are_run_again_and_keep_their_rule(pair: tuple[Database, Database]) -> None:
    def claim(name: str) -> bool:
        barrier = threading.Barrier(2)
        waited = threading.local()

        def fn(tx: Tx) -> bool:
            held = tx.scalar(sa.select(sa.func.count()).select_from(things))
            if not getattr(waited, "once", False):
                waited.once = True
                barrier.wait(60)
            if held:
                return False
            tx.insert(things, id=f"{name}-{threading.get_ident()}", count=0)
            return True

        with ThreadPoolExecutor(2) as pool:
            got = [job.result(90) for job in [pool.submit(db.write, fn) for db in pair]]
        return sorted(got) == [False, True]

    assert claim("only-one")


def test_a_write_that_always_collides_ends_as_throttling(postgres_url: str) -> None:
    db = PostgresDatabase(postgres_url, SystemClock(), SystemIds())

    def collide(tx: Tx) -> None:
        tx.sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")

    with pytest.raises(AwsError) as caught:
        db.write(collide)
    assert caught.value.code == "ThrottlingException"
    db.close()


def test_a_busy_pool_ends_as_throttling(postgres_url: str) -> None:
    db = PostgresDatabase(postgres_url, SystemClock(), SystemIds(), pool=1, wait_s=0.1)
    inside, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        inside.set()
        go.wait(60)

    holder = threading.Thread(target=lambda: db.write(hold))
    holder.start()
    assert inside.wait(60)
    with pytest.raises(AwsError) as caught:
        db.write(lambda tx: None)
    go.set()
    holder.join()
    assert caught.value.code == "ThrottlingException"
    db.close()


def test_a_queue_read_by_row_state_misses_nothing_that_commits_late(pair: tuple[Database, Database]) -> None:
    first, second = pair
    inside, go = threading.Event(), threading.Event()

    def emit(tx: Tx, wait: bool) -> str:
        event_id = tx.emit(Event("codeyard", "T", {}, "1", "r", 0))
        if wait:
            inside.set()
            go.wait(60)
        return event_id

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(first.write, lambda tx: emit(tx, True))
        assert inside.wait(60)
        early = second.write(lambda tx: emit(tx, False))
        found = second.read(lambda tx: tx.all(sa.select(outbox.c.id)))
        assert [row.id for row in found] == [early]
        second.write(lambda tx: tx.execute(sa.delete(outbox).where(outbox.c.id == early)) and None)
        go.set()
        late_id = late.result(60)
    rest = second.read(lambda tx: tx.all(sa.select(outbox.c.id)))
    assert [row.id for row in rest] == [late_id]


def test_a_notification_reaches_the_other_server(pair: tuple[Database, Database]) -> None:
    first, second = pair
    heard, ready = threading.Event(), threading.Event()
    second.subscribe("iam", lambda message: heard.set() if message == "role" else ready.set())
    assert ready.wait(60), "the listener wakes everyone once it listens"
    first.write(lambda tx: tx.notify("iam", "role"))
    assert heard.wait(60)


def test_a_name_is_held_by_one_server_at_a_time(pair: tuple[Database, Database]) -> None:
    first, second = pair
    release = first.try_lock("dirty:x")
    assert release is not None
    assert second.try_lock("dirty:x") is None
    assert second.try_lock("dirty:y") is not None
    release()
    assert second.try_lock("dirty:x") is not None


def test_a_percent_sign_in_plain_sql_is_no_placeholder(pair: tuple[Database, Database]) -> None:
    assert pair[0].read(lambda tx: tx.sql("SELECT 7 % 4 + ?", (1,)).fetchone()[0]) == 4


def test_a_row_that_another_server_inserted_meanwhile_is_seen_by_the_second_look(
    pair: tuple[Database, Database],
) -> None:
    barrier = threading.Barrier(2)

    def claim(db: Database) -> str:
        first = [True]

        def fn(tx: Tx) -> str:
            taken = tx.one(sa.select(things).where(things.c.id == "name"))
            if first[0]:
                first[0] = False
                barrier.wait(60)
            if taken is not None:
                return "taken"
            tx.insert(things, id="name", count=0)
            return "mine"

        return db.write(fn)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(claim, pair)) == ["mine", "taken"]
