"""The Database port, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError, Event
from codeyard.engine import ManualClock, SystemClock, SystemIds
from codeyard.storage import Database, Tx, WriteGuardError, assert_not_writing, loads, open_database
from codeyard.storage.sqlite import AlreadyOpenError, SqliteDatabase
from codeyard.storage.system import audit, audit_resources, dirty, effects, outbox, timers
from tests.support.postgres import opened
from tests.unit.storage.things import things


def put(tx: Tx, name: str, count: int = 0) -> None:
    tx.insert(things, id=name, count=count, raw=b"\x00\xff")


def count(db: Database, name: str) -> Any:
    return db.read(lambda tx: tx.scalar(sa.select(things.c.count).where(things.c.id == name)))


def test_what_was_written_is_read_back_with_its_types(db: Database) -> None:
    db.write(lambda tx: put(tx, "a", 1 << 50))
    row = db.read(lambda tx: tx.one(sa.select(things).where(things.c.id == "a")))
    assert row is not None
    assert (row.id, row.count, bytes(row.raw)) == ("a", 1 << 50, b"\x00\xff")


def test_an_upsert_inserts_and_then_changes_the_row_that_is_there(db: Database) -> None:
    for value in (1, 2):
        db.write(lambda tx, value=value: tx.upsert(things, {"id": "a"}, {"count": value}))
        assert count(db, "a") == value


def test_an_upsert_without_values_leaves_the_row_as_it_is(db: Database) -> None:
    db.write(lambda tx: put(tx, "a", 5))
    db.write(lambda tx: tx.upsert(things, {"id": "a"}, {}))
    assert count(db, "a") == 5


def test_an_exception_undoes_its_own_write_and_reaches_its_caller(db: Database) -> None:
    def fail(tx: Tx) -> None:
        put(tx, "a")
        raise AwsError("Nope")

    with pytest.raises(AwsError, match="Nope"):
        db.write(fail)
    assert count(db, "a") is None


def test_a_failing_member_of_a_group_leaves_the_others_written(db: Database) -> None:
    barrier = threading.Barrier(8)

    def one(number: int) -> bool:
        barrier.wait()

        def fn(tx: Tx) -> None:
            put(tx, f"k{number}", number)
            if number % 2:
                raise AwsError("Odd")

        try:
            db.write(fn)
        except AwsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert results == [number % 2 == 0 for number in range(8)]
    left = db.read(lambda tx: tx.all(sa.select(things.c.id).order_by(things.c.id)))
    assert [row.id for row in left] == ["k0", "k2", "k4", "k6"]


def test_a_duplicate_key_is_an_integrity_error_of_its_caller_alone(db: Database) -> None:
    db.write(lambda tx: put(tx, "a"))
    with pytest.raises(sa.exc.IntegrityError):
        db.write(lambda tx: put(tx, "a"))
    db.write(lambda tx: put(tx, "b"))
    assert count(db, "b") == 0


def test_increments_of_many_threads_are_all_counted(db: Database) -> None:
    db.write(lambda tx: put(tx, "a", 0))

    def add(tx: Tx) -> None:
        now = tx.scalar(sa.select(things.c.count).where(things.c.id == "a"))
        tx.execute(sa.update(things).where(things.c.id == "a").values(count=now + 1))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(db.write, add) for _ in range(40)]:
            done.result()
    assert count(db, "a") == 40


@pytest.mark.parametrize("inner", ["write", "read"])
def test_a_write_function_may_not_open_another_transaction(db: Database, inner: str) -> None:
    with pytest.raises(WriteGuardError):
        db.write(lambda tx: getattr(db, inner)(lambda other: None))


def test_whatever_asks_the_guard_is_refused_inside_a_write_and_free_outside(db: Database) -> None:
    assert_not_writing("a call")
    with pytest.raises(WriteGuardError, match="a call inside a write function"):
        db.write(lambda tx: assert_not_writing("a call"))
    assert_not_writing("a call")


def test_a_read_cannot_write(db: Database) -> None:
    with pytest.raises(RuntimeError):
        db.read(lambda tx: tx.dirty("kind", "key"))
    with pytest.raises(sa.exc.DBAPIError):
        db.read(lambda tx: put(tx, "a"))
    assert count(db, "a") is None


def test_a_read_sees_one_snapshot_while_others_write(db: Database) -> None:
    db.write(lambda tx: put(tx, "a", 1))

    def twice(tx: Tx) -> tuple[int, int]:
        query = sa.select(things.c.count).where(things.c.id == "a")
        first = tx.scalar(query)
        writer = threading.Thread(
            target=lambda: db.write(lambda other: other.execute(sa.update(things).values(count=2)))
        )
        writer.start()
        writer.join()
        return first, tx.scalar(query)

    assert db.read(twice) == (1, 1)
    assert count(db, "a") == 2


def test_callbacks_run_after_the_commit_and_not_after_a_failure(db: Database) -> None:
    seen: list[Any] = []

    def good(tx: Tx) -> None:
        put(tx, "a", 7)
        tx.after_commit(lambda: seen.append(count(db, "a")))

    def bad(tx: Tx) -> None:
        tx.after_commit(lambda: seen.append("bad"))
        raise ValueError

    db.write(good)
    with pytest.raises(ValueError):
        db.write(bad)
    assert seen == [7]


def test_a_notification_reaches_subscribers_after_the_commit_and_stops_when_they_leave(db: Database) -> None:
    heard: list[str] = []
    leave = db.subscribe("iam", heard.append)
    db.write(lambda tx: tx.notify("iam", "role"))
    db.notify("iam", "now")
    with pytest.raises(ValueError):
        db.write(lambda tx: [tx.notify("iam", "never"), int("x")])
    leave()
    db.notify("iam", "late")
    # A listener that has just connected wakes everybody with an empty message: something may have been missed.
    assert [message for message in heard if message] == ["role", "now"]


def test_text_keys_are_ordered_by_code_point(db: Database) -> None:
    names = ["b", "B", "a", "Z", "ä", "_", "10", "2"]
    db.write(lambda tx: [put(tx, name) for name in names])
    rows = db.read(lambda tx: tx.all(sa.select(things.c.id).order_by(things.c.id)))
    assert [row.id for row in rows] == sorted(names)


def test_system_rows_join_the_write_that_made_them(db: Database) -> None:
    def work(tx: Tx) -> None:
        tx.emit(Event("codeyard", "Test", {"a": [1]}, "1", "us-east-1", 5, ("arn:x",)))
        tx.effect("s.call", "t1", {"x": 1})
        tx.effect("s.call", "t1", {"x": 2})
        tx.timer("s.look", "k", 9)
        tx.timer("s.look", "k", 11)
        tx.dirty("s.look", "k")
        tx.dirty("s.look", "k")

    db.write(work)
    with pytest.raises(ValueError):
        db.write(lambda tx: [work(tx), int("x")])
    tables = (outbox, effects, timers, dirty)
    counts = [db.read(lambda tx, t=table: tx.scalar(sa.select(sa.func.count()).select_from(t))) for table in tables]
    assert counts == [1, 1, 1, 1]
    assert db.read(lambda tx: tx.scalar(sa.select(timers.c.at))) == 11
    assert db.read(lambda tx: tx.scalar(sa.select(effects.c.payload))) == '{"x":1}'


def test_a_mark_on_a_dirty_row_raises_its_number_even_when_the_clock_stands(database_url: str) -> None:
    db = opened(database_url, ManualClock())
    numbers = []
    for _ in range(3):
        db.write(lambda tx: tx.dirty("k", "x"))
        numbers.append(db.read(lambda tx: tx.scalar(sa.select(dirty.c.seq))))
    db.close()
    assert numbers == sorted(set(numbers))


def test_a_trail_record_is_found_by_what_lookup_events_asks_for(db: Database) -> None:
    record = {
        "eventID": "e1",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventName": "CreateThing",
        "eventSource": "things.amazonaws.com",
        "awsRegion": "us-east-1",
        "recipientAccountId": "123456789012",
        "readOnly": False,
        "userIdentity": {"type": "IAMUser", "userName": "ann", "accessKeyId": "AKIA"},
        "resources": [{"ARN": "arn:aws:things:us-east-1:1:thing/one", "type": "AWS::Things::Thing"}],
    }
    db.write(lambda tx: tx.audit(record))
    row = db.read(lambda tx: tx.one(sa.select(audit)))
    assert row is not None
    assert (row.username, row.access_key_id, row.event_name, row.read_only) == ("ann", "AKIA", "CreateThing", 0)
    assert row.time // 1_000_000 == 1767323045
    names = db.read(lambda tx: tx.all(sa.select(audit_resources.c.resource_name)))
    assert {name for (name,) in names} == {"arn:aws:things:us-east-1:1:thing/one", "one"}


def test_a_second_process_is_refused_on_the_same_folder(tmp_path: Path) -> None:
    clock, ids = SystemClock(), SystemIds()
    first = open_database(tmp_path / "codeyard.db", clock, ids)
    with pytest.raises(AlreadyOpenError):
        open_database(tmp_path / "codeyard.db", clock, ids)
    first.close()
    open_database(tmp_path / "codeyard.db", clock, ids).close()


def test_when_the_batch_is_lost_each_member_is_run_again_alone(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "codeyard.db", SystemClock(), SystemIds())
    db.create_all()
    gate, runs = threading.Event(), [0]

    def slow(tx: Tx) -> None:
        gate.wait(60)
        put(tx, "slow")

    def breaks(tx: Tx) -> None:
        runs[0] += 1
        put(tx, "breaks")
        if runs[0] == 1:
            tx.sql("ROLLBACK")

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(db.write, fn) for fn in (slow, lambda tx: put(tx, "good"), breaks)]
        gate.set()
        for job in jobs:
            job.result(60)
    rows = db.read(lambda tx: tx.all(sa.select(things.c.id).order_by(things.c.id)))
    assert [row.id for row in rows] == ["breaks", "good", "slow"]
    assert runs[0] == 2
    db.close()


def test_what_was_answered_is_there_after_the_database_is_opened_again(database_url: str) -> None:
    first = opened(database_url)
    first.write(lambda tx: put(tx, "kept", 3))
    first.close()
    second = opened(database_url)
    assert count(second, "kept") == 3
    second.close()


def test_a_closed_database_takes_no_write(tmp_path: Path) -> None:
    db = opened(str(tmp_path / "codeyard.db"))
    db.close()
    with pytest.raises(RuntimeError):
        db.write(lambda tx: None)


BY_ID = sa.select(things).where(things.c.id == sa.bindparam("id"), things.c.count >= 1).order_by(things.c.id)
AMONG = sa.select(things).where(things.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(things.c.id)


def test_a_statement_that_is_kept_gives_the_same_rows_every_time(db: Database) -> None:
    db.write(lambda tx: [put(tx, name, count) for name, count in (("a", 1), ("b", 2), ("c", 0))])
    for _ in range(3):
        row = db.read(lambda tx: tx.one(BY_ID, {"id": "b"}))
        assert row is not None
        assert (row.id, row.count, bytes(row.raw), row._mapping["id"], tuple(row)[:2]) == (
            "b",
            2,
            b"\x00\xff",
            "b",
            ("b", 2),
        )
        assert db.read(lambda tx: tx.one(BY_ID, {"id": "c"})) is None
        assert [one.id for one in db.read(lambda tx: tx.all(BY_ID, {"id": "a"}))] == ["a"]
        assert db.read(lambda tx: tx.scalar(BY_ID, {"id": "a"})) == "a"


def test_a_kept_statement_with_a_list_of_any_length_is_right_every_time(db: Database) -> None:
    db.write(lambda tx: [put(tx, name) for name in "abc"])
    for names in (["a"], ["a", "b", "c"], [], ["c", "x"]):
        rows = db.read(lambda tx, names=names: tx.all(AMONG, {"ids": names}))
        assert [row.id for row in rows] == [name for name in names if name != "x"]


def test_a_kept_statement_is_right_inside_a_write_and_sees_its_own_rows(db: Database) -> None:
    def work(tx: Tx) -> list[Any]:
        found = []
        for name in ("a", "b"):
            put(tx, name, 5)
            found.append(tx.scalar(BY_ID, {"id": name}))
        return found

    assert db.write(work) == ["a", "b"]


def test_text_that_is_no_unicode_is_refused_as_the_callers_fault(db: Database) -> None:
    for call in (
        lambda: db.write(lambda tx: put(tx, "half\ud800")),
        lambda: db.read(lambda tx: tx.one(BY_ID, {"id": "half\ud800"})),
        lambda: db.write(lambda tx: tx.dirty("k", "half\ud800")),
    ):
        with pytest.raises(AwsError, match="cannot be stored"):
            call()


def test_a_trail_record_with_broken_text_is_kept_with_the_broken_letter_replaced(db: Database) -> None:
    record = {"eventID": "e", "eventName": "X", "requestParameters": {"name": ["half\ud800", b"raw"]}}
    db.write(lambda tx: tx.audit(record))
    kept = db.read(lambda tx: tx.scalar(sa.select(audit.c.record)))
    assert loads(kept)["requestParameters"]["name"] == ["half\ufffd", "cmF3"]
