"""All SQL of CloudWatch Logs: groups, streams, sealed batches (numbered in their stream), resource policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.platform.cloudwatch_logs.model import Group, Listing, Stream
from codeyard.storage import Key, dumps, loads, schema

groups = sa.Table(
    "logs_groups",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("retention", sa.BigInteger, nullable=False),
    sa.Column("group_class", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("kms_key", sa.Text),
    sa.Column("data_key", sa.Text),
    sa.UniqueConstraint("account", "region", "name"),
)
keys = sa.Table(
    "logs_keys",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("group_id", Key(), nullable=False, index=True),
    sa.Column("kms_key", sa.Text, nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
streams = sa.Table(
    "logs_streams",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("group_id", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("ingested", sa.BigInteger, nullable=False),
    sa.Column("next_batch", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("group_id", "name"),
    sa.Index("ix_logs_streams_last", "group_id", "last", "name"),
)
batches = sa.Table(
    "logs_batches",
    schema,
    sa.Column("stream_id", Key(), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("group_id", Key(), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("ingested", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("ix_logs_batches_group_time", "group_id", "first"),
)
resource_policies = sa.Table(
    "logs_resource_policies",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("updated", sa.BigInteger, nullable=False),
)
KEYS_CHANGED = "logs.keys"  # told whenever a group gets another key, or goes
_CHUNK = 100  # groups that are looked at at once where not all are wanted
_LAST, _LONGEST = "\U0010ffff", 512  # no name has more characters
_G, _S, _B, _P = groups.c, streams.c, batches.c, resource_policies.c


def _group(row: Any) -> Group:
    return Group(**{**row._mapping, "tags": loads(row.tags)})


def _stream(row: Any) -> Stream:
    return Stream(**row._mapping)


def group(tx: Any, account: str, region: str, name: str) -> Group | None:
    """A group by name."""
    row = tx.one(sa.select(groups).where(_G.account == account, _G.region == region, _G.name == name))
    return None if row is None else _group(row)


def group_by_id(tx: Any, group_id: str) -> Group | None:
    """A group by id."""
    row = tx.one(sa.select(groups).where(_G.id == group_id))
    return None if row is None else _group(row)


def groups_from(tx: Any, account: str, region: str, after: str, prefix: str, names: Sequence[str]) -> Iterator[Group]:
    """The groups under a prefix in order of name, from behind one; of `names` only, where some are given."""
    query = sa.select(groups).where(_G.account == account, _G.region == region, *_under(_G.name, prefix))
    if names:
        query = query.where(_G.name.in_(names))
    while rows := tx.all(query.where(_G.name > after).order_by(_G.name).limit(_CHUNK)):
        yield from map(_group, rows)
        after = rows[-1].name


def _under(column: Any, prefix: str) -> list[sa.ColumnElement[bool]]:
    """Bounds that an index can use."""
    return [column >= prefix, column <= prefix + _LAST * _LONGEST] if prefix else []


def add_group(tx: Any, one: Group) -> None:
    """Insert a group."""
    tx.insert(
        groups,
        id=one.id,
        account=one.account,
        region=one.region,
        name=one.name,
        created=one.created,
        retention=one.retention,
        group_class=one.group_class,
        tags=dumps(one.tags),
        kms_key=one.kms_key,
        data_key=one.data_key,
    )


def set_retention(tx: Any, group_id: str, days: int) -> None:
    """Set how long events are kept."""
    tx.execute(sa.update(groups).where(_G.id == group_id).values(retention=days))


def add_key(tx: Any, group_id: str, key_id: str, kms_key: str, wrapped: bytes) -> None:
    """Keep a data key of a group."""
    tx.insert(keys, id=key_id, group_id=group_id, kms_key=kms_key, wrapped=wrapped)


def keys_of(tx: Any, group_id: str) -> list[Any]:
    """Every data key that a group ever had."""
    return list(tx.all(sa.select(keys).where(keys.c.group_id == group_id)))


def use_key(tx: Any, group_id: str, kms_key: str | None, key_id: str | None) -> None:
    """Set what new events of a group are sealed by; None for the server's own key."""
    tx.notify(KEYS_CHANGED)
    tx.execute(sa.update(groups).where(_G.id == group_id).values(kms_key=kms_key, data_key=key_id))


def set_tags(tx: Any, group_id: str, tags: Mapping[str, str]) -> None:
    """Replace a group's tags."""
    tx.execute(sa.update(groups).where(_G.id == group_id).values(tags=dumps(tags)))


def delete_group(tx: Any, group_id: str) -> None:
    """Drop a group with everything in it."""
    tx.notify(KEYS_CHANGED)
    tx.execute(sa.delete(batches).where(_B.group_id == group_id))
    tx.execute(sa.delete(streams).where(_S.group_id == group_id))
    tx.execute(sa.delete(keys).where(keys.c.group_id == group_id))
    tx.execute(sa.delete(groups).where(_G.id == group_id))


