"""Rows of object versions. `latest` is 1 on the newest version of a key; `seq` orders a key's versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model.listing import after_prefix
from codeyard.platform.s3.model.names import NULL
from codeyard.platform.s3.store.tables import versions
from codeyard.storage import Row, Tx

V = versions.c
B: Any = sa.bindparam("b")
K: Any = sa.bindparam("k")
VID: Any = sa.bindparam("v")
LATEST = sa.select(versions).where(V.bucket == B, V.key == K, V.latest == 1)
EXACT = sa.select(versions).where(V.bucket == B, V.key == K, V.version_id == VID)
NEWEST = sa.select(versions).where(V.bucket == B, V.key == K).order_by(V.seq.desc()).limit(1)
UNLATEST = sa.update(versions).where(V.bucket == B, V.key == K, V.latest == 1).values(latest=0)


def latest(tx: Tx, bucket: str, key: str) -> Row | None:
    """The newest version (perhaps a delete marker), or None."""
    return tx.one(LATEST, {"b": bucket, "k": key})


def exact(tx: Tx, bucket: str, key: str, version_id: str) -> Row | None:
    """One version by its id, or None."""
    return tx.one(EXACT, {"b": bucket, "k": key, "v": version_id})


def readable(tx: Tx, bucket: str, key: str, version_id: str | None) -> Row:
    """The version to read; NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker named by its id."""
    if version_id:
        row = exact(tx, bucket, key, version_id)
        if row is None:
            raise s3_error("NoSuchVersion", Key=key, VersionId=version_id)
        if row.marker:
            raise s3_error("MethodNotAllowed", Method="GET", ResourceType="DeleteMarker")
        return row
    row = latest(tx, bucket, key)
    if row is None or row.marker:
        raise s3_error("NoSuchKey", Key=key)
    return row


def current_etag(tx: Tx, bucket: str, key: str) -> str | None:
    """The current object's entity tag, None when there is no object."""
    row = latest(tx, bucket, key)
    return None if row is None or row.marker else str(row.etag)


def put(tx: Tx, bucket: Row, key: str, new_id: str, values: dict[str, Any]) -> str:
    """Make a version the newest; returns its id. Without versioning it replaces the null version."""
    old = latest(tx, bucket.name, key)
    version_id = new_id if bucket.versioning == "Enabled" else NULL
    if old is not None:
        if version_id == NULL:
            drop(tx, exact(tx, bucket.name, key, NULL))
        tx.execute(UNLATEST, {"b": bucket.name, "k": key})
    seq = max(values["modified"], old.seq + 1 if old is not None else 0)
    tx.insert(versions, bucket=bucket.name, key=key, version_id=version_id, seq=seq, latest=1, **values)
    if values["blob_id"]:
        tx.adopt(values["blob_id"])
    return version_id


def drop(tx: Tx, row: Row | None) -> None:
    """Delete a version for good and let go of its bytes."""
    if row is None:
        return
    same = sa.and_(V.bucket == row.bucket, V.key == row.key, V.version_id == row.version_id)
    tx.execute(sa.delete(versions).where(same))
    if row.blob_id:
        tx.release(row.blob_id)


def promote(tx: Tx, bucket: str, key: str) -> None:
    """Mark what is now the newest version of a key as such."""
    row = tx.one(NEWEST, {"b": bucket, "k": key})
    if row is not None and not row.latest:
        same = sa.and_(V.bucket == bucket, V.key == key, V.version_id == row.version_id)
        tx.execute(sa.update(versions).where(same).values(latest=1))


def set_tags(tx: Tx, row: Row, tags: str) -> None:
    """Replace a version's tags."""
    same = sa.and_(V.bucket == row.bucket, V.key == row.key, V.version_id == row.version_id)
    tx.execute(sa.update(versions).where(same).values(tags=tags))


def list_keys(tx: Tx, bucket: str, prefix: str, start: str, inclusive: bool, limit: int) -> Iterable[Row]:
    """Current objects of a prefix in key order, from `start` on."""
    where = [V.bucket == bucket, V.latest == 1, V.marker == 0, *_bounds(prefix, start, inclusive)]
    columns = (V.key, V.size, V.etag, V.modified, V.headers, V.checksum, V.version_id)
    return tx.all(sa.select(*columns).where(*where).order_by(V.key).limit(limit))


def list_versions(
    tx: Tx, bucket: str, prefix: str, start: str, inclusive: bool, limit: int, below: int | None = None
) -> Iterable[Row]:
    """Every version of a prefix, by key and newest first; with `below`, first those of `start` older than that seq."""
    found: list[Row] = []
    if below is not None:
        same = sa.select(versions).where(V.bucket == bucket, V.key == start, V.seq < below)
        found = tx.all(same.order_by(V.seq.desc()).limit(limit))
    if len(found) < limit:
        where = [V.bucket == bucket, *_bounds(prefix, start, inclusive)]
        rest = sa.select(versions).where(*where).order_by(V.key, V.seq.desc())
        found = [*found, *tx.all(rest.limit(limit - len(found)))]
    return found


def _bounds(prefix: str, start: str, inclusive: bool) -> list[Any]:
    bounds: list[Any] = []
    if prefix > start or (prefix == start and prefix):
        start, inclusive = prefix, inclusive or prefix > start
    if start:
        bounds.append(V.key >= start if inclusive else V.key > start)
    end = after_prefix(prefix) if prefix else None
    if end is not None:
        bounds.append(V.key < end)
    return bounds
