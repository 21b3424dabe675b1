"""Schema versions. `migrate` brings a database to the newest revision; Alembic is loaded only for one that is older."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import sqlalchemy as sa

import codeyard
from codeyard.storage.schema import schema

HERE = Path(__file__).parent
PACKAGES = ("platform", "services", "targets")
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
    """Bring a database to the newest revision; one process at a time, one transaction.

    An empty one gets the tables as the code names them, which is what all revisions together make.
    """
    wanted = head()
    with _locked(conn):
        if wanted is None or not sa.inspect(conn).get_table_names():
            _make(conn, wanted)
        elif current(conn) != wanted:
            from codeyard.storage.migrations.upgrade import upgrade

            upgrade(conn)


def _make(conn: sa.Connection, revision: str | None) -> None:
    load_tables()
    schema.create_all(conn)
    if revision is not None:
        conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        conn.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})


def create_all(conn: sa.Connection) -> None:
    """Make every table of the metadata, without a revision (tests)."""
    import codeyard.storage.system  # noqa: F401  (its tables join the metadata)

    with _locked(conn):
        schema.create_all(conn)


def load_tables() -> None:
    """Import every module that declares tables, so that the metadata is whole."""
    importlib.import_module("codeyard.storage.system")
    for package in PACKAGES:
        root = importlib.import_module(f"{codeyard.__name__}.{package}")
        for module in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
            if ".store" in module.name or module.name.endswith(("store", "tables")):
                importlib.import_module(module.name)


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
