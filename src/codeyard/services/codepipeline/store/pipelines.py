"""SQL of pipelines, their versions, transitions and watched sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from codeyard.services.codepipeline.model.definition import Definition, parse
from codeyard.services.codepipeline.store.tables import (
    action_runs,
    executions,
    jobs,
    pipelines,
    stage_runs,
    start_tokens,
    transitions,
    versions,
    watches,
)
from codeyard.storage import Row, Tx, dumps, loads


@dataclass(frozen=True, slots=True)
class Watch:
    """A source that a pipeline takes: `resource` and `item` are repository and branch, or bucket and key."""

    action: str
    provider: str
    resource: str
    item: str
    polls: bool


def by_name(tx: Tx, account: str, region: str, name: str) -> Row | None:
    """The pipeline of that name, or None."""
    c = pipelines.c
    return tx.one(sa.select(pipelines).where(c.account == account, c.region == region, c.name == name))


def by_uid(tx: Tx, uid: str) -> Row | None:
    """The pipeline, or None when it was deleted."""
    return tx.one(sa.select(pipelines).where(pipelines.c.uid == uid))


def page(tx: Tx, account: str, region: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` pipelines by name, after a name."""
    c = pipelines.c
    where = (c.account == account, c.region == region, c.name > after)
    return tx.all(sa.select(pipelines).where(*where).order_by(c.name).limit(limit))


def count(tx: Tx, account: str, region: str) -> int:
    """How many pipelines the account has in the region."""
    c = pipelines.c
    found = tx.scalar(sa.select(sa.func.count()).select_from(pipelines).where(c.account == account, c.region == region))
    return int(found)


def create(tx: Tx, row: dict[str, Any], definition: dict[str, Any]) -> None:
    """Insert a pipeline and its first version."""
    tx.insert(pipelines, **row, version=1, executions=0, seq=0, updated=row["created"])
    tx.insert(versions, uid=row["uid"], version=1, definition=dumps(definition), created=row["created"])


def new_version(tx: Tx, uid: str, definition: dict[str, Any], now: int) -> None:
    """Make a definition the pipeline's current version."""
    values = {
        "version": definition["version"],
        "mode": definition["executionMode"],
        "type": definition["pipelineType"],
        "role_arn": definition["roleArn"],
        "updated": now,
    }
    tx.execute(sa.update(pipelines).where(pipelines.c.uid == uid).values(**values))
    tx.insert(versions, uid=uid, version=definition["version"], definition=dumps(definition), created=now)


def declaration(tx: Tx, uid: str, version: int) -> dict[str, Any] | None:
    """The declaration of one version, or None."""
    where = (versions.c.uid == uid, versions.c.version == version)
    text = tx.scalar(sa.select(versions.c.definition).where(*where))
    return loads(text) if text is not None else None


def definition(tx: Tx, uid: str, version: int) -> Definition:
    """The engine's view of a version that exists."""
    found = declaration(tx, uid, version)
    if found is None:
        raise LookupError(f"pipeline {uid} has no version {version}")
    return parse(found)


def next_execution(tx: Tx, uid: str) -> int:
    """The number of a new execution."""
    return _next(tx, uid, pipelines.c.executions)


def next_seq(tx: Tx, uid: str) -> int:
    """The place of a new stage entry or action attempt in the pipeline's history."""
    return _next(tx, uid, pipelines.c.seq)


def _next(tx: Tx, uid: str, column: sa.Column[Any]) -> int:
    tx.execute(sa.update(pipelines).where(pipelines.c.uid == uid).values({column: column + 1}))
    return int(tx.scalar(sa.select(column).where(pipelines.c.uid == uid)))


def set_tags(tx: Tx, uid: str, tags: dict[str, str]) -> None:
    """Replace the pipeline's tags."""
    tx.execute(sa.update(pipelines).where(pipelines.c.uid == uid).values(tags=dumps(tags)))


def delete(tx: Tx, uid: str) -> None:
    """Remove the pipeline and all its history."""
    for table in (versions, transitions, watches, executions, start_tokens, stage_runs, action_runs, jobs, pipelines):
        tx.execute(sa.delete(table).where(table.c.uid == uid))


def set_transition(tx: Tx, uid: str, stage: str, side: str, **values: Any) -> None:
    """Store the state of one side of a stage's transition."""
    tx.upsert(transitions, {"uid": uid, "stage": stage, "side": side}, values)


def all_transitions(tx: Tx, uid: str) -> list[Row]:
    """The transitions that were ever changed."""
    return tx.all(sa.select(transitions).where(transitions.c.uid == uid))


def set_watches(tx: Tx, pipeline: Row, wanted: Iterable[Watch]) -> None:
    """Replace the sources that the pipeline watches; what it has seen of a source that stays is kept."""
    c = watches.c
    seen = {(r.action, r.resource, r.item): r for r in _watches(tx, pipeline.uid)}
    tx.execute(sa.delete(watches).where(c.uid == pipeline.uid))
    for w in wanted:
        old = seen.get((w.action, w.resource, w.item))
        tx.insert(
            watches,
            uid=pipeline.uid,
            action=w.action,
            provider=w.provider,
            account=pipeline.account,
            region=pipeline.region,
            resource=w.resource,
            item=w.item,
            polls=int(w.polls),
            seen=old.seen if old else "",
            seen_by=old.seen_by if old else "",
        )


def _watches(tx: Tx, uid: str) -> list[Row]:
    return tx.all(sa.select(watches).where(watches.c.uid == uid))


def watch(tx: Tx, uid: str, action: str) -> Row | None:
    """What the pipeline has seen of one source."""
    return tx.one(sa.select(watches).where(watches.c.uid == uid, watches.c.action == action))


def watches_of(tx: Tx, uid: str) -> list[Row]:
    """The sources of a pipeline."""
    return _watches(tx, uid)


def watchers(tx: Tx, provider: str, account: str, region: str, resource: str, item: str) -> list[Row]:
    """The watches on one branch or object."""
    c = watches.c
    where = (c.provider == provider, c.account == account, c.region == region, c.resource == resource, c.item == item)
    return tx.all(sa.select(watches).where(*where))


def see(tx: Tx, uid: str, action: str, revision: str, execution: str) -> None:
    """Remember the revision that an execution takes."""
    c = watches.c
    tx.execute(sa.update(watches).where(c.uid == uid, c.action == action).values(seen=revision, seen_by=execution))


def polled_uids(tx: Tx, provider: str) -> list[str]:
    """The pipelines that watch sources of a provider without a rule."""
    c = watches.c
    rows = tx.all(sa.select(c.uid).where(c.provider == provider, c.polls == 1).distinct())
    return [r.uid for r in rows]
