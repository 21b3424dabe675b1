"""All SQL of CodeBuild. Projects and builds are JSON documents with the columns that are searched by."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.storage import Key, Row, Tx, dumps, loads, schema

projects = sa.Table(
    "codebuild_projects",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("builds", sa.BigInteger, nullable=False),
    sa.Column("doc", sa.Text, nullable=False),
)
builds = sa.Table(
    "codebuild_builds",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("project", Key(), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("state", Key(), nullable=False),
    sa.Column("doc", sa.Text, nullable=False),
    sa.Index("codebuild_builds_by_project", "account", "region", "project", "created", "id"),
    sa.Index("codebuild_builds_by_time", "account", "region", "created", "id"),
    sa.Index("codebuild_builds_by_state", "account", "region", "project", "state"),
)
tokens = sa.Table(
    "codebuild_tokens",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("token", Key(), primary_key=True),
    sa.Column("build", Key(), nullable=False),
    sa.Column("request", Key(), nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)


def project_row(tx: Tx, account: str, region: str, name: str) -> Row | None:
    """A project's row."""
    c = projects.c
    return tx.one(sa.select(projects).where(c.account == account, c.region == region, c.name == name))


def project_names(tx: Tx, account: str, region: str, by: str, descending: bool, offset: int, limit: int) -> list[str]:
    """Names in the order that ListProjects was asked for."""
    c = projects.c
    column = {"CREATED_TIME": c.created, "LAST_MODIFIED_TIME": c.modified}.get(by, c.name)
    order = [column.desc(), c.name.desc()] if descending else [column, c.name]
    found = sa.select(c.name).where(c.account == account, c.region == region).order_by(*order)
    return [row.name for row in tx.all(found.offset(offset).limit(limit))]


def save_project(tx: Tx, account: str, region: str, doc: dict[str, Any], created: int, modified: int) -> None:
    """Insert or replace a project; its build counter stays."""
    keys = {"account": account, "region": region, "name": doc["name"]}
    row = project_row(tx, account, region, doc["name"])
    values = {"created": created, "modified": modified, "builds": row.builds if row else 0, "doc": dumps(doc)}
    tx.upsert(projects, keys, values)


def delete_project(tx: Tx, account: str, region: str, name: str) -> None:
    """Remove a project; its builds stay."""
    c = projects.c
    tx.execute(sa.delete(projects).where(c.account == account, c.region == region, c.name == name))


def next_number(tx: Tx, account: str, region: str, name: str) -> int:
    """Count one more build of the project."""
    c = projects.c
    where = (c.account == account, c.region == region, c.name == name)
    tx.execute(sa.update(projects).where(*where).values(builds=c.builds + 1))
    return int(tx.scalar(sa.select(c.builds).where(*where)))


def build(tx: Tx, build_id: str) -> dict[str, Any] | None:
    """A build's document."""
    row = tx.one(sa.select(builds.c.doc).where(builds.c.id == build_id))
    return None if row is None else loads(row.doc)


def insert_build(tx: Tx, doc: dict[str, Any]) -> None:
    """A new build."""
    names = ("id", "account", "region", "project", "number", "created", "state")
    tx.insert(builds, doc=dumps(doc), **{name: doc[name] for name in names})


def save_build(tx: Tx, doc: dict[str, Any]) -> None:
    """Write a build's document back."""
    tx.execute(sa.update(builds).where(builds.c.id == doc["id"]).values(state=doc["state"], doc=dumps(doc)))


def delete_build(tx: Tx, build_id: str) -> None:
    """Forget a build."""
    tx.execute(sa.delete(builds).where(builds.c.id == build_id))


def build_ids(
    tx: Tx, account: str, region: str, project: str | None, descending: bool, after: tuple[int, str] | None, limit: int
) -> list[tuple[int, str]]:
    """(created, id) in order of creation, after a place."""
    c = builds.c
    found = sa.select(c.created, c.id).where(c.account == account, c.region == region)
    if project is not None:
        found = found.where(c.project == project)
    if after is not None:
        place, mark = sa.tuple_(c.created, c.id), sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        found = found.where(place < mark if descending else place > mark)
    order = (c.created.desc(), c.id.desc()) if descending else (c.created, c.id)
    return [(row.created, row.id) for row in tx.all(found.order_by(*order).limit(limit))]


def count_in_state(tx: Tx, account: str, region: str, project: str, states: tuple[str, ...]) -> int:
    """How many builds of the project are in these states."""
    c = builds.c
    where = (c.account == account, c.region == region, c.project == project, c.state.in_(states))
    return int(tx.scalar(sa.select(sa.func.count()).select_from(builds).where(*where)))


def waiting(tx: Tx, account: str, region: str, project: str, limit: int) -> list[str]:
    """The project's builds that wait for their turn, oldest first."""
    c = builds.c
    where = (c.account == account, c.region == region, c.project == project, c.state == "waiting")
    return [row.id for row in tx.all(sa.select(c.id).where(*where).order_by(c.created, c.id).limit(limit))]


def token_row(tx: Tx, account: str, region: str, token: str) -> Row | None:
    """What an idempotency token was used for."""
    c = tokens.c
    return tx.one(sa.select(tokens).where(c.account == account, c.region == region, c.token == token))


def save_token(tx: Tx, account: str, region: str, token: str, build_id: str, request: str, until: int) -> None:
    """Remember a token."""
    keys = {"account": account, "region": region, "token": token}
    tx.upsert(tokens, keys, {"build": build_id, "request": request, "until": until})
