"""SQL of webhooks: by name for their owners, by the token in their URL for whoever calls it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.services.codepipeline.store.tables import webhooks
from codeyard.storage import Row, Tx

c = webhooks.c


def get(tx: Tx, account: str, region: str, name: str) -> Row | None:
    """The webhook of that name, or None."""
    return tx.one(sa.select(webhooks).where(*_at(account, region, name)))


def by_token(tx: Tx, token: str) -> Row | None:
    """The webhook whose URL ends in the token, or None."""
    return tx.one(sa.select(webhooks).where(c.token == token))


def page(tx: Tx, account: str, region: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` webhooks by name, after a name."""
    where = (c.account == account, c.region == region, c.name > after)
    return tx.all(sa.select(webhooks).where(*where).order_by(c.name).limit(limit))


def count(tx: Tx, account: str, region: str) -> int:
    """How many webhooks the account has in the region."""
    where = (c.account == account, c.region == region)
    return int(tx.scalar(sa.select(sa.func.count()).select_from(webhooks).where(*where)))


def insert(tx: Tx, **values: Any) -> None:
    """Keep a new webhook."""
    tx.insert(webhooks, triggered=0, error_code="", error_message="", **values)


def update(tx: Tx, row: Row, **values: Any) -> None:
    """Change a webhook."""
    tx.execute(sa.update(webhooks).where(*_at(row.account, row.region, row.name)).values(**values))


def delete(tx: Tx, account: str, region: str, name: str) -> None:
    """Remove it; one that is not there is no error."""
    tx.execute(sa.delete(webhooks).where(*_at(account, region, name)))


def _at(account: str, region: str, name: str) -> list[sa.ColumnElement[bool]]:
    return [c.account == account, c.region == region, c.name == name]
