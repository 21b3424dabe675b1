"""IAM's tables. Names are unique without regard to case: `key` is the lower-case name."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.storage import Key, schema

CHANNEL = "iam"


def entity_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A table of named things of an account, as users and roles are."""
    return sa.Table(
        name,
        schema,
        sa.Column("id", Key(), primary_key=True),
        sa.Column("account", Key(), nullable=False),
        sa.Column("key", Key(), nullable=False),
        sa.Column("name", Key(), nullable=False),
        sa.Column("path", Key(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        *columns,
        sa.UniqueConstraint("account", "key"),
    )


accounts = sa.Table(
    "iam_accounts",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("alias", Key(), nullable=False, index=True),
    sa.Column("created", sa.BigInteger, nullable=False),
)

users = entity_table(
    "iam_users",
    sa.Column("boundary", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("password_created", sa.BigInteger, nullable=False),
    sa.Column("password_reset", sa.BigInteger, nullable=False),
    sa.Column("password_used", sa.BigInteger, nullable=False),
)

groups = entity_table("iam_groups")

roles = entity_table(
    "iam_roles",
    sa.Column("boundary", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("trust", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("max_session", sa.BigInteger, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("used_region", sa.Text, nullable=False),
)

profiles = entity_table(
    "iam_instance_profiles",
    sa.Column("role_id", Key(), nullable=False, index=True),
    sa.Column("tags", sa.Text, nullable=False),
)

policies = entity_table(
    "iam_policies",
    sa.Column("arn", Key(), nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("default_version", sa.BigInteger, nullable=False),
    sa.Column("last_version", sa.BigInteger, nullable=False),
    sa.Column("updated", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)

versions = sa.Table(
    "iam_policy_versions",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)

memberships = sa.Table(
    "iam_memberships",
    schema,
    sa.Column("user_id", Key(), primary_key=True),
    sa.Column("group_id", Key(), primary_key=True, index=True),
)

# `owner` is the unique id of a user, group or role.
inline = sa.Table(
    "iam_inline_policies",
    schema,
    sa.Column("owner", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)

attachments = sa.Table(
    "iam_attachments",
    schema,
    sa.Column("owner", Key(), primary_key=True),
    sa.Column("arn", Key(), primary_key=True, index=True),
)

access_keys = sa.Table(
    "iam_access_keys",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("used_service", sa.Text, nullable=False),
    sa.Column("used_region", sa.Text, nullable=False),
)

credentials = sa.Table(
    "iam_service_credentials",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("user_name", Key(), nullable=False, unique=True),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)

signing_certificates = sa.Table(
    "iam_signing_certificates",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("uploaded", sa.BigInteger, nullable=False),
)

ssh_keys = sa.Table(
    "iam_ssh_keys",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("uploaded", sa.BigInteger, nullable=False),
)

# Sessions of roles that were ended before their time: those of that name which began until then count no more.
ended_sessions = sa.Table(
    "iam_ended_sessions",
    schema,
    sa.Column("role_id", Key(), primary_key=True),
    sa.Column("session_name", Key(), primary_key=True),
    sa.Column("ended", sa.BigInteger, nullable=False, index=True),
)
