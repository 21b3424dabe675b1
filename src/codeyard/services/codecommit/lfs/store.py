"""All SQL of large files: a repository's objects, each a blob, and its locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from codeyard.storage import Key, schema

objects = sa.Table(
    "codecommit_lfs_objects",
    schema,
    sa.Column("repository_id", Key(), primary_key=True),
    sa.Column("oid", Key(), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("blob_id", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)

# `owner` is the ARN that took the lock, `name` what people are shown of it.
locks = sa.Table(
    "codecommit_lfs_locks",
    schema,
    sa.Column("repository_id", Key(), primary_key=True),
    sa.Column("id", Key(), primary_key=True),
    sa.Column("path", Key(), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("repository_id", "path"),
)

_O, _L = objects.c, locks.c


class Lock(NamedTuple):
    """A lock on one path of a repository."""

    id: str
    path: str
    owner: str
    name: str
    created: int


def stored(tx: Any, repository_id: str, oids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """(blob id, size) of those of the objects that are stored."""
    query = sa.select(_O.oid, _O.blob_id, _O.size).where(_O.repository_id == repository_id, _O.oid.in_(oids))
    return {row.oid: (row.blob_id, row.size) for row in tx.all(query)} if oids else {}


def keep(tx: Any, repository_id: str, oid: str, size: int, blob_id: str, now: int) -> str:
    """Store an object, unless it is there; the id of the blob that holds it, which the row has adopted."""
    if there := stored(tx, repository_id, [oid]):
        return there[oid][0]
    tx.insert(objects, repository_id=repository_id, oid=oid, size=size, blob_id=blob_id, created=now)
    tx.adopt(blob_id)
    return blob_id


def forget_some(tx: Any, repository_id: str, limit: int = 200) -> int:
    """Let go of some of the objects of a repository that is gone, and of all its locks; how many objects went."""
    tx.execute(sa.delete(locks).where(_L.repository_id == repository_id))
    rows = tx.all(sa.select(_O.oid, _O.blob_id).where(_O.repository_id == repository_id).limit(limit))
    gone = [row.oid for row in rows]
    if gone:
        tx.execute(sa.delete(objects).where(_O.repository_id == repository_id, _O.oid.in_(gone)))
    for row in rows:
        tx.release(row.blob_id)
    return len(gone)


def lock_of(tx: Any, repository_id: str, *, path: str = "", lock_id: str = "") -> Lock | None:
    """The lock of a path or of an id, or None."""
    found = list_locks(tx, repository_id, path=path, lock_id=lock_id, limit=1)
    return found[0] if found else None


def list_locks(
    tx: Any, repository_id: str, *, path: str = "", lock_id: str = "", after: str = "", limit: int = 100
) -> list[Lock]:
    """Locks in the order of their ids, from behind `after`."""
    query = sa.select(locks).where(_L.repository_id == repository_id)
    if path:
        query = query.where(_L.path == path)
    if lock_id:
        query = query.where(_L.id == lock_id)
    if after:
        query = query.where(_L.id > after)
    rows = tx.all(query.order_by(_L.id).limit(limit))
    return [Lock(row.id, row.path, row.owner, row.name, row.created) for row in rows]


def add_lock(tx: Any, repository_id: str, lock: Lock) -> None:
    """Add a lock."""
    tx.insert(locks, repository_id=repository_id, **lock._asdict())


def remove_lock(tx: Any, repository_id: str, lock_id: str) -> None:
    """Remove a lock."""
    tx.execute(sa.delete(locks).where(_L.repository_id == repository_id, _L.id == lock_id))
