"""The engine's promises, each on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.engine import Engine, SystemClock
from codeyard.engine.effects import MAX_ATTEMPTS
from codeyard.engine.housekeeping import tidy
from codeyard.engine.loop import NeverSettlesError
from codeyard.storage.system import audit, dirty, effects, outbox, timers
from tests.unit.engine.bench import World

Make = Callable[..., World]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the test's world."""
    made: list[World] = []

    def make(**parts: Any) -> World:
        made.append(World(tmp_path, url=database_url, **parts))
        return made[-1]

    yield make
    for one in made:
        one.close()


def rows(world: World, table: sa.Table) -> list[Any]:
    return world.db.read(lambda tx: tx.all(sa.select(table)))


def test_every_fan_out_sees_every_event_once_in_order_and_the_outbox_is_empty(world: Make) -> None:
    one = world()
    first: list[str] = []
    second: list[Any] = []
    one.kit.outbox.register(lambda tx, event: first.append(event.id))
    one.kit.outbox.register(lambda tx, event: second.append(event.detail["n"]))
    ids = [one.emit(n=n) for n in range(120)]
    one.engine.settle()
    assert first == ids
    assert second == list(range(120))
    assert rows(one, outbox) == []


def test_what_a_fan_out_writes_commits_with_the_closing_of_the_event(world: Make) -> None:
    calls: list[str] = []
    one = world(effects={"t.deliver": lambda token, payload: calls.append(payload["to"])})
    one.kit.outbox.register(lambda tx, event: tx.effect("t.deliver", event.id, {"to": event.detail["to"]}))
    one.emit(to="a")
    one.engine.settle()
    assert calls == ["a"]


def test_an_event_that_cannot_be_fanned_out_waits_alone_and_is_not_lost(world: Make) -> None:
    one = world()
    seen: list[int] = []
    broken = [True]

    def fan_out(tx: Any, event: Any) -> None:
        if event.detail["n"] == 1 and broken[0]:
            raise ValueError("bad rule")
        tx.after_commit(lambda: seen.append(event.detail["n"]))

    one.kit.outbox.register(fan_out)
    for n in range(3):
        one.emit(n=n)
    one.engine.settle()
    assert seen == [0, 2]
    assert [row.error for row in rows(one, outbox)] == ["ValueError: bad rule"]
    broken[0] = False
    one.clock.advance(1)
    one.engine.settle()
    assert seen == [0, 2, 1]


def test_an_effect_is_called_once_for_a_token_however_often_it_is_asked_for(world: Make) -> None:
    calls: list[str] = []
    one = world(effects={"t.call": lambda token, payload: calls.append(token)})
    for _ in range(2):
        one.db.write(lambda tx: tx.effect("t.call", "x", {}))
        one.engine.settle()
    assert calls == ["x"]


def test_an_effect_may_be_asked_for_at_a_later_time(world: Make) -> None:
    calls: list[str] = []
    one = world(effects={"t.call": lambda token, payload: calls.append(token)})
    one.db.write(lambda tx: tx.effect("t.call", "x", {}, at=one.clock.now() + 5_000_000))
    one.engine.settle()
    assert calls == []
    one.clock.advance(5)
    one.engine.settle()
    assert calls == ["x"]


def test_a_failing_effect_is_tried_again_with_growing_pauses_and_then_parked_with_its_error(world: Make) -> None:
    times: list[int] = []

    def fail(token: str, payload: dict[str, Any]) -> None:
        times.append(one.clock.now())
        raise OSError("unreachable")

    one = world(effects={"t.call": fail})
    one.db.write(lambda tx: tx.effect("t.call", "x", {}))
    for _ in range(MAX_ATTEMPTS + 5):
        one.engine.settle()
        one.clock.advance(301)
    assert len(times) == MAX_ATTEMPTS
    (row,) = rows(one, effects)
    assert (row.state, row.error) == ("parked", "OSError: unreachable")


def test_the_first_retry_of_an_effect_comes_within_a_second(world: Make) -> None:
    calls: list[str] = []

    def once(token: str, payload: dict[str, Any]) -> None:
        calls.append(token)
        if len(calls) == 1:
            raise OSError

    one = world(effects={"t.call": once})
    one.db.write(lambda tx: tx.effect("t.call", "x", {}))
    one.engine.settle()
    one.clock.advance(0.25)
    one.engine.settle()
    assert calls == ["x", "x"]


def test_marks_are_coalesced_and_one_that_comes_meanwhile_is_not_lost(world: Make) -> None:
    seen: list[str] = []

    def look(key: str) -> None:
        seen.append(key)
        if len(seen) == 1:
            one.dirty("t.thing", key)

    one = world(reconcilers={"t.thing": look})
    for _ in range(3):
        one.dirty("t.thing", "a")
    one.engine.settle()
    assert seen == ["a", "a"]
    assert rows(one, dirty) == []


def test_a_failing_reconciler_is_asked_again_later_and_holds_nobody_up(world: Make) -> None:
    seen: list[str] = []
    broken = [True]

    def look(key: str) -> None:
        if key == "bad" and broken[0]:
            raise KeyError(key)
        seen.append(key)

    one = world(reconcilers={"t.thing": look})
    one.dirty("t.thing", "bad")
    one.dirty("t.thing", "good")
    one.engine.settle()
    assert seen == ["good"]
    broken[0] = False
    one.clock.advance(1)
    one.engine.settle()
    assert seen == ["good", "bad"]


