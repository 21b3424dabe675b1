"""All SQL of EventBridge: buses, rules, targets, and the deliveries that are under way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from codeyard.platform.eventbridge.model import DEFAULT_BUS, Bus, Rule, Target, bus_name
from codeyard.storage import Key, dumps, loads, schema

buses = sa.Table(
    "events_buses",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
)
rules = sa.Table(
    "events_rules",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("bus_arn", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("pattern", sa.Text, nullable=False),
    sa.Column("schedule", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("role_arn", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("bus_arn", "name"),
)
targets = sa.Table(
    "events_targets",
    schema,
    sa.Column("rule_arn", Key(), primary_key=True),
    sa.Column("id", Key(), primary_key=True),
    sa.Column("arn", Key(), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)
# One row for each (event, rule, target) until it is delivered; state is open or parked.
deliveries = sa.Table(
    "events_deliveries",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("rule_arn", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("forwarded", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)
_B, _R, _T, _D = buses.c, rules.c, targets.c, deliveries.c
_BUS = sa.select(buses).where(_B.arn == sa.bindparam("bus"))


def _bus(row: Any) -> Bus:
    return Bus(**{**row._mapping, "tags": loads(row.tags)})


def _rule(row: Any) -> Rule:
    return Rule(**{**row._mapping, "tags": loads(row.tags)})


def _target(row: Any) -> Target:
    return Target(row.id, row.arn, loads(row.body))


def bus(tx: Any, arn: str) -> Bus | None:
    """A bus by ARN; the default one is always there."""
    row = tx.one(_BUS, {"bus": arn})
    if row is not None:
        return _bus(row)
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5] == f"event-bus/{DEFAULT_BUS}":
        return Bus(arn, parts[4], parts[3], DEFAULT_BUS, "", "", {}, 0, 0, 0)
    return None


def bus_version(tx: Any, arn: str) -> int | None:
    """The version of a bus's rules, None for a bus without a row."""
    row = tx.sql("SELECT version FROM events_buses WHERE arn = ?", (arn,)).fetchone()
    return None if row is None else int(row[0])


def buses_of(tx: Any, account: str, region: str) -> list[Bus]:
    """Every bus that has a row, in order of name."""
    query = sa.select(buses).where(_B.account == account, _B.region == region).order_by(_B.name)
    return [_bus(row) for row in tx.all(query)]


def save_bus(tx: Any, one: Bus) -> None:
    """Insert or replace a bus."""
    values = {**asdict(one), "tags": dumps(one.tags)}
    tx.upsert(buses, {"arn": values.pop("arn")}, values)


def touch_bus(tx: Any, one: Bus, now: int) -> None:
    """Count a change of the bus's rules or targets."""
    if tx.execute(sa.update(buses).where(_B.arn == one.arn).values(version=_B.version + 1)).rowcount == 0:
        tx.insert(
            buses,
            arn=one.arn,
            account=one.account,
            region=one.region,
            name=bus_name(one.arn),
            description="",
            policy="",
            tags="{}",
            created=now,
            modified=now,
            version=1,
        )


def delete_bus(tx: Any, arn: str) -> None:
    """Drop a bus."""
    tx.execute(sa.delete(buses).where(_B.arn == arn))


def rule(tx: Any, arn: str) -> Rule | None:
    """A rule by ARN."""
    row = tx.one(sa.select(rules).where(_R.arn == arn))
    return None if row is None else _rule(row)


def rules_of(tx: Any, bus_arn: str, after: str = "", limit: int | None = None) -> list[Rule]:
    """The rules of a bus in order of name."""
    query = sa.select(rules).where(_R.bus_arn == bus_arn, _R.name > after).order_by(_R.name)
    return [_rule(row) for row in tx.all(query.limit(limit) if limit else query)]


def save_rule(tx: Any, one: Rule) -> None:
    """Insert or replace a rule."""
    values = {**asdict(one), "tags": dumps(one.tags)}
    tx.upsert(rules, {"arn": values.pop("arn")}, values)


def delete_rule(tx: Any, arn: str) -> None:
    """Drop a rule with its targets."""
    tx.execute(sa.delete(targets).where(_T.rule_arn == arn))
    tx.execute(sa.delete(rules).where(_R.arn == arn))


def targets_of(tx: Any, rule_arn: str) -> list[Target]:
    """The targets of a rule in order of id."""
    return [_target(row) for row in tx.all(sa.select(targets).where(_T.rule_arn == rule_arn).order_by(_T.id))]


def targets_by_rule(tx: Any, bus_arn: str) -> dict[str, tuple[Target, ...]]:
    """The targets of all rules of a bus."""
    query = sa.select(targets).join(rules, rules.c.arn == _T.rule_arn).where(_R.bus_arn == bus_arn).order_by(_T.id)
    found: dict[str, tuple[Target, ...]] = {}
    for row in tx.all(query):
        found[row.rule_arn] = (*found.get(row.rule_arn, ()), _target(row))
    return found


def rule_names_by_target(tx: Any, bus_arn: str, target_arn: str) -> list[str]:
    """The names of the bus's rules that have the target."""
    query = sa.select(_R.name).join(targets, _T.rule_arn == _R.arn).where(_R.bus_arn == bus_arn, _T.arn == target_arn)
    return [row.name for row in tx.all(query.distinct().order_by(_R.name))]


def put_target(tx: Any, rule_arn: str, one: Mapping[str, Any]) -> None:
    """Insert or replace a target."""
    tx.upsert(targets, {"rule_arn": rule_arn, "id": one["Id"]}, {"arn": one["Arn"], "body": dumps(one)})


def remove_targets(tx: Any, rule_arn: str, ids: Iterable[str]) -> None:
    """Drop targets."""
    tx.execute(sa.delete(targets).where(_T.rule_arn == rule_arn, _T.id.in_(list(ids))))


def add_delivery(
    tx: Any, delivery_id: str, event: Mapping[str, Any], rule_arn: str, target: Target, *, forwarded: bool, now: int
) -> bool:
    """Insert a delivery; False when this event was already handed to this target of the rule."""
    if tx.one(sa.select(_D.id).where(_D.id == delivery_id)) is not None:
        return False
    tx.insert(
        deliveries,
        id=delivery_id,
        event=dumps(event),
        rule_arn=rule_arn,
        target=dumps(target.body),
        forwarded=int(forwarded),
        state="open",
        attempts=0,
        created=now,
        error="",
    )
    return True


def delivery(tx: Any, delivery_id: str) -> Any:
    """A delivery's row, or None."""
    return tx.one(sa.select(deliveries).where(_D.id == delivery_id))


def close_delivery(tx: Any, delivery_id: str) -> None:
    """Forget a delivery that is made."""
    tx.execute(sa.delete(deliveries).where(_D.id == delivery_id))


def fail_delivery(tx: Any, delivery_id: str, attempts: int, error: str, *, parked: bool) -> None:
    """Note a failed attempt; a parked delivery stays for people to look at."""
    values = {"attempts": attempts, "error": error[:2000], "state": "parked" if parked else "open"}
    tx.execute(sa.update(deliveries).where(_D.id == delivery_id).values(**values))


def parked(tx: Any) -> list[Any]:
    """The deliveries that were given up."""
    return list(tx.all(sa.select(deliveries).where(_D.state == "parked").order_by(_D.created)))
