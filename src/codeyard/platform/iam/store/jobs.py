"""Reports that were asked for, kept for a week under their ids, and which services an entity has used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from codeyard.storage import Key, Tx, dumps, loads, schema

KEPT = 7 * 86_400 * 1_000_000

jobs = sa.Table(
    "iam_jobs",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("kind", Key(), nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False, index=True),
    sa.Column("result", sa.Text, nullable=False),
)

uses = sa.Table(
    "iam_service_uses",
    schema,
    sa.Column("entity_id", Key(), primary_key=True),
    sa.Column("service", Key(), primary_key=True),
    sa.Column("action", Key(), primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Use:
    """When an entity last asked for an action, and in which region."""

    entity_id: str
    service: str
    action: str
    used: int
    region: str


def add(tx: Tx, job_id: str, account: str, kind: str, result: Any, now: int) -> None:
    """Keep a report; what is older than a week goes."""
    tx.execute(sa.delete(jobs).where(jobs.c.made < now - KEPT))
    tx.insert(jobs, id=job_id, account=account, kind=kind, made=now, result=dumps(result))


def result(tx: Tx, job_id: str, account: str, kind: str) -> tuple[int, Any] | None:
    """(when it was made, the report)."""
    row = tx.one(sa.select(jobs).where(jobs.c.id == job_id, jobs.c.account == account, jobs.c.kind == kind))
    return None if row is None else (row.made, loads(row.result))


def use(tx: Tx, entity_id: str, service: str, action: str, now: int, region: str) -> None:
    """An entity has used an action of a service."""
    tx.upsert(uses, {"entity_id": entity_id, "service": service, "action": action}, {"used": now, "region": region})


def uses_of(tx: Tx, entity_ids: Iterable[str]) -> list[Use]:
    """What these entities have used."""
    found: list[Use] = []
    for entity_id in entity_ids:
        rows = tx.all(sa.select(uses).where(uses.c.entity_id == entity_id))
        found += [Use(row.entity_id, row.service, row.action, row.used, row.region) for row in rows]
    return found


def forget(tx: Tx, entity_id: str) -> None:
    """The entity is gone."""
    tx.execute(sa.delete(uses).where(uses.c.entity_id == entity_id))
