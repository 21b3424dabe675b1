"""Server certificates of an account. Only what is public is kept."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from codeyard.platform.iam.model import Tags
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import entity_table
from codeyard.storage import Row, Tx

servers = entity_table(
    "iam_server_certificates",
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
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


def server_of(row: Row) -> ServerCertificate:
    """A server certificate of its row."""
    plain = {name: getattr(row, name) for name in ServerCertificate.__slots__ if name != "tags"}
    return ServerCertificate(**plain, tags=entities.tags_of(row.tags))


def server(tx: Tx, account: str, name: str) -> ServerCertificate | None:
    """The server certificate of that name."""
    row = tx.one(sa.select(servers).where(servers.c.account == account, servers.c.key == name.lower()))
    return None if row is None else server_of(row)
