"""SQL of custom action types; a deleted one stays, since its version is never used again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from codeyard.services.codepipeline.model import catalog, custom
from codeyard.services.codepipeline.store.tables import action_types
from codeyard.storage import Row, Tx, dumps, loads

c = action_types.c


class Place(NamedTuple):
    """Where a type is kept, and what its jobs are found by."""

    account: str
    region: str
    category: str
    provider: str
    version: str

    @classmethod
    def of(cls, row: Row) -> Place:
        """The place of a type's row, or of a job's."""
        return cls(*(getattr(row, name) for name in cls._fields))


def get(tx: Tx, place: Place) -> Row | None:
    """The type, a deleted one too, or None."""
    return tx.one(sa.select(action_types).where(*_at(place)))


def living(tx: Tx, account: str, region: str) -> list[Row]:
    """The types of an account in a region, in the order of their names."""
    where = (c.account == account, c.region == region, c.deleted == 0)
    return tx.all(sa.select(action_types).where(*where).order_by(c.category, c.provider, c.version))


def insert(tx: Tx, place: Place, shape: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Keep a new type."""
    tx.insert(action_types, **place._asdict(), shape=dumps(shape), tags=dumps(tags), deleted=0)


def update(tx: Tx, place: Place, **values: Any) -> None:
    """Change a type's tags, or delete it."""
    tx.execute(sa.update(action_types).where(*_at(place)).values(**values))


def kinds(tx: Tx, account: str, region: str) -> catalog.Kinds:
    """Every type that a pipeline of the account may use: the built ones, and its own."""
    own = {found.key: found for found in (custom.of_shape(loads(row.shape)) for row in living(tx, account, region))}

    def find(kind: Mapping[str, str]) -> catalog.ActionType | None:
        return catalog.find(kind) or own.get((kind["category"], kind["owner"], kind["provider"], kind["version"]))

    return find


def settings(tx: Tx, place: Place) -> Mapping[str, str]:
    """The links of a type, a deleted one's too."""
    row = get(tx, place)
    return loads(row.shape).get("settings", {}) if row is not None else {}


def _at(place: Place) -> list[sa.ColumnElement[bool]]:
    return [c[name] == value for name, value in place._asdict().items()]
