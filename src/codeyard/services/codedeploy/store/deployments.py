"""SQL for deployments and their targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.services.codedeploy.model import ACTIVE
from codeyard.services.codedeploy.store.tables import deployments, signers, targets
from codeyard.storage import Row, Tx

Where = tuple[str, str]


def deployment(tx: Tx, deployment_id: str) -> Row | None:
    """One deployment."""
    return tx.one(sa.select(deployments).where(deployments.c.id == deployment_id))


def active_in(tx: Tx, group_id: str) -> str | None:
    """The id of the group's deployment that has not ended, if there is one."""
    query = sa.select(deployments.c.id).where(deployments.c.group_id == group_id, deployments.c.status.in_(ACTIVE))
    found: str | None = tx.scalar(query)
    return found


def add_deployment(tx: Tx, **values: Any) -> None:
    """Insert a deployment."""
    tx.insert(deployments, **values)


def set_deployment(tx: Tx, deployment_id: str, **values: Any) -> None:
    """Change columns of a deployment."""
    tx.execute(sa.update(deployments).where(deployments.c.id == deployment_id).values(**values))


def find(
    tx: Tx, where: Where, conditions: Sequence[sa.ColumnElement[bool]], before: tuple[int, str] | None, limit: int
) -> list[Row]:
    """Deployments of the account and region, newest first, older than `before`."""
    time, key = deployments.c.created_at, deployments.c.id
    query = sa.select(key, time).where(deployments.c.account == where[0], deployments.c.region == where[1], *conditions)
    if before:
        query = query.where(sa.or_(time < before[0], sa.and_(time == before[0], key < before[1])))
    return tx.all(query.order_by(time.desc(), key.desc()).limit(limit))


def targets_of(tx: Tx, deployment_id: str) -> list[Row]:
    """A deployment's targets by name."""
    return tx.all(sa.select(targets).where(targets.c.deployment_id == deployment_id).order_by(targets.c.name))


def statuses(tx: Tx, deployment_id: str) -> list[Row]:
    """What the fleet rules need of a deployment's targets, by name."""
    columns = (targets.c.token, targets.c.status, targets.c.standing, targets.c.command)
    return tx.all(sa.select(*columns).where(targets.c.deployment_id == deployment_id).order_by(targets.c.name))


def target(tx: Tx, token: str) -> Row | None:
    """One target by its token."""
    return tx.one(sa.select(targets).where(targets.c.token == token))


def add_target(tx: Tx, **values: Any) -> None:
    """Insert a target."""
    tx.insert(targets, **values)


def set_target(tx: Tx, token: str, **values: Any) -> None:
    """Change columns of a target."""
    tx.execute(sa.update(targets).where(targets.c.token == token).values(**values))


def busy(tx: Tx, region: str, identifier: str) -> bool:
    """Whether the host has a command that it has not answered."""
    query = sa.select(targets.c.token).where(targets.c.command.in_(("handed", "running")))
    return tx.one(query.where(targets.c.identifier == identifier, targets.c.region == region).limit(1)) is not None


def waiting(tx: Tx) -> list[Row]:
    """Every target with a command that is offered or handed out and not begun."""
    return tx.all(sa.select(targets).where(targets.c.command.in_(("offered", "handed"))))


def offered_to(tx: Tx, region: str, identifier: str) -> Row | None:
    """The host's command that has waited longest."""
    query = sa.select(targets).where(targets.c.command == "offered", targets.c.identifier == identifier)
    return tx.one(query.where(targets.c.region == region).order_by(targets.c.since, targets.c.token).limit(1))


def signer(tx: Tx, name: str) -> Row | None:
    """The sealed key that signs deployment specifications."""
    return tx.one(sa.select(signers).where(signers.c.name == name))


def add_signer(tx: Tx, name: str, sealed_key: bytes, certificate: str) -> None:
    """Keep a signing key, unless there is one already."""
    if signer(tx, name) is None:
        tx.insert(signers, name=name, sealed_key=sealed_key, certificate=certificate)
