"""Rows of buckets."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.store.tables import buckets, uploads, versions
from codeyard.storage import Row, Tx

BY_NAME = sa.select(buckets).where(buckets.c.name == sa.bindparam("name"))


def find(tx: Tx, name: str) -> Row | None:
    """The bucket, or None."""
    return tx.one(BY_NAME, {"name": name})


def get(tx: Tx, name: str, expected_owner: str | None = None) -> Row:
    """The bucket; NoSuchBucket, or AccessDenied when it is not the expected owner's."""
    row = find(tx, name)
    if row is None:
        raise s3_error("NoSuchBucket", BucketName=name)
    if expected_owner and expected_owner != row.account:
        raise s3_error("AccessDenied")
    return row


def of_account(tx: Tx, account: str, prefix: str, after: str, limit: int) -> list[Row]:
    """The account's buckets by name."""
    mine = sa.select(buckets).where(buckets.c.account == account, buckets.c.name > after)
    found = tx.all(mine.order_by(buckets.c.name))
    return [row for row in found if row.name.startswith(prefix)][:limit]


def add(tx: Tx, **values: Any) -> None:
    """Insert a bucket."""
    tx.insert(buckets, **values)


def change(tx: Tx, name: str, **values: Any) -> None:
    """Set columns of a bucket."""
    tx.execute(sa.update(buckets).where(buckets.c.name == name).values(**values))


def remove(tx: Tx, name: str) -> None:
    """Delete a bucket; BucketNotEmpty while it holds a version. Unfinished uploads do not count."""
    if tx.one(sa.select(versions.c.key).where(versions.c.bucket == name).limit(1)) is not None:
        raise s3_error("BucketNotEmpty", BucketName=name)
    tx.execute(sa.delete(buckets).where(buckets.c.name == name))


def upload_ids(tx: Tx, name: str) -> list[str]:
    """The ids of a bucket's unfinished uploads."""
    return [row.id for row in tx.all(sa.select(uploads.c.id).where(uploads.c.bucket == name))]
