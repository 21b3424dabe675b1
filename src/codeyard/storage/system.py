"""The tables that belong to no service: what the engine, the trail and the blob store keep in the database."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.storage.schema import Key, Serial, schema

meta = sa.Table("meta", schema, sa.Column("key", Key(), primary_key=True), sa.Column("value", sa.Text, nullable=False))

outbox = sa.Table(
    "outbox",
    schema,
    sa.Column("seq", Serial(), primary_key=True, autoincrement=True),
    sa.Column("id", Key(), nullable=False, unique=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("detail_type", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("resources", sa.Text, nullable=False),
    sa.Column("bus", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("ix_outbox_due_seq", "due", "seq"),
)

effects = sa.Table(
    "effects",
    schema,
    sa.Column("kind", Key(), primary_key=True),
    sa.Column("token", Key(), primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("ix_effects_state_due", "state", "due"),
)

timers = sa.Table(
    "timers",
    schema,
    sa.Column("kind", Key(), primary_key=True),
    sa.Column("key", Key(), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_timers_at", "at"),
)

dirty = sa.Table(
    "dirty",
    schema,
    sa.Column("kind", Key(), primary_key=True),
    sa.Column("key", Key(), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("ix_dirty_due", "due"),
)

jobs = sa.Table(
    "jobs",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("queue", Key(), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("offered", sa.BigInteger, nullable=False),
    sa.Index("ix_jobs_queue_state_offered", "queue", "state", "offered"),
    sa.Index("ix_jobs_state_lease_until", "state", "lease_until"),
)

blobs = sa.Table(
    "blobs",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("refs", sa.BigInteger, nullable=False),
    sa.Column("released", sa.BigInteger, nullable=False),
    sa.Index("ix_blobs_refs_released", "refs", "released"),
)

audit = sa.Table(
    "audit",
    schema,
    sa.Column("event_id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("event_name", Key(), nullable=False),
    sa.Column("event_source", Key(), nullable=False),
    sa.Column("username", Key(), nullable=False),
    sa.Column("access_key_id", Key(), nullable=False),
    sa.Column("read_only", sa.BigInteger, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Index("ix_audit_time", "account", "region", "time", "event_id"),
    sa.Index("ix_audit_name", "account", "region", "event_name", "time", "event_id"),
    sa.Index("ix_audit_source", "account", "region", "event_source", "time", "event_id"),
    sa.Index("ix_audit_username", "account", "region", "username", "time", "event_id"),
    sa.Index(
        "ix_audit_writes",
        *("account", "region", "read_only", "time", "event_id"),
        sqlite_where=sa.text("read_only = 0"),
        postgresql_where=sa.text("read_only = 0"),
    ),
    sa.Index("ix_audit_access_key", "account", "region", "access_key_id", "time", "event_id"),
)

# What waits to be delivered to a trail. `file` says how far it is: nothing yet, a file's id, or `logs:` and that id.
# Data events have their record here; those of the audit table are looked up there.
audit_queue = sa.Table(
    "audit_queue",
    schema,
    sa.Column("trail", Key(), primary_key=True),
    sa.Column("event_id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("file", Key(), nullable=False),
    sa.Column("record", sa.Text),
    sa.Index("ix_audit_queue_file", "trail", "file", "region", "time"),
)

audit_resources = sa.Table(
    "audit_resources",
    schema,
    sa.Column("event_id", Key(), primary_key=True),
    sa.Column("resource_name", Key(), primary_key=True),
    sa.Column("resource_type", Key(), nullable=False),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Index("ix_audit_resources_name", "account", "region", "resource_name", "time", "event_id"),
    sa.Index("ix_audit_resources_type", "account", "region", "resource_type", "time", "event_id"),
)
