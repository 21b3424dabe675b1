"""Managed policies with their versions, inline policies, and what is attached to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from codeyard.platform.iam.model import ManagedPolicy, PolicyVersion
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import CHANNEL, attachments, groups, inline, policies, roles, users, versions
from codeyard.storage import Row, Tx


def policy_of(row: Row) -> ManagedPolicy:
    """A managed policy of its row."""
    return ManagedPolicy(
        row.id,
        row.account,
        row.name,
        row.path,
        row.arn,
        row.description,
        row.default_version,
        row.created,
        row.updated,
        entities.tags_of(row.tags),
    )


def managed(tx: Tx, arn: str) -> ManagedPolicy | None:
    """The customer's managed policy of that ARN."""
    row = tx.one(sa.select(policies).where(policies.c.arn == arn))
    return None if row is None else policy_of(row)


def next_version(tx: Tx, policy_id: str) -> int:
    """Take the policy's next version number."""
    number = int(tx.scalar(sa.select(policies.c.last_version).where(policies.c.id == policy_id))) + 1
    tx.execute(sa.update(policies).where(policies.c.id == policy_id).values(last_version=number))
    return number


def add_version(tx: Tx, arn: str, number: int, document: str, now: int) -> None:
    """Add a document."""
    tx.insert(versions, arn=arn, number=number, document=document, created=now)
    tx.notify(CHANNEL)


def policy_versions(tx: Tx, arn: str) -> list[PolicyVersion]:
    """The policy's documents, newest first."""
    rows = tx.all(sa.select(versions).where(versions.c.arn == arn).order_by(versions.c.number.desc()))
    return [PolicyVersion(row.number, row.document, row.created) for row in rows]


def delete_version(tx: Tx, arn: str, number: int) -> None:
    """Remove a document."""
    tx.execute(sa.delete(versions).where(versions.c.arn == arn, versions.c.number == number))


def delete_managed(tx: Tx, policy: ManagedPolicy) -> None:
    """Remove a managed policy with its documents."""
    tx.execute(sa.delete(versions).where(versions.c.arn == policy.arn))
    entities.delete(tx, policies, policy.id)


def default_documents(tx: Tx, arns: Iterable[str]) -> dict[str, str]:
    """The documents in force of customers' managed policies, by ARN."""
    wanted = list(arns)
    if not wanted:
        return {}
    joined = sa.and_(versions.c.arn == policies.c.arn, versions.c.number == policies.c.default_version)
    query = sa.select(policies.c.arn, versions.c.document).join(versions, joined).where(policies.c.arn.in_(wanted))
    return {row.arn: row.document for row in tx.all(query)}


def put_inline(tx: Tx, owner: str, name: str, document: str) -> None:
    """Put an inline policy, over an older one if there is."""
    tx.upsert(inline, {"owner": owner, "name": name}, {"document": document})
    tx.notify(CHANNEL)


def inline_policies(tx: Tx, owners: Iterable[str]) -> list[tuple[str, str, str]]:
    """(owner, name, document) of inline policies, by name."""
    query = sa.select(inline).where(inline.c.owner.in_(list(owners))).order_by(inline.c.name)
    return [(row.owner, row.name, row.document) for row in tx.all(query)]


def delete_inline(tx: Tx, owner: str, name: str) -> bool:
    """Remove an inline policy; whether it was there."""
    tx.notify(CHANNEL)
    return bool(tx.execute(sa.delete(inline).where(inline.c.owner == owner, inline.c.name == name)).rowcount)


def attach(tx: Tx, owner: str, arn: str) -> None:
    """Attach a managed policy; nothing happens when it is already."""
    tx.upsert(attachments, {"owner": owner, "arn": arn}, {})
    tx.notify(CHANNEL)


def detach(tx: Tx, owner: str, arn: str) -> bool:
    """Detach a managed policy; whether it was attached."""
    tx.notify(CHANNEL)
    where = sa.and_(attachments.c.owner == owner, attachments.c.arn == arn)
    return bool(tx.execute(sa.delete(attachments).where(where)).rowcount)


def detach_all(tx: Tx, table: sa.Table, owner: str) -> None:
    """Remove all that an owner has of attached or of inline policies."""
    tx.execute(sa.delete(table).where(table.c.owner == owner))
    tx.notify(CHANNEL)


def attached(tx: Tx, owners: Iterable[str]) -> list[tuple[str, str]]:
    """(owner, ARN) of attached policies, by ARN."""
    query = sa.select(attachments).where(attachments.c.owner.in_(list(owners))).order_by(attachments.c.arn)
    return [(row.owner, row.arn) for row in tx.all(query)]


def usage(tx: Tx, account: str, arns: Sequence[str] | None = None) -> dict[str, tuple[int, int]]:
    """(attachments, uses as a boundary) by policy ARN, counted in one account; of some policies or of all in use."""
    attached_to: dict[str, int] = {}
    bounding: dict[str, int] = {}
    for table in (users, groups, roles):
        query = sa.select(attachments.c.arn, sa.func.count().label("n")).join(table, table.c.id == attachments.c.owner)
        query = query.where(table.c.account == account, *_among(attachments.c.arn, arns))
        for row in tx.all(query.group_by(attachments.c.arn)):
            attached_to[row.arn] = attached_to.get(row.arn, 0) + int(row.n)
    for table in (users, roles):
        bound = table.c.boundary
        query = sa.select(bound, sa.func.count().label("n")).where(table.c.account == account, *_among(bound, arns))
        for row in tx.all(query.where(bound != "").group_by(bound)):
            bounding[row.boundary] = bounding.get(row.boundary, 0) + int(row.n)
    return {arn: (attached_to.get(arn, 0), bounding.get(arn, 0)) for arn in {*attached_to, *bounding}}


def _among(column: sa.Column[str], values: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if values is None else [column.in_(values)]


def entities_with(tx: Tx, table: sa.Table, account: str, arn: str, *, boundary: bool) -> list[Row]:
    """The entities of one table that a policy is attached to, or bounds."""
    query = sa.select(table).where(table.c.account == account)
    if boundary:
        if "boundary" not in table.c:
            return []
        query = query.where(table.c.boundary == arn)
    else:
        query = query.join(attachments, attachments.c.owner == table.c.id).where(attachments.c.arn == arn)
    return tx.all(query.order_by(table.c.key))
