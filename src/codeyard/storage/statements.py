"""SQL text made once: plain inserts and upserts compiled per dialect, and `?` placeholders turned into the driver's."""

from __future__ import annotations

from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect

from codeyard.storage.prepared import Preparer

Key = tuple[str, tuple[str, ...], tuple[str, ...]]


class RawConnection(Protocol):
    """What sqlite3's and psycopg's connections have in common."""

    def execute(self, sql: str, params: Any = ..., /) -> Any: ...


class Statements:
    """A cache of compiled statements for one dialect; safe to share between threads."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._texts: dict[str, str] = {}
        self._compiled: dict[Key, tuple[str, tuple[str, ...] | None] | None] = {}
        self._error: type[Exception] = dialect.loaded_dbapi.Error
        self._qmark = dialect.paramstyle == "qmark"
        self.prepared = Preparer()

    def text(self, sql: str) -> str:
        """SQL with the driver's own placeholders."""
        if self._qmark:
            return sql
        known = self._texts.get(sql)
        if known is None:
            known = self._texts[sql] = sql.replace("%", "%%").replace("?", "%s")
        return known

    def put(
        self, conn: sa.Connection, raw: RawConnection, table: sa.Table, keys: tuple[str, ...], row: dict[str, Any]
    ) -> None:
        """Insert one row; where `keys` conflict, set its other columns on the row that is there.

        Raises sqlalchemy.exc.DBAPIError: an IntegrityError where the tables forbid the row.
        """
        columns = tuple(row)
        cache_key = (table.name, columns, keys)
        if cache_key not in self._compiled:
            self._compiled[cache_key] = self._compile(table, columns, keys)
        compiled = self._compiled[cache_key]
        if compiled is None:
            conn.execute(self._statement(table, columns, keys), row)
            return
        sql, order = compiled
        try:
            raw.execute(sql, tuple([row[name] for name in order]) if order is not None else row)
        except self._error as error:
            raise sa.exc.DBAPIError.instance(sql, None, error, self._error) from None

    def _compile(
        self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...] | None] | None:
        if any(column.default is not None or column.onupdate is not None for column in table.columns):
            return None
        if not all(self._is_plain(table.c[name].type) for name in columns):
            return None
        compiled = self._statement(table, columns, keys).compile(dialect=self._dialect, column_keys=list(columns))
        positions = getattr(compiled, "positiontup", None)
        return str(compiled), tuple(positions) if positions is not None else None

    @staticmethod
    def _is_plain(kind: sa.types.TypeEngine[Any]) -> bool:
        return isinstance(kind, sa.Text | sa.Integer | sa.LargeBinary)

    def _statement(self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...]) -> Any:
        insert = postgresql.insert if self._dialect.name == "postgresql" else sqlite.insert
        stmt: Any = insert(table)
        if not keys:
            return stmt
        changed = {name: stmt.excluded[name] for name in columns if name not in keys}
        if not changed:
            return stmt.on_conflict_do_nothing(index_elements=list(keys))
        return stmt.on_conflict_do_update(index_elements=list(keys), set_=changed)
