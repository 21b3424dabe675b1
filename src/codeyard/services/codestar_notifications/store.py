"""All SQL of notifications: rules, targets, which rule has which target, and a version of each place's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from codeyard.services.codestar_notifications.model import PENDING, Rule, Target
from codeyard.storage import Key, Tx, dumps, loads, schema

rules = sa.Table(
    "codestar_notifications_rules",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("resource", Key(), nullable=False),
    sa.Column("event_types", sa.Text, nullable=False),
    sa.Column("detail_type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("token", Key(), nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
)
targets = sa.Table(
    "codestar_notifications_targets",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("address", Key(), primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
)
links = sa.Table(
    "codestar_notifications_links",
    schema,
    sa.Column("rule_arn", Key(), primary_key=True),
    sa.Column("address", Key(), primary_key=True),
    sa.Column("token", Key(), nullable=False),
)
places = sa.Table(
    "codestar_notifications_places",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
_R, _T, _L, _P = rules.c, targets.c, links.c, places.c
Place = tuple[str, str]


def _rule(row: Any) -> Rule:
    return Rule(**{**row._mapping, "event_types": loads(row.event_types), "tags": loads(row.tags)})


def version(tx: Tx, place: Place) -> int | None:
    """The version of a place's rules; None where there never was one."""
    sql = "SELECT version FROM codestar_notifications_places WHERE account = ? AND region = ?"
    row = tx.sql(sql, place).fetchone()
    return None if row is None else int(row[0])


def touch(tx: Tx, place: Place) -> None:
    """Count a change of a place's rules or of their targets."""
    where = sa.and_(_P.account == place[0], _P.region == place[1])
    if tx.execute(sa.update(places).where(where).values(version=_P.version + 1)).rowcount == 0:
        tx.insert(places, account=place[0], region=place[1], version=1)


def rule(tx: Tx, arn: str) -> Rule | None:
    """A rule by ARN."""
    row = tx.one(sa.select(rules).where(_R.arn == arn))
    return None if row is None else _rule(row)


def rule_named(tx: Tx, place: Place, name: str) -> Rule | None:
    """A rule by its name."""
    row = tx.one(sa.select(rules).where(_R.account == place[0], _R.region == place[1], _R.name == name))
    return None if row is None else _rule(row)


def rules_of(tx: Tx, place: Place) -> list[Rule]:
    """A place's rules in order of ARN."""
    query = sa.select(rules).where(_R.account == place[0], _R.region == place[1]).order_by(_R.arn)
    return [_rule(row) for row in tx.all(query)]


def save_rule(tx: Tx, one: Rule) -> None:
    """Insert or replace a rule."""
    values = {**asdict(one), "event_types": dumps(list(one.event_types)), "tags": dumps(dict(one.tags))}
    tx.upsert(rules, {"arn": values.pop("arn")}, values)


def delete_rule(tx: Tx, arn: str) -> None:
    """Drop a rule; its targets stay known."""
    tx.execute(sa.delete(links).where(_L.rule_arn == arn))
    tx.execute(sa.delete(rules).where(_R.arn == arn))


def targets_of(tx: Tx, one: Rule) -> list[Target]:
    """The targets of a rule in order of address."""
    joined = sa.and_(_T.account == one.account, _T.region == one.region, _T.address == _L.address)
    query = sa.select(targets).where(joined, _L.rule_arn == one.arn).order_by(_T.address)
    return [Target(row.address, row.type, row.status) for row in tx.all(query)]


def links_of(tx: Tx, place: Place) -> list[tuple[str, str, str]]:
    """(rule ARN, address, token) of every target that a rule of the place has."""
    inside = sa.and_(_R.arn == _L.rule_arn, _R.account == place[0], _R.region == place[1])
    query = sa.select(_L.rule_arn, _L.address, _L.token).where(inside).order_by(_L.rule_arn, _L.address)
    return [(row.rule_arn, row.address, row.token) for row in tx.all(query)]


def link(tx: Tx, one: Rule, address: str, token: str = "") -> None:
    """Give a rule a target, new or known."""
    known = sa.and_(_T.account == one.account, _T.region == one.region, _T.address == address)
    if tx.one(sa.select(targets).where(known)) is None:
        tx.insert(targets, account=one.account, region=one.region, address=address, type="SNS", status=PENDING)
    tx.upsert(links, {"rule_arn": one.arn, "address": address}, {"token": token})


def unlink(tx: Tx, rule_arn: str, addresses: Sequence[str]) -> None:
    """Take targets from a rule."""
    tx.execute(sa.delete(links).where(_L.rule_arn == rule_arn, _L.address.in_(addresses)))


def targets_in(tx: Tx, place: Place) -> list[Target]:
    """Every target that is known in a place, in order of address."""
    query = sa.select(targets).where(_T.account == place[0], _T.region == place[1]).order_by(_T.address)
    return [Target(row.address, row.type, row.status) for row in tx.all(query)]


def delete_target(tx: Tx, place: Place, address: str) -> None:
    """Forget a target that no rule has."""
    where = sa.and_(_T.account == place[0], _T.region == place[1], _T.address == address)
    tx.execute(sa.delete(targets).where(where))


def set_status(tx: Tx, place: Place, address: str, status: str) -> None:
    """Keep what a delivery to a target showed."""
    where = sa.and_(_T.account == place[0], _T.region == place[1], _T.address == address)
    tx.execute(sa.update(targets).where(where, _T.status != status).values(status=status))
