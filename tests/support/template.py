"""Fresh databases for tests: the tables are made once a process, then copied; making them takes up to half a second."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from codeyard.storage.postgres import PostgresDatabase
from codeyard.storage.schema import schema
from codeyard.storage.sqlite import SqliteDatabase

Make = Callable[[Any], None]


@contextmanager
def copied_databases() -> Iterator[None]:
    """Within it, an empty database gets its tables by a copy of the first one that was made in the same way."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("create", "create_all"):
            patch.setattr(SqliteDatabase, name, _copying(getattr(SqliteDatabase, name)))
            patch.setattr(PostgresDatabase, name, _by_template(name, getattr(PostgresDatabase, name)))
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


def _by_template(way: str, make: Make) -> Make:
    made: dict[tuple[str, int], str] = {}  # by the cluster, and the number of tables

    def create(db: PostgresDatabase) -> None:
        name, place = str(db.engine.url.database), (str(db.engine.url.query["host"]), len(schema.tables))
        if not _is_empty_and_unused(db):
            make(db)
            return
        if place not in made:
            make(db)
            db.engine.dispose()
            template = f"template_{way}_{os.getpid()}_{place[1]}"
            _admin(place[0], f"CREATE DATABASE {template} TEMPLATE {name}")
            made[place] = template
        else:
            db.engine.dispose()
            _admin(place[0], f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {made[place]}")

    return create


def _is_empty_and_unused(db: PostgresDatabase) -> bool:
    """Whether it has no tables, and nobody listens on it: only then may another take its place."""
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with db.engine.connect() as conn:
        found = [conn.exec_driver_sql(one).scalar_one() for one in (tables, others)]
        conn.rollback()
    return not any(found)


def _admin(host: str, *statements: str) -> None:
    with psycopg.connect(f"postgresql://postgres@/postgres?host={host}", autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())
