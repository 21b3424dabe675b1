"""Fresh databases for tests: the tables are made once a process, then copied; making them takes a tenth of a second."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from codeyard.storage.schema import schema
from codeyard.storage.sqlite import SqliteDatabase

Make = Callable[[SqliteDatabase], None]


@contextmanager
def copied_databases() -> Iterator[None]:
    """Within it, an empty SQLite database gets its tables by a copy of the first one that was made in the same way."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("create", "create_all"):
            patch.setattr(SqliteDatabase, name, _copying(getattr(SqliteDatabase, name)))
        yield


def _copying(make: Make) -> Make:
    made: dict[int, sqlite3.Connection] = {}  # by the number of tables: importing a module adds its own

    def create(db: SqliteDatabase) -> None:
        with db.engine.connect() as conn:
            raw: Any = conn.connection.driver_connection
            empty = not raw.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            if empty and len(schema.tables) in made:
                made[len(schema.tables)].backup(raw)
                return
        make(db)
        if empty:
            with db.engine.connect() as conn:
                made[len(schema.tables)] = copy = sqlite3.connect(":memory:", check_same_thread=False)
                conn.connection.driver_connection.backup(copy)  # type: ignore[union-attr]

    return create
