"""Server certificates of an account and signing certificates of users. Only what is public is kept."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from codeyard.platform.iam.model import Tags
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import entity_table
from codeyard.storage import Key, Row, Tx, schema

servers = entity_table(
    "iam_server_certificates",
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)

signing = sa.Table(
    "iam_signing_certificates",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("uploaded", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A server certificate without its private key."""

    id: str
    account: str
    name: str
    path: str
    created: int
    body: str
    chain: str
    expires: int
    tags: Tags


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A user's X.509 signing certificate."""

    id: str
    user_id: str
    body: str
    status: str
    uploaded: int


def server_of(row: Row) -> ServerCertificate:
    """A server certificate of its row."""
    plain = {name: getattr(row, name) for name in ServerCertificate.__slots__ if name != "tags"}
    return ServerCertificate(**plain, tags=entities.tags_of(row.tags))


def server(tx: Tx, account: str, name: str) -> ServerCertificate | None:
    """The server certificate of that name."""
    row = tx.one(sa.select(servers).where(servers.c.account == account, servers.c.key == name.lower()))
    return None if row is None else server_of(row)


def of_user(tx: Tx, user_id: str) -> list[SigningCertificate]:
    """A user's signing certificates, by id."""
    query = sa.select(signing).where(signing.c.user_id == user_id).order_by(signing.c.id)
    return [SigningCertificate(row.id, row.user_id, row.body, row.status, row.uploaded) for row in tx.all(query)]


def add(tx: Tx, found: SigningCertificate) -> None:
    """Add a signing certificate."""
    tx.insert(signing, **{name: getattr(found, name) for name in SigningCertificate.__slots__})


def set_status(tx: Tx, certificate_id: str, status: str) -> None:
    """Activate or deactivate a signing certificate."""
    tx.execute(sa.update(signing).where(signing.c.id == certificate_id).values(status=status))


def delete(tx: Tx, certificate_id: str) -> None:
    """Remove a signing certificate."""
    tx.execute(sa.delete(signing).where(signing.c.id == certificate_id))
