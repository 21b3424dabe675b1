"""Rows of multipart uploads and their parts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model.listing import after_prefix
from codeyard.platform.s3.store.tables import parts, uploads
from codeyard.storage import Row, Tx


def get(tx: Tx, bucket: str, key: str, upload_id: str) -> Row:
    """The upload; NoSuchUpload when it is not there for this key."""
    row = tx.one(sa.select(uploads).where(uploads.c.id == upload_id))
    if row is None or row.bucket != bucket or row.key != key:
        raise s3_error("NoSuchUpload", UploadId=upload_id)
    return row


def add(tx: Tx, **values: Any) -> None:
    """Insert an upload."""
    tx.insert(uploads, **values)


def put_part(tx: Tx, upload_id: str, number: int, values: dict[str, Any]) -> None:
    """Insert a part, or replace the one with its number."""
    same = sa.and_(parts.c.upload_id == upload_id, parts.c.number == number)
    old = tx.one(sa.select(parts.c.blob_id).where(same))
    if old is not None:
        tx.release(old.blob_id)
    tx.adopt(values["blob_id"])
    tx.upsert(parts, {"upload_id": upload_id, "number": number}, values)


def all_parts(tx: Tx, upload_id: str) -> list[Row]:
    """Every part by number."""
    return tx.all(sa.select(parts).where(parts.c.upload_id == upload_id).order_by(parts.c.number))


def some_parts(tx: Tx, upload_id: str, after: int, limit: int) -> list[Row]:
    """Parts with higher numbers than `after`."""
    query = sa.select(parts).where(parts.c.upload_id == upload_id, parts.c.number > after)
    return tx.all(query.order_by(parts.c.number).limit(limit))


def remove(tx: Tx, upload_id: str) -> None:
    """Delete an upload with its parts and let go of their bytes."""
    for row in all_parts(tx, upload_id):
        tx.release(row.blob_id)
    tx.execute(sa.delete(parts).where(parts.c.upload_id == upload_id))
    tx.execute(sa.delete(uploads).where(uploads.c.id == upload_id))


def of_bucket(tx: Tx, bucket: str, prefix: str, start: str, inclusive: bool, limit: int) -> list[Row]:
    """Unfinished uploads of a prefix by key, from `start` on."""
    where = [uploads.c.bucket == bucket]
    if start:
        where.append(uploads.c.key >= start if inclusive else uploads.c.key > start)
    if prefix:
        where.append(uploads.c.key >= prefix)
        end = after_prefix(prefix)
        where += [uploads.c.key < end] if end is not None else []
    return tx.all(sa.select(uploads).where(*where).order_by(uploads.c.key, uploads.c.id).limit(limit))


def of_key_after(tx: Tx, bucket: str, key: str, upload_id: str, limit: int) -> list[Row]:
    """Unfinished uploads of one key with a greater id."""
    query = sa.select(uploads).where(uploads.c.bucket == bucket, uploads.c.key == key, uploads.c.id > upload_id)
    return tx.all(query.order_by(uploads.c.id).limit(limit))
