"""What waits to be delivered, the files on their way, and the chain of digests of each region.

A record belongs to one file from the moment it is assigned, before anything is written to the bucket: whoever goes on
after a crash writes the same bytes to the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.storage import Key, dumps, loads, schema
from codeyard.storage.system import audit, audit_queue

# A file is there while it is written (`delivered` 0), and then until a digest names it.
files = sa.Table(
    "cloudtrail_files",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("trail", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("oldest", sa.BigInteger, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False),
    sa.Column("delivered", sa.BigInteger, nullable=False),
    sa.Column("digest", Key(), nullable=False),
    sa.Index("ix_cloudtrail_files_trail", "trail", "region", "delivered"),
)
# `start` is where the next digest begins; `last` names the one before, `making` is one that is being written.
chains = sa.Table(
    "cloudtrail_chains",
    schema,
    sa.Column("trail", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("last", sa.Text),
    sa.Column("making", sa.Text),
)
TO_LOGS = "logs:"
_Q, _F, _C = audit_queue.c, files.c, chains.c


def waiting_regions(tx: Any, trail: str) -> list[str]:
    """The regions with records that belong to no file yet."""
    query = sa.select(_Q.region).where(_Q.trail == trail, _Q.file == "").distinct().order_by(_Q.region)
    return [row.region for row in tx.all(query)]


def assign(tx: Any, trail: str, region: str, file: Mapping[str, Any], limit: int) -> bool:
    """Begin a file with the oldest records that wait; False where none do."""
    query = sa.select(_Q.event_id).where(_Q.trail == trail, _Q.file == "", _Q.region == region)
    found = [row.event_id for row in tx.all(query.order_by(_Q.time, _Q.event_id).limit(limit))]
    if not found:
        return False
    empty = {"hash": "", "oldest": 0, "newest": 0, "delivered": 0, "digest": ""}
    tx.insert(files, trail=trail, region=region, **file, **empty)
    for at in range(0, len(found), 500):
        mine = sa.and_(_Q.trail == trail, _Q.event_id.in_(found[at : at + 500]))
        tx.execute(sa.update(audit_queue).where(mine).values(file=file["id"]))
    return True


def unwritten(tx: Any, trail: str) -> list[Any]:
    """The files that are not known to be in their bucket."""
    query = sa.select(files).where(_F.trail == trail, _F.delivered == 0)
    return list(tx.all(query.order_by(_F.id)))


def records(tx: Any, trail: str, mark: str) -> list[Any]:
    """(time, region, record) of what is marked, oldest first."""
    text = sa.func.coalesce(audit_queue.c.record, audit.c.record).label("record")
    joined = audit_queue.outerjoin(audit, audit.c.event_id == _Q.event_id)
    query = sa.select(_Q.time, _Q.region, text).select_from(joined).where(_Q.trail == trail, _Q.file == mark)
    return [row for row in tx.all(query.order_by(_Q.time, _Q.event_id)) if row.record]


def delivered(tx: Any, file: str, values: Mapping[str, Any]) -> None:
    """The file is in its bucket."""
    tx.execute(sa.update(files).where(_F.id == file).values(**values))


def mark(tx: Any, trail: str, was: str, now: str) -> None:
    """Mark a file's records with how far they are."""
    tx.execute(sa.update(audit_queue).where(_Q.trail == trail, _Q.file == was).values(file=now))


def drop_records(tx: Any, trail: str, mark: str) -> None:
    """These records are where they should be."""
    tx.execute(sa.delete(audit_queue).where(_Q.trail == trail, _Q.file == mark))


def drop_file(tx: Any, file: str) -> None:
    """Nothing more is to be done with a file."""
    tx.execute(sa.delete(files).where(_F.id == file))


def unassign(tx: Any, trail: str, file: str) -> None:
    """The file never was: its records wait again."""
    mark(tx, trail, file, "")
    drop_file(tx, file)


