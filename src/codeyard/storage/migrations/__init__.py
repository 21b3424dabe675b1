"""Schema versions. `migrate` brings a database to the newest revision; Alembic is loaded only when it has to."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from codeyard.storage.schema import schema

HERE = Path(__file__).parent
LOCK = 0x636F646579617264
REVISION = re.compile(r'^revision(?::[^=]*)? = "([^"]+)"', re.M)
DOWN = re.compile(r'^down_revision(?::[^=]*)? = "([^"]+)"', re.M)


def head() -> str | None:
    """The newest revision's id, None when there is no revision yet."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((HERE / "versions").glob("*.py"))]
    revisions = {match.group(1) for text in texts if (match := REVISION.search(text))}
    older = {match.group(1) for text in texts if (match := DOWN.search(text))}
    newest = sorted(revisions - older)
    if len(newest) > 1:
        raise RuntimeError(f"the migrations have {len(newest)} heads: {', '.join(newest)}")
    return newest[0] if newest else None


def current(conn: sa.Connection) -> str | None:
    """The revision that the database is at, None when it has none."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    value = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if value is None else str(value)


def migrate(conn: sa.Connection) -> None:
    """Upgrade to the newest revision; one process at a time, one transaction.

    Before the first revision is written the tables come straight from the metadata.
    """
    wanted = head()
    if wanted is None:
        create_all(conn)
        return
    with _locked(conn):
        if current(conn) != wanted:
            from codeyard.storage.migrations.upgrade import upgrade

            upgrade(conn)


def create_all(conn: sa.Connection) -> None:
    """Make every table of the metadata, without a revision (tests)."""
    import codeyard.storage.system  # noqa: F401  (its tables join the metadata)

    with _locked(conn):
        schema.create_all(conn)


class _locked:
    """One transaction that no other migrating process can be in."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn
        self._sqlite = conn.dialect.name == "sqlite"

    def __enter__(self) -> None:
        if self._sqlite:
            self._conn.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            self._conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._sqlite:
            self._conn.exec_driver_sql("COMMIT" if kind is None else "ROLLBACK")
        elif kind is None:
            self._conn.commit()
        else:
            self._conn.rollback()