def test_a_kind_that_no_part_has_waits_with_its_reason(world: Make) -> None:
    one = world()
    one.dirty("t.unknown", "x")
    one.db.write(lambda tx: tx.effect("t.unknown", "x", {}))
    one.engine.settle()
    assert "no part has the reconciler t.unknown" in rows(one, dirty)[0].error
    assert "no part has the effect t.unknown" in rows(one, effects)[0].error


def test_a_timer_marks_its_key_when_its_time_comes_and_not_before(world: Make) -> None:
    seen: list[str] = []
    one = world(reconcilers={"t.thing": seen.append})
    start = one.clock.now()
    one.db.write(
        lambda tx: [tx.timer("t.thing", key, start + at) for key, at in (("a", 10), ("b", 20_000_000), ("c", 10))]
    )
    one.db.write(lambda tx: tx.cancel_timer("t.thing", "c"))
    one.engine.settle()
    assert seen == []
    one.clock.advance(1)
    one.engine.settle()
    assert seen == ["a"]
    one.clock.advance(30)
    one.engine.settle()
    assert seen == ["a", "b"]
    assert rows(one, timers) == []


def test_settling_ends_with_an_error_when_work_makes_work_without_end(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codeyard.engine.loop.ROUNDS", 20)
    one = world(reconcilers={"t.thing": lambda key: one.dirty("t.thing", key)})
    one.dirty("t.thing", "a")
    with pytest.raises(NeverSettlesError):
        one.engine.settle()


def test_two_parts_may_not_register_the_same_kind(world: Make) -> None:
    one = world(reconcilers={"t.thing": lambda key: None})
    with pytest.raises(ValueError, match=r"t\.thing"):
        Engine(one.kit, [*one.parts, *one.parts])


def test_a_running_engine_wakes_on_the_commit_and_runs_one_key_at_a_time(world: Make) -> None:
    busy: set[str] = set()
    done, overlapped = threading.Semaphore(0), threading.Event()
    guard = threading.Lock()

    def look(key: str) -> None:
        with guard:
            if key in busy:
                overlapped.set()
            busy.add(key)
        threading.Event().wait(0.002)
        with guard:
            busy.discard(key)
        done.release()

    one = world(reconcilers={"t.thing": look}, clock=SystemClock())
    one.engine.start()
    try:
        for number in range(40):
            one.dirty("t.thing", f"k{number % 4}")
        assert done.acquire(timeout=60)
        one.engine.settle()
    finally:
        one.engine.stop()
    assert not overlapped.is_set()
    assert rows(one, dirty) == []


def test_a_running_engine_fires_a_timer_on_time_without_a_sweep(world: Make) -> None:
    fired = threading.Event()
    one = world(reconcilers={"t.thing": lambda key: fired.set()}, clock=SystemClock())
    one.engine.start()
    try:
        one.db.write(lambda tx: tx.timer("t.thing", "a", one.clock.now() + 50_000))
        assert fired.wait(60)
    finally:
        one.engine.stop()


def test_a_running_engine_heeds_a_clock_that_is_moved(world: Make) -> None:
    fired = threading.Event()
    one = world(reconcilers={"t.thing": lambda key: fired.set()})
    one.engine.start()
    try:
        one.db.write(lambda tx: tx.timer("t.thing", "a", one.clock.now() + 3_600_000_000))
        one.clock.advance(3600)
        assert fired.wait(60)
    finally:
        one.engine.stop()


def test_two_servers_on_one_database_do_not_run_a_key_at_once(postgres_url: str, tmp_path: Path) -> None:
    inside, go, runs = threading.Event(), threading.Event(), []

    def slow(key: str) -> None:
        runs.append("first")
        inside.set()
        go.wait(60)

    first = World(tmp_path / "1", url=postgres_url, reconcilers={"t.thing": slow})
    second = World(tmp_path / "2", url=postgres_url, reconcilers={"t.thing": lambda key: runs.append("second")})
    first.dirty("t.thing", "a")
    holder = threading.Thread(target=first.engine.settle)
    holder.start()
    assert inside.wait(60)
    second.engine.settle()
    assert runs == ["first"]
    go.set()
    holder.join()
    second.clock.advance(2)
    second.engine.settle()
    assert runs == ["first"], "the mark is gone with the run that saw it"
    first.close()
    second.close()


def test_old_rows_are_tidied_away_and_new_ones_stay(world: Make) -> None:
    one = world(effects={"t.call": lambda token, payload: None})
    record = {"eventID": "old", "eventName": "X", "resources": [{"ARN": "arn:x"}]}
    one.db.write(lambda tx: [tx.audit(record, time_us=one.clock.now()), tx.effect("t.call", "old", {})])
    one.engine.settle()
    one.clock.advance(91 * 86_400)
    one.db.write(lambda tx: [tx.audit(record | {"eventID": "new"}), tx.effect("t.call", "new", {})])
    one.engine.settle()
    tidy(one.db, one.kit.blobs, one.clock, one.kit.settings)
    assert [row.event_id for row in rows(one, audit)] == ["new"]
    assert [row.token for row in rows(one, effects)] == ["new"]
