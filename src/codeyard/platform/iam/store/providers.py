"""OIDC identity providers: whose tokens an account believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from codeyard.platform.iam.model import Tags
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import CHANNEL
from codeyard.storage import Key, Row, Tx, dumps, loads, schema

providers = sa.Table(
    "iam_oidc_providers",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("clients", sa.Text, nullable=False),
    sa.Column("thumbprints", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """An OIDC provider; `url` is its issuer without the scheme."""

    arn: str
    account: str
    url: str
    clients: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created: int
    tags: Tags


def _provider(row: Row) -> Provider:
    return Provider(
        row.arn,
        row.account,
        row.url,
        tuple(loads(row.clients)),
        tuple(loads(row.thumbprints)),
        row.created,
        entities.tags_of(row.tags),
    )


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name in ("clients", "thumbprints"):
        if name in found:
            found[name] = dumps(list(found[name]))
    if "tags" in found:
        found["tags"] = entities.tags_text(found["tags"])
    return found


def provider(tx: Tx, arn: str) -> Provider | None:
    """The provider of that ARN."""
    row = tx.one(sa.select(providers).where(providers.c.arn == arn))
    return None if row is None else _provider(row)


def of_account(tx: Tx, account: str) -> list[Provider]:
    """The account's providers, by ARN."""
    query = sa.select(providers).where(providers.c.account == account).order_by(providers.c.arn)
    return [_provider(row) for row in tx.all(query)]


def add(tx: Tx, found: Provider) -> None:
    """Add a provider."""
    tx.insert(providers, **_columns({name: getattr(found, name) for name in Provider.__slots__}))
    tx.notify(CHANNEL)


def update(tx: Tx, arn: str, **values: Any) -> None:
    """Change a provider's columns."""
    tx.execute(sa.update(providers).where(providers.c.arn == arn).values(**_columns(values)))
    tx.notify(CHANNEL)


def delete(tx: Tx, arn: str) -> bool:
    """Remove a provider; whether it was there."""
    tx.notify(CHANNEL)
    return bool(tx.execute(sa.delete(providers).where(providers.c.arn == arn)).rowcount)
