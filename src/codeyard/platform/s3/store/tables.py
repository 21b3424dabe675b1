"""S3's tables."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.storage import Key, schema

buckets = sa.Table(
    "s3_buckets",
    schema,
    sa.Column("name", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("versioning", sa.Text, nullable=False),
    sa.Column("eventbridge", sa.BigInteger, nullable=False),
    sa.Column("policy", sa.Text),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("ownership", sa.Text, nullable=False),
    sa.Column("public_access", sa.Text, nullable=False),
    sa.Column("encryption", sa.Text),
    sa.Index("ix_s3_buckets_account_name", "account", "name"),
)

versions = sa.Table(
    "s3_versions",
    schema,
    sa.Column("bucket", Key(), primary_key=True),
    sa.Column("key", Key(), primary_key=True),
    sa.Column("version_id", Key(), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("latest", sa.BigInteger, nullable=False),
    sa.Column("marker", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("blob_id", sa.Text, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("checksum", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Index("ix_s3_versions_latest", "bucket", "latest", "marker", "key"),
    sa.Index("ix_s3_versions_seq", "bucket", "key", "seq"),
)

uploads = sa.Table(
    "s3_uploads",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("bucket", Key(), nullable=False),
    sa.Column("key", Key(), nullable=False),
    sa.Column("initiator", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Index("ix_s3_uploads_bucket", "bucket", "key", "id"),
)

parts = sa.Table(
    "s3_parts",
    schema,
    sa.Column("upload_id", Key(), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("blob_id", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("checksum", sa.Text, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
)
