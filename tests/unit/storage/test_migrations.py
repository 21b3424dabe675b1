"""The schema's versions."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from codeyard.engine import SystemClock, SystemIds
from codeyard.storage import open_database
from codeyard.storage.migrations import current, head, load_tables
from codeyard.storage.migrations.upgrade import differences, revisions, upgrade

TEST_TABLES = "test_"


def own(changes: list[object]) -> list[object]:
    """Differences that are not about tables of tests."""
    return [change for change in changes if TEST_TABLES not in str(change)]


def test_all_revisions_together_make_exactly_the_tables_that_the_code_names(database_url: str) -> None:
    load_tables()
    db = open_database(database_url, SystemClock(), SystemIds())
    with db.engine.connect() as conn:  # type: ignore[attr-defined]
        upgrade(conn)
        assert current(conn) == head()
        assert own(differences(conn)) == []
    db.close()


def test_an_empty_database_gets_these_tables_at_once_and_is_of_the_newest_revision(database_url: str) -> None:
    db = open_database(database_url, SystemClock(), SystemIds())
    db.create()
    db.create()
    with db.engine.connect() as conn:  # type: ignore[attr-defined]
        assert current(conn) == head()
        assert own(differences(conn)) == []
    db.close()


def test_a_database_of_an_older_revision_is_brought_to_the_newest(tmp_path: Path) -> None:
    db = open_database(tmp_path / "x.db", SystemClock(), SystemIds())
    with db.engine.connect() as conn:  # type: ignore[attr-defined]
        upgrade(conn, revisions()[0])
        assert current(conn) != head()
    db.create()
    with db.engine.connect() as conn:  # type: ignore[attr-defined]
        assert current(conn) == head()
        assert own(differences(conn)) == []
    db.close()


def test_there_is_one_newest_revision(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    with engine.connect() as conn:
        assert not sa.inspect(conn).get_table_names()
    newest = head()
    assert newest is None or newest.isalnum()


@pytest.mark.parametrize("kind", ["sa.Boolean", "sa.DateTime", "sa.JSON"])
def test_no_table_has_a_column_type_that_the_databases_disagree_on(kind: str) -> None:
    load_tables()
    from codeyard.storage import schema

    banned = {"sa.Boolean": sa.Boolean, "sa.DateTime": sa.DateTime, "sa.JSON": sa.JSON}[kind]
    found = [
        f"{table.name}.{column.name}"
        for table in schema.tables.values()
        for column in table.columns
        if isinstance(column.type, banned) or column.server_default is not None
    ]
    assert found == []
