"""The keys that digests are signed with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.storage import Key, schema

keys = sa.Table(
    "cloudtrail_keys",
    schema,
    sa.Column("fingerprint", Key(), primary_key=True),
    sa.Column("public", sa.LargeBinary, nullable=False),
    sa.Column("private", sa.LargeBinary, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
_K = keys.c


def newest(tx: Any) -> Any:
    """The key that was made last, or None."""
    return tx.one(sa.select(keys).order_by(_K.until.desc(), _K.fingerprint).limit(1))


def by_fingerprint(tx: Any, fingerprint: str) -> Any:
    """One key, or None."""
    return tx.one(sa.select(keys).where(_K.fingerprint == fingerprint))


def within(tx: Any, start: int, end: int) -> list[Any]:
    """The keys that were in use within a span of time, oldest first."""
    query = sa.select(keys).where(_K.start <= end, _K.until >= start)
    return list(tx.all(query.order_by(_K.start, _K.fingerprint)))


def add(tx: Any, **values: Any) -> None:
    """Keep a key."""
    tx.insert(keys, **values)
