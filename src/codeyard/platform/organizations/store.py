"""Organizations' tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.platform.organizations.model import FULL, FULL_ACCESS, Member, Organization, Policy, Unit
from codeyard.storage import Key, Row, Tx, schema

CHANNEL = "iam"  # whoever decides on calls looks anew

organizations = sa.Table(
    "organizations_organizations",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("management", Key(), nullable=False, unique=True),
    sa.Column("root", Key(), nullable=False),
    sa.Column("scp", sa.BigInteger, nullable=False),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)

units = sa.Table(
    "organizations_units",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("org", Key(), nullable=False, index=True),
    sa.Column("parent", Key(), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
)

members = sa.Table(
    "organizations_members",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("org", Key(), nullable=False, index=True),
    sa.Column("parent", Key(), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("joined", sa.BigInteger, nullable=False),
)

policies = sa.Table(
    "organizations_policies",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("org", Key(), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)

# `target` is a root, a unit or an account.
attachments = sa.Table(
    "organizations_attachments",
    schema,
    sa.Column("target", Key(), primary_key=True),
    sa.Column("policy", Key(), primary_key=True),
    sa.Column("org", Key(), nullable=False, index=True),
)

requests = sa.Table(
    "organizations_requests",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("org", Key(), nullable=False, index=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
)


def organization_of(tx: Tx, account: str) -> Organization | None:
    """The organization that an account is a member of."""
    joined = organizations.join(members, members.c.org == organizations.c.id)
    row = tx.one(sa.select(organizations).select_from(joined).where(members.c.account == account))
    if row is None:
        return None
    return Organization(row.id, row.management, row.root, bool(row.scp), row.features, row.created)


def members_of(tx: Tx, org: str) -> list[Member]:
    """Its accounts, by number."""
    rows = tx.all(sa.select(members).where(members.c.org == org).order_by(members.c.account))
    return [_member(row) for row in rows]


def member(tx: Tx, org: str, account: str) -> Member | None:
    """One of its accounts."""
    row = tx.one(sa.select(members).where(members.c.org == org, members.c.account == account))
    return None if row is None else _member(row)


def _member(row: Row) -> Member:
    return Member(row.account, row.org, row.parent, row.name, row.email, row.method, row.joined)


def units_of(tx: Tx, org: str) -> list[Unit]:
    """Its units, by id."""
    rows = tx.all(sa.select(units).where(units.c.org == org).order_by(units.c.id))
    return [Unit(row.id, row.org, row.parent, row.name) for row in rows]


def policies_of(tx: Tx, org: str) -> list[Policy]:
    """Its policies, AWS's own first."""
    rows = tx.all(sa.select(policies).where(policies.c.org == org).order_by(policies.c.id))
    return [FULL, *(Policy(row.id, row.org, row.name, row.description, row.content) for row in rows)]


def attached(tx: Tx, org: str) -> dict[str, list[str]]:
    """The ids of attached policies, by target."""
    found: dict[str, list[str]] = {}
    rows = tx.all(sa.select(attachments).where(attachments.c.org == org).order_by(attachments.c.policy))
    for row in rows:
        found.setdefault(row.target, []).append(row.policy)
    return found


def insert(tx: Tx, table: sa.Table, **values: Any) -> None:
    """Add a row."""
    tx.insert(table, **values)
    tx.notify(CHANNEL)


def update(tx: Tx, table: sa.Table, key: sa.ColumnElement[bool], **values: Any) -> None:
    """Change rows."""
    tx.execute(sa.update(table).where(key).values(**values))
    tx.notify(CHANNEL)


def delete(tx: Tx, table: sa.Table, key: sa.ColumnElement[bool]) -> None:
    """Remove rows."""
    tx.execute(sa.delete(table).where(key))
    tx.notify(CHANNEL)


def attach(tx: Tx, org: str, target: str, policy: str = FULL_ACCESS) -> None:
    """Attach a policy."""
    tx.upsert(attachments, {"target": target, "policy": policy}, {"org": org})
    tx.notify(CHANNEL)


def request(tx: Tx, org: str, request_id: str) -> Row | None:
    """How the making of an account went."""
    return tx.one(sa.select(requests).where(requests.c.id == request_id, requests.c.org == org))