def stored_bytes(tx: Any, group_ids: list[str]) -> dict[str, int]:
    """How many bytes of events groups hold."""
    query = sa.select(_B.group_id, sa.func.sum(_B.size).label("size")).where(_B.group_id.in_(group_ids))
    return {row.group_id: int(row.size) for row in tx.all(query.group_by(_B.group_id))}


def stream(tx: Any, group_id: str, name: str) -> Stream | None:
    """A stream by name."""
    row = tx.one(sa.select(streams).where(_S.group_id == group_id, _S.name == name))
    return None if row is None else _stream(row)


def streams_of(tx: Any, group_id: str) -> list[Stream]:
    """The streams of a group in order of name."""
    return [_stream(row) for row in tx.all(sa.select(streams).where(_S.group_id == group_id).order_by(_S.name))]


def streams_page(tx: Any, group_id: str, listing: Listing, limit: int) -> list[Stream]:
    """At most so many streams of a group, in the order that was asked for."""
    query = sa.select(streams).where(_S.group_id == group_id, *_under(_S.name, listing.prefix))
    columns = (_S.last, _S.name) if listing.by_time else (_S.name,)
    if listing.after is not None:
        last, name = listing.after
        place = sa.tuple_(*columns)
        behind = sa.tuple_(*map(sa.literal, (last, name) if listing.by_time else (name,)))
        query = query.where(place < behind if listing.down else place > behind)
    order = [one.desc() if listing.down else one.asc() for one in columns]
    return [_stream(row) for row in tx.all(query.order_by(*order).limit(limit))]


def add_stream(tx: Any, one: Stream) -> None:
    """Insert a stream."""
    tx.insert(streams, **{name: getattr(one, name) for name in Stream.__slots__})


def delete_stream(tx: Any, stream_id: str) -> None:
    """Drop a stream with its events."""
    tx.execute(sa.delete(batches).where(_B.stream_id == stream_id))
    tx.execute(sa.delete(streams).where(_S.id == stream_id))


def add_batch(tx: Any, one: Stream, *, first: int, last: int, ingested: int, size: int, sealed: bytes) -> None:
    """Append a batch under the next number of its stream."""
    tx.insert(
        batches,
        stream_id=one.id,
        number=one.next_batch,
        group_id=one.group_id,
        first=first,
        last=last,
        ingested=ingested,
        size=size,
        sealed=sealed,
    )
    values = {
        "first": min(one.first or first, first),
        "last": max(one.last, last),
        "ingested": ingested,
        "next_batch": one.next_batch + 1,
    }
    tx.execute(sa.update(streams).where(_S.id == one.id).values(**values))


def batches_from(tx: Any, stream_id: str, number: int, limit: int) -> list[Any]:
    """Batches of a stream from a number on."""
    query = sa.select(batches).where(_B.stream_id == stream_id, _B.number >= number).order_by(_B.number)
    return list(tx.all(query.limit(limit)))


def batches_before(tx: Any, stream_id: str, number: int, limit: int) -> list[Any]:
    """Batches of a stream up to a number, the latest first."""
    query = sa.select(batches).where(_B.stream_id == stream_id, _B.number <= number).order_by(_B.number.desc())
    return list(tx.all(query.limit(limit)))


def batch_heads(tx: Any, group_id: str, start: int, end: int) -> list[Any]:
    """(stream, number, first) of the group's batches that may hold events of the time range, in order of time."""
    query = sa.select(_B.stream_id, _B.number, _B.first).where(
        _B.group_id == group_id, _B.last >= start, _B.first <= end
    )
    return list(tx.all(query.order_by(_B.first, _B.stream_id, _B.number)))


def batch(tx: Any, stream_id: str, number: int) -> Any:
    """One batch's row, or None."""
    return tx.one(sa.select(batches).where(_B.stream_id == stream_id, _B.number == number))


def drop_before(tx: Any, group_id: str, oldest: int) -> None:
    """Drop batches whose last event is older."""
    tx.execute(sa.delete(batches).where(_B.group_id == group_id, _B.last < oldest))


def policies(tx: Any, account: str, region: str) -> list[Any]:
    """The account's resource policies in order of name."""
    query = sa.select(resource_policies).where(_P.account == account, _P.region == region)
    return list(tx.all(query.order_by(_P.name)))


def put_policy(tx: Any, account: str, region: str, name: str, document: str, now: int) -> None:
    """Insert or replace a resource policy."""
    keys = {"account": account, "region": region, "name": name}
    tx.upsert(resource_policies, keys, {"document": document, "updated": now})


def delete_policy(tx: Any, account: str, region: str, name: str) -> bool:
    """Drop a resource policy; whether it was there."""
    where = sa.and_(_P.account == account, _P.region == region, _P.name == name)
    return bool(tx.execute(sa.delete(resource_policies).where(where)).rowcount)
