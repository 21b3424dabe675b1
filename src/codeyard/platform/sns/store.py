"""All SQL of SNS: topics, subscriptions, and the signing key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.platform.sns.model import Subscription, Topic
from codeyard.storage import Key, dumps, loads, schema

topics = sa.Table(
    "sns_topics",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("ix_sns_topics_place", "account", "region", "name"),
)
subscriptions = sa.Table(
    "sns_subscriptions",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("topic_arn", Key(), nullable=False, index=True),
    sa.Column("owner", Key(), nullable=False, index=True),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("confirmed", sa.BigInteger, nullable=False),
    sa.Column("authenticated", sa.BigInteger, nullable=False),
    sa.Column("needs_authentication", sa.BigInteger, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("token_until", sa.BigInteger, nullable=False),
)
signing = sa.Table(
    "sns_signing",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.Text, nullable=False),
)
_T, _S = topics.c, subscriptions.c


def _topic(row: Any) -> Topic:
    return Topic(**{**row._mapping, "attributes": loads(row.attributes), "tags": loads(row.tags)})


def _subscription(row: Any) -> Subscription:
    flags = {name: bool(getattr(row, name)) for name in ("confirmed", "authenticated", "needs_authentication")}
    return Subscription(**{**row._mapping, **flags, "attributes": loads(row.attributes)})


def topic(tx: Any, arn: str) -> Topic | None:
    """A topic by ARN."""
    row = tx.one(sa.select(topics).where(_T.arn == arn))
    return None if row is None else _topic(row)


def topics_of(tx: Any, account: str, region: str, after: str, limit: int) -> list[Topic]:
    """Topics in order of ARN after one."""
    query = sa.select(topics).where(_T.account == account, _T.region == region, _T.arn > after)
    return [_topic(row) for row in tx.all(query.order_by(_T.arn).limit(limit))]


def add_topic(tx: Any, one: Topic) -> None:
    """Insert a topic."""
    tx.insert(
        topics,
        arn=one.arn,
        account=one.account,
        region=one.region,
        name=one.name,
        attributes=dumps(one.attributes),
        tags=dumps(one.tags),
        created=one.created,
    )


def set_topic(
    tx: Any, arn: str, *, attributes: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
) -> None:
    """Replace a topic's attributes or tags."""
    values = {"attributes": attributes, "tags": tags}
    kept = {name: dumps(value) for name, value in values.items() if value is not None}
    tx.execute(sa.update(topics).where(_T.arn == arn).values(**kept))


def delete_topic(tx: Any, arn: str) -> None:
    """Drop a topic with its subscriptions."""
    tx.execute(sa.delete(subscriptions).where(_S.topic_arn == arn))
    tx.execute(sa.delete(topics).where(_T.arn == arn))


def subscription(tx: Any, arn: str) -> Subscription | None:
    """A subscription by ARN."""
    row = tx.one(sa.select(subscriptions).where(_S.arn == arn))
    return None if row is None else _subscription(row)


def subscription_by_token(tx: Any, topic_arn: str, token: str) -> Subscription | None:
    """The subscription that a token confirms."""
    row = tx.one(sa.select(subscriptions).where(_S.topic_arn == topic_arn, _S.token == token))
    return None if row is None else _subscription(row)


def same_endpoint(tx: Any, topic_arn: str, protocol: str, endpoint: str) -> Subscription | None:
    """The topic's subscription of an endpoint."""
    where = sa.and_(_S.topic_arn == topic_arn, _S.protocol == protocol, _S.endpoint == endpoint)
    row = tx.one(sa.select(subscriptions).where(where))
    return None if row is None else _subscription(row)


def subscriptions_of(tx: Any, topic_arn: str, after: str = "", limit: int | None = None) -> list[Subscription]:
    """The subscriptions of a topic in order of ARN."""
    query = sa.select(subscriptions).where(_S.topic_arn == topic_arn, _S.arn > after).order_by(_S.arn)
    return [_subscription(row) for row in tx.all(query.limit(limit) if limit else query)]


def subscriptions_owned(tx: Any, owner: str, region: str, after: str, limit: int) -> list[Subscription]:
    """The subscriptions of an account in a region in order of ARN."""
    start, end = f"arn:aws:sns:{region}:", f"arn:aws:sns:{region};"
    where = sa.and_(_S.owner == owner, _S.arn >= start, _S.arn < end, _S.arn > after)
    return [_subscription(row) for row in tx.all(sa.select(subscriptions).where(where).order_by(_S.arn).limit(limit))]


def save_subscription(tx: Any, one: Subscription) -> None:
    """Insert or replace a subscription."""
    values = {
        "topic_arn": one.topic_arn,
        "owner": one.owner,
        "protocol": one.protocol,
        "endpoint": one.endpoint,
        "attributes": dumps(one.attributes),
        "confirmed": int(one.confirmed),
        "authenticated": int(one.authenticated),
        "needs_authentication": int(one.needs_authentication),
        "principal": one.principal,
        "token": one.token,
        "token_until": one.token_until,
    }
    tx.upsert(subscriptions, {"arn": one.arn}, values)


def delete_subscription(tx: Any, arn: str) -> None:
    """Drop a subscription."""
    tx.execute(sa.delete(subscriptions).where(_S.arn == arn))


def signing_key(tx: Any) -> Any:
    """The row of the signing key and certificate, or None."""
    return tx.one(sa.select(signing))


def save_signing_key(tx: Any, sealed: bytes, certificate: str) -> None:
    """Keep a key, unless there is one."""
    if signing_key(tx) is None:
        tx.insert(signing, id="current", key=sealed, certificate=certificate)
