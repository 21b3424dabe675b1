"""All SQL of CodeBuild. Times are microseconds, booleans 0/1, JSON is text."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from codeyard.storage import Key, Row, Tx, dumps, loads, schema

projects = Table(
    "codebuild_projects",
    schema,
    Column("account", Key(), primary_key=True),
    Column("region", Key(), primary_key=True),
    Column("name", Key(), primary_key=True),
    Column("document", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)

counters = Table(
    "codebuild_counters",
    schema,
    Column("account", Key(), primary_key=True),
    Column("region", Key(), primary_key=True),
    Column("project", Key(), primary_key=True),
    Column("builds", BigInteger, nullable=False),
)

builds = Table(
    "codebuild_builds",
    schema,
    Column("id", Key(), primary_key=True),
    Column("account", Key(), nullable=False),
    Column("region", Key(), nullable=False),
    Column("project", Key(), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("status", Key(), nullable=False),
    Column("stage", Key(), nullable=False),  # queued, offered, claimed, running, ended
    Column("deadline", BigInteger, nullable=False),
    Column("runner", Text, nullable=False),
    Column("reports", BigInteger, nullable=False),  # the last report of the runner that counted
    Column("record", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("log_size", BigInteger, nullable=False),
    Column("log_shipped", BigInteger, nullable=False),
    Column("log_state", Text, nullable=False),  # new, open, refused, off
    Index("ix_codebuild_builds_listing", "account", "region", "created", "id"),
    Index("ix_codebuild_builds_project", "account", "region", "project", "stage", "created"),
)

tokens = Table(
    "codebuild_tokens",
    schema,
    Column("account", Key(), primary_key=True),
    Column("region", Key(), primary_key=True),
    Column("token", Key(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("build", Key(), nullable=False),
    Column("expires", BigInteger, nullable=False),
)

segments = Table(
    "codebuild_segments",
    schema,
    Column("build", Key(), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("length", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

registered = Table(
    "codebuild_runners",
    schema,
    Column("principal", Key(), primary_key=True),
    Column("account", Key(), nullable=False),
    Column("name", Text, nullable=False),
    Column("fleet", Key(), nullable=False),
    Column("created", BigInteger, nullable=False),
)

invitations = Table(
    "codebuild_invitations",
    schema,
    Column("digest", Key(), primary_key=True),
    Column("account", Key(), nullable=False),
    Column("fleet", Key(), nullable=False),
    Column("expires", BigInteger, nullable=False),
)


def project(tx: Tx, account: str, region: str, name: str) -> Row | None:
    """A project's row."""
    return tx.one(_one_project, {"a": account, "r": region, "n": name})


def insert_project(tx: Tx, account: str, region: str, name: str, document: dict[str, Any], now: int) -> None:
    """A new project."""
    values = {"document": dumps(document), "created": now, "modified": now, "version": 1}
    tx.insert(projects, account=account, region=region, name=name, **values)


def update_project(tx: Tx, row: Row, document: dict[str, Any], now: int) -> None:
    """Replace a project's document."""
    values = {"document": dumps(document), "modified": now, "version": row.version + 1}
    tx.execute(sa.update(projects).where(*_project_is(row.account, row.region, row.name)).values(values))


def delete_project(tx: Tx, account: str, region: str, name: str) -> bool:
    """Delete a project; whether it was there."""
    return tx.execute(sa.delete(projects).where(*_project_is(account, region, name))).rowcount > 0


def list_projects(tx: Tx, account: str, region: str) -> list[Row]:
    """Names and times of all projects."""
    columns = (projects.c.name, projects.c.created, projects.c.modified)
    return tx.all(sa.select(*columns).where(projects.c.account == account, projects.c.region == region))


def next_number(tx: Tx, account: str, region: str, name: str) -> int:
    """The next build number of a project's name; it goes on when the project is made anew."""
    keys = {"account": account, "region": region, "project": name}
    same = sa.and_(*(counters.c[key] == value for key, value in keys.items()))
    number = int(tx.scalar(sa.select(counters.c.builds).where(same)) or 0) + 1
    tx.upsert(counters, keys, {"builds": number})
    return number


def build(tx: Tx, build_id: str) -> Row | None:
    """A build's row."""
    return tx.one(_one_build, {"i": build_id})


def builds_of(tx: Tx, account: str, region: str, ids: list[str]) -> list[Row]:
    """The rows of those ids that are the account's."""
    mine = sa.and_(builds.c.account == account, builds.c.region == region, builds.c.id.in_(ids))
    return tx.all(sa.select(builds).where(mine))


def insert_build(tx: Tx, record: dict[str, Any], plan: dict[str, Any], place: tuple[str, str], **values: Any) -> None:
    """A new build."""
    tx.insert(
        builds,
        id=record["id"],
        account=place[0],
        region=place[1],
        project=record["projectName"],
        created=record["startTime"],
        status=record["buildStatus"],
        runner="",
        reports=0,
        record=dumps(record),
        plan=dumps(plan),
        log_size=0,
        log_shipped=0,
        **values,
    )


