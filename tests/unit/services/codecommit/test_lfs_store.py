"""Rows of large files, on both databases: one row an object and one lock a path, however many ask at once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.services.codecommit.lfs import store
from codeyard.services.codecommit.lfs.store import Lock
from codeyard.storage import Database
from tests.support.postgres import cluster, database_url, db, postgres_url

__all__ = ["cluster", "database_url", "db", "postgres_url"]

OID = "a" * 64


def at_once(db: Database, *writes: Any) -> list[Any]:
    """What each write answers, or the code of its refusal, when all begin together."""
    gate, answers = threading.Barrier(len(writes)), list[Any]()

    def run(write: Any) -> None:
        gate.wait(60)
        try:
            answers.append(db.write(write))
        except AwsError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=run, args=(write,)) for write in writes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def refs(db: Database) -> dict[str, int]:
    """How many rows hold each blob."""
    rows = db.read(lambda tx: tx.all(sa.text("SELECT id, refs FROM blobs")))
    return {row.id: row.refs for row in rows}


def test_of_two_uploads_at_once_one_is_kept_and_both_hear_which(db: Database) -> None:
    blobs = [letter * 32 for letter in "bcde"]
    answers = at_once(db, *(lambda tx, blob=blob: store.keep(tx, "r1", OID, 5, blob, 1) for blob in blobs))
    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert {blob: count for blob, count in refs(db).items() if count} == {answers[0]: 1}
    assert db.write(lambda tx: store.keep(tx, "r2", OID, 5, "f" * 32, 1)) == "f" * 32


def test_of_two_who_lock_a_path_at_once_one_has_it(db: Database) -> None:
    def take(tx: Any, number: int) -> str:
        if store.lock_of(tx, "r1", path="a.bin") is not None:
            raise AwsError("LfsLockExists")
        store.add_lock(tx, "r1", Lock(f"id{number}", "a.bin", "arn", "name", 1))
        return "taken"

    answers = at_once(db, *(lambda tx, number=number: take(tx, number) for number in range(4)))
    assert Counter(answers) == {"taken": 1, "LfsLockExists": 3}


@pytest.mark.parametrize("limit", [2, 200])
def test_a_repository_is_forgotten_bit_by_bit_and_another_is_left_alone(db: Database, limit: int) -> None:
    for number in range(5):
        oid, blob = f"{number:064x}", f"{number:032x}"
        db.write(lambda tx, oid=oid, blob=blob: store.keep(tx, "r1", oid, 5, blob, 1))
    db.write(lambda tx: store.keep(tx, "r2", OID, 5, "f" * 32, 1))
    db.write(lambda tx: store.add_lock(tx, "r1", Lock("id", "a.bin", "arn", "name", 1)))
    gone = []
    while some := db.write(lambda tx: store.forget_some(tx, "r1", limit)):
        gone.append(some)
    assert (sum(gone), max(gone)) == (5, min(limit, 5))
    assert {blob: count for blob, count in refs(db).items() if count} == {"f" * 32: 1}
    assert db.read(lambda tx: store.list_locks(tx, "r1")) == []
