"""Trails, and what GetTrailStatus says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from codeyard.platform.cloudtrail.model import Trail
from codeyard.storage import Key, dumps, loads, schema

# `gone` is the id of a deleted trail that still has to deliver, so that its name is free again.
trails = sa.Table(
    "cloudtrail_trails",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("gone", Key(), nullable=False),
    sa.Column("config", sa.Text, nullable=False),
    sa.Column("basic", sa.Text, nullable=False),
    sa.Column("advanced", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("logging", sa.BigInteger, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("stopped", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account", "region", "name", "gone", name="uq_cloudtrail_trails_name"),
)
status = sa.Table(
    "cloudtrail_status",
    schema,
    sa.Column("trail", Key(), primary_key=True),
    sa.Column("facts", sa.Text, nullable=False),
)
_T = trails.c
_JSON = ("config", "basic", "advanced", "tags")


def _trail(row: Any) -> Trail:
    values = dict(row._mapping)
    values |= {name: loads(values[name]) for name in _JSON}
    return Trail(**{**values, "logging": bool(row.logging), "gone": bool(row.gone)})


def _row(trail: Trail) -> dict[str, Any]:
    values = asdict(trail)
    values |= {name: dumps(values[name]) for name in _JSON}
    return {**values, "logging": int(trail.logging), "gone": trail.id if trail.gone else ""}


def save(tx: Any, trail: Trail) -> None:
    """Insert the trail, or put it in the place of what it was."""
    values = _row(trail)
    tx.upsert(trails, {"id": values.pop("id")}, values)


def by_id(tx: Any, trail_id: str) -> Trail | None:
    """A trail, deleted or not."""
    row = tx.one(sa.select(trails).where(_T.id == trail_id))
    return None if row is None else _trail(row)


def named(tx: Any, account: str, region: str, name: str) -> Trail | None:
    """The account's trail of this name, whose home is the region."""
    here = sa.and_(_T.account == account, _T.region == region, _T.name == name, _T.gone == "")
    row = tx.one(sa.select(trails).where(here))
    return None if row is None else _trail(row)


def of_account(tx: Any, account: str) -> list[Trail]:
    """The account's trails of every region, in order of name."""
    query = sa.select(trails).where(_T.account == account, _T.gone == "").order_by(_T.name, _T.region)
    return [_trail(row) for row in tx.all(query)]


def logging(tx: Any) -> list[Trail]:
    """Every trail that records are to be put by for."""
    return [_trail(row) for row in tx.all(sa.select(trails).where(_T.logging == 1, _T.gone == ""))]


def forget(tx: Any, trail_id: str) -> None:
    """Drop a trail that has nothing left to deliver."""
    tx.execute(sa.delete(trails).where(_T.id == trail_id))
    tx.execute(sa.delete(status).where(status.c.trail == trail_id))


def facts(tx: Any, trail_id: str) -> dict[str, Any]:
    """What is known of the trail's deliveries."""
    text = tx.scalar(sa.select(status.c.facts).where(status.c.trail == trail_id))
    found: dict[str, Any] = loads(text) if text else {}
    return found


def note(tx: Any, trail_id: str, news: Mapping[str, Any]) -> None:
    """Add to what is known of the trail's deliveries."""
    tx.upsert(status, {"trail": trail_id}, {"facts": dumps({**facts(tx, trail_id), **news})})
