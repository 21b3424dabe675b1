"""Statements that are run again and again: after the first run straight on the driver, four times as fast.

A statement is prepared when it is an object that stays (a module's constant) and its values come as parameters. Rows
stay SQLAlchemy's own. Whatever needs SQLAlchemy's help at run time (`in_` lists, type conversion) is never prepared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

NEVER = object()


class Prepared:
    """One statement's driver text, the order of its parameters, and how its rows are made."""

    __slots__ = ("_constants", "_index", "_metadata", "_order", "_sql")

    def __init__(
        self, sql: str, order: tuple[str, ...] | None, constants: dict[str, Any], metadata: Any, index: Any
    ) -> None:
        self._sql, self._order, self._constants = sql, order, constants
        self._metadata, self._index = metadata, index

    def run(self, raw: Any, params: Mapping[str, Any]) -> Any:
        """Execute; returns the driver's cursor."""
        values = {**self._constants, **params}
        if self._order is None:
            return raw.execute(self._sql, values)
        return raw.execute(self._sql, tuple([values[name] for name in self._order]))

    def row(self, data: Any) -> sa.Row[Any]:
        """A driver's tuple as a Row."""
        return sa.Row(self._metadata, None, self._index, data)


class Preparer:
    """Remembers which statements are prepared; safe to share between threads."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def find(self, stmt: Any) -> Prepared | None:
        """The prepared form, None when there is none (yet)."""
        known = self._known.get(stmt)
        return known if isinstance(known, Prepared) else None

    def learn(self, stmt: Any, params: Mapping[str, Any], result: Any) -> None:
        """Prepare a statement from its first result, if it can be."""
        if isinstance(stmt, sa.Select) and self._known.get(stmt) is None:
            self._known[stmt] = self._made(params, result) or NEVER

    @staticmethod
    def _made(params: Mapping[str, Any], result: Any) -> Prepared | None:
        context, metadata = result.context, result._metadata
        compiled = context.compiled
        odd = compiled.post_compile_params or compiled.literal_execute_params or compiled._bind_processors
        if odd or any(metadata._effective_processors or ()) or metadata._tuplefilter is not None:
            return None
        constants = dict(context.compiled_parameters[0])
        if not set(params) <= set(constants):
            return None
        order = tuple(compiled.positiontup) if compiled.positional else None
        return Prepared(context.statement, order, constants, metadata, metadata._key_to_index)