def save_build(tx: Tx, record: dict[str, Any], **values: Any) -> None:
    """Keep a build's record and columns."""
    known = {"record": dumps(record), "status": record["buildStatus"], **values}
    tx.execute(sa.update(builds).where(builds.c.id == record["id"]).values(known))


def set_build(tx: Tx, build_id: str, **values: Any) -> None:
    """Set columns of a build."""
    tx.execute(sa.update(builds).where(builds.c.id == build_id).values(values))


def delete_build(tx: Tx, build_id: str) -> None:
    """Delete a build with its log."""
    tx.execute(sa.delete(builds).where(builds.c.id == build_id))
    tx.execute(sa.delete(segments).where(segments.c.build == build_id))
    tx.execute(sa.delete(tokens).where(tokens.c.build == build_id))


def page_of_builds(
    tx: Tx, of: tuple[str, str, str], *, oldest_first: bool, after: tuple[int, str] | None, limit: int
) -> list[Row]:
    """(id, created) of the builds of (account, region, project or nothing), by their start."""
    account, region, project_name = of
    where = [builds.c.account == account, builds.c.region == region]
    if project_name:
        where.append(builds.c.project == project_name)
    place = sa.tuple_(builds.c.created, builds.c.id)
    if after is not None:
        mark = sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        where.append(place > mark if oldest_first else place < mark)
    order = (builds.c.created, builds.c.id) if oldest_first else (builds.c.created.desc(), builds.c.id.desc())
    return tx.all(sa.select(builds.c.id, builds.c.created).where(*where).order_by(*order).limit(limit))


def active(tx: Tx, account: str, region: str, name: str) -> int:
    """How many builds of a project a runner has or may take."""
    stages = builds.c.stage.in_(("offered", "claimed", "running"))
    return int(
        tx.scalar(sa.select(sa.func.count()).select_from(builds).where(*_of(account, region, name), stages)) or 0
    )


def queued(tx: Tx, account: str, region: str, name: str, limit: int) -> list[Row]:
    """The project's builds that wait, first come first."""
    query = sa.select(builds).where(*_of(account, region, name), builds.c.stage == "queued")
    return tx.all(query.order_by(builds.c.created, builds.c.id).limit(limit))


def token(tx: Tx, account: str, region: str, value: str) -> Row | None:
    """What an idempotency token was used for."""
    same = (tokens.c.account == account, tokens.c.region == region, tokens.c.token == value)
    return tx.one(sa.select(tokens).where(*same))


def keep_token(tx: Tx, account: str, region: str, value: str, **values: Any) -> None:
    """Remember an idempotency token, and forget those that are over."""
    tx.execute(sa.delete(tokens).where(tokens.c.expires < tx.now))
    tx.upsert(tokens, {"account": account, "region": region, "token": value}, values)


def append_segment(tx: Tx, build_id: str, start: int, length: int, time: int, sealed: bytes) -> None:
    """One more piece of a build's log."""
    tx.insert(segments, build=build_id, start=start, length=length, time=time, sealed=sealed)
    set_build(tx, build_id, log_size=start + length)


def read_segments(tx: Tx, build_id: str, offset: int, limit: int) -> list[Row]:
    """The pieces that hold or follow the offset."""
    query = sa.select(segments).where(segments.c.build == build_id, segments.c.start + segments.c.length > offset)
    return tx.all(query.order_by(segments.c.start).limit(limit))


def runner(tx: Tx, principal: str) -> Row | None:
    """The runner that a principal is."""
    return tx.one(sa.select(registered).where(registered.c.principal == principal))


def take_invitation(tx: Tx, digest: str, account: str, now: int) -> Row | None:
    """Use a one-time token up; its row, None where it is unknown, over or another account's."""
    same = (invitations.c.digest == digest, invitations.c.account == account)
    row = tx.one(sa.select(invitations).where(*same))
    tx.execute(sa.delete(invitations).where(sa.or_(sa.and_(*same), invitations.c.expires < now)))
    return row if row is not None and row.expires >= now else None


def record_of(row: Row) -> dict[str, Any]:
    """A build's record."""
    found: dict[str, Any] = loads(row.record)
    return found


def _of(account: str, region: str, name: str) -> tuple[Any, ...]:
    return builds.c.account == account, builds.c.region == region, builds.c.project == name


def _project_is(account: str, region: str, name: str) -> tuple[Any, ...]:
    return projects.c.account == account, projects.c.region == region, projects.c.name == name


_one_build = sa.select(builds).where(builds.c.id == sa.bindparam("i"))
_one_project = sa.select(projects).where(
    projects.c.account == sa.bindparam("a"),
    projects.c.region == sa.bindparam("r"),
    projects.c.name == sa.bindparam("n"),
)
