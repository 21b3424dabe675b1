"""The trail's queue: durable soon, pushing back, dropping nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.gateway.audit import Auditor
from tests.unit.gateway.house import Store


def record(number: int) -> Callable[[], dict[str, Any]]:
    """Makes a record when asked."""
    return lambda: {"n": number}


def broken() -> dict[str, Any]:
    """A record that cannot be made."""
    raise ValueError("no such shape")


def test_what_waits_becomes_durable_by_itself() -> None:
    store, written = Store(), threading.Event()
    kept = store.write

    def write(fn: Any) -> Any:
        result = kept(fn)
        written.set()
        return result

    store.write = write  # type: ignore[method-assign]
    auditor = Auditor(store, interval=0.001)
    auditor.later(record(1))
    assert written.wait(60)
    auditor.stop()
    assert store.records == [{"n": 1}]


def test_a_full_queue_makes_its_caller_write() -> None:
    store = Store()
    auditor = Auditor(store, interval=60, bound=10)
    for number in range(9):
        auditor.later(record(number))
    assert auditor.full
    assert store.records == []
    auditor.later(record(9))
    assert [r["n"] for r in store.records] == list(range(10))
    assert not auditor.full


def test_what_cannot_be_written_now_is_kept_in_order_for_later() -> None:
    store = Store()
    auditor = Auditor(store, interval=60)
    for number in range(250):
        auditor.later(record(number))
    store.away = True
    with pytest.raises(AwsError):
        auditor.flush()
    auditor.later(record(250))
    store.away = False
    auditor.flush()
    assert [r["n"] for r in store.records] == list(range(251))


def test_other_writers_get_their_turn_between_two_parts_of_a_long_queue() -> None:
    store = Store()
    auditor = Auditor(store, interval=60)
    for number in range(250):
        auditor.later(record(number))
    auditor.flush()
    assert [len(records) for _, records in store.writes] == [100, 100, 50]


def test_one_record_that_cannot_be_made_holds_back_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    auditor = Auditor(store, interval=60)
    auditor.later(record(1))
    auditor.later(broken)
    auditor.later(record(2))
    with caplog.at_level(logging.ERROR):
        auditor.flush()
    assert [r["n"] for r in store.records] == [1, 2]
    assert "could not be built" in caplog.text


def test_stopping_writes_what_waits() -> None:
    store = Store()
    auditor = Auditor(store, interval=0.001)
    auditor.later(record(1))
    auditor.stop()
    assert store.records == [{"n": 1}]