def for_logs(tx: Any, trail: str) -> list[str]:
    """The marks of records that a log group still has to get."""
    query = sa.select(_Q.file, sa.func.min(_Q.time)).where(_Q.trail == trail, _beyond()).group_by(_Q.file)
    return [row.file for row in tx.all(query.order_by(sa.func.min(_Q.time), _Q.file))]


def drop_older(tx: Any, trail: str, before: int) -> int:
    """Give up what its bucket has refused since then; how many records that were."""
    found = tx.execute(sa.delete(audit_queue).where(_Q.trail == trail, _Q.time < before, ~_beyond()))
    return int(found.rowcount)


def drop_older_logs(tx: Any, trail: str, before: int) -> None:
    """Give up what its log group has refused since then."""
    tx.execute(sa.delete(audit_queue).where(_Q.trail == trail, _Q.time < before, _beyond()))


def _beyond() -> sa.ColumnElement[bool]:
    """Records that are in the bucket, not yet in the log group."""
    return sa.and_(_Q.file >= TO_LOGS, _Q.file < "logs;")


def chain(tx: Any, trail: str, region: str) -> Any:
    """(start, last, making) of a region's digests, None where there are none."""
    row = tx.one(sa.select(chains).where(_C.trail == trail, _C.region == region))
    return None if row is None else (row.start, _read(row.last), _read(row.making))


def _read(text: str | None) -> Any:
    return None if text is None else loads(text)


def chained_regions(tx: Any, trail: str) -> list[str]:
    """The regions that digests are made of."""
    return [row.region for row in tx.all(sa.select(_C.region).where(_C.trail == trail).order_by(_C.region))]


def save_chain(tx: Any, trail: str, region: str, start: int, last: Any, making: Any) -> None:
    """Keep where a region's digests are."""
    texts = {"last": last and dumps(last), "making": making and dumps(making)}
    tx.upsert(chains, {"trail": trail, "region": region}, {"start": start, **texts})


def end_chain(tx: Any, trail: str, region: str) -> None:
    """The next digest of the region begins a new chain."""
    tx.execute(sa.delete(chains).where(_C.trail == trail, _C.region == region))


def undigested(tx: Any, trail: str, region: str, before: int) -> list[Any]:
    """The files that were delivered before a time and stand in no digest."""
    mine = sa.and_(_F.trail == trail, _F.region == region, _F.delivered > 0, _F.delivered < before, _F.digest == "")
    return list(tx.all(sa.select(files).where(mine).order_by(_F.delivered, _F.id)))


def undigested_regions(tx: Any, trail: str) -> list[str]:
    """The regions with files that stand in no digest."""
    query = sa.select(_F.region).where(_F.trail == trail, _F.digest == "").distinct().order_by(_F.region)
    return [row.region for row in tx.all(query)]


def take_into(tx: Any, found: Sequence[Any], digest: str) -> None:
    """These files stand in a digest that is being written."""
    for one in found:
        tx.execute(sa.update(files).where(_F.id == one.id).values(digest=digest))


def digested(tx: Any, trail: str, digest: str) -> None:
    """The digest is in its bucket: its files are done with."""
    tx.execute(sa.delete(files).where(_F.trail == trail, _F.digest == digest))


def undo_digest(tx: Any, trail: str, digest: str) -> None:
    """The digest never was: its files stand in none."""
    tx.execute(sa.update(files).where(_F.trail == trail, _F.digest == digest).values(digest=""))


def forget(tx: Any, trail: str) -> None:
    """Drop everything that a trail has not delivered."""
    tx.execute(sa.delete(audit_queue).where(_Q.trail == trail))
    tx.execute(sa.delete(files).where(_F.trail == trail))
    tx.execute(sa.delete(chains).where(_C.trail == trail))


def outstanding(tx: Any, trail: str) -> bool:
    """Whether anything of the trail is still to be delivered."""
    queries = (
        sa.select(_Q.trail).where(_Q.trail == trail).limit(1),
        sa.select(_F.trail).where(_F.trail == trail).limit(1),
        sa.select(_C.trail).where(_C.trail == trail).limit(1),
    )
    return any(tx.one(query) is not None for query in queries)
