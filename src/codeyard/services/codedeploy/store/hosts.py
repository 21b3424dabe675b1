"""SQL for hosts: on-premises registrations, and each host's health in each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.services.codedeploy.store.tables import health, instances
from codeyard.storage import Row, Tx, dumps, loads

Where = tuple[str, str]


def _in(where: Where) -> sa.ColumnElement[bool]:
    return sa.and_(instances.c.account == where[0], instances.c.region == where[1])


def instance(tx: Tx, where: Where, name: str) -> Row | None:
    """One on-premises instance, deregistered ones too."""
    return tx.one(sa.select(instances).where(_in(where), instances.c.name == name))


def instances_of(tx: Tx, where: Where) -> list[Row]:
    """All instances, deregistered ones too, by name."""
    return tx.all(sa.select(instances).where(_in(where)).order_by(instances.c.name))


def registered(tx: Tx) -> list[Row]:
    """Every registered instance of every account and region."""
    return tx.all(sa.select(instances).where(instances.c.deregistered_at.is_(None)))


def bearer(tx: Tx, region: str, arn: str) -> Row | None:
    """The registered instance whose IAM user or session has that ARN."""
    mine = sa.or_(instances.c.iam_user_arn == arn, instances.c.iam_session_arn == arn)
    return tx.one(sa.select(instances).where(instances.c.region == region, mine, instances.c.deregistered_at.is_(None)))


def put_instance(tx: Tx, where: Where, name: str, values: Mapping[str, Any]) -> None:
    """Insert or replace a registration."""
    tx.upsert(instances, {"account": where[0], "region": where[1], "name": name}, values)


def set_instance_tags(tx: Tx, where: Where, name: str, tags: Mapping[str, str]) -> None:
    """Replace an instance's tags."""
    tx.execute(sa.update(instances).where(_in(where), instances.c.name == name).values(tags=dumps(tags)))


def seen(tx: Tx, heard: Sequence[tuple[tuple[str, str], int]]) -> None:
    """Note when instances, each a (region, identity), were last heard of."""
    for (region, arn), now in heard:
        _seen(tx, region, arn, now)


def _seen(tx: Tx, region: str, arn: str, now: int) -> None:
    mine = sa.or_(instances.c.iam_user_arn == arn, instances.c.iam_session_arn == arn)
    tx.execute(sa.update(instances).where(instances.c.region == region, mine).values(seen_at=now))


def tags_of(row: Row) -> dict[str, str]:
    """An instance's tags."""
    return dict(loads(row.tags))


def health_of(tx: Tx, group_id: str) -> dict[str, Mapping[str, Any]]:
    """By instance: how the group's last deployment to it went."""
    rows = tx.all(sa.select(health).where(health.c.group_id == group_id))
    return {row.instance: {"revision": row.revision, "healthy": row.healthy} for row in rows}


def set_health(tx: Tx, group_id: str, name: str, revision: str, healthy: bool, deployment_id: str) -> None:
    """Note how a deployment to an instance went."""
    values = {"revision": revision, "healthy": int(healthy), "deployment_id": deployment_id}
    tx.upsert(health, {"group_id": group_id, "instance": name}, values)
