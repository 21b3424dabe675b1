"""SQL of action runs: one row an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.services.codepipeline.store.tables import action_runs
from codeyard.storage import Row, Tx

c = action_runs.c


_FRESH: Mapping[str, Any] = {
    "current": 1,
    "status": "InProgress",
    "begun": 0,
    "updated_by": "",
    "external_id": "",
    "external_url": "",
    "summary": "",
    "error_code": "",
    "error_message": "",
    "percent": None,
    "log_stream": "",
    "configuration": "{}",
    "variables": "{}",
    "revision": "",
}


def insert(tx: Tx, **values: Any) -> None:
    """Insert a new attempt: in progress, not begun, the current one of its action."""
    tx.insert(action_runs, **_FRESH, **values)


def get(tx: Tx, run: str) -> Row | None:
    """The attempt, or None."""
    return tx.one(sa.select(action_runs).where(c.id == run))


def update(tx: Tx, run: str, **values: Any) -> None:
    """Change an attempt."""
    tx.execute(sa.update(action_runs).where(c.id == run).values(**values))


def current(tx: Tx, execution: str, stage: str) -> list[Row]:
    """The current attempts of an execution in a stage."""
    where = (c.execution == execution, c.stage == stage, c.current == 1)
    return tx.all(sa.select(action_runs).where(*where).order_by(c.seq))


def retire(tx: Tx, execution: str, stage: str, statuses: tuple[str, ...] = ()) -> None:
    """Make attempts past ones (those with the given statuses, or all), so that the actions start again."""
    query = sa.update(action_runs).where(c.execution == execution, c.stage == stage, c.current == 1)
    if statuses:
        query = query.where(c.status.in_(statuses))
    tx.execute(query.values(current=0))


def succeeded(tx: Tx, execution: str) -> list[Row]:
    """The current attempts of an execution that succeeded: what they made is what later actions get."""
    where = (c.execution == execution, c.current == 1, c.status == "Succeeded")
    return tx.all(sa.select(action_runs).where(*where).order_by(c.seq))


def made_for(tx: Tx, execution: Row) -> list[Row]:
    """What an execution's actions build on: what its own made, and for a rollback what those of its target made."""
    before = succeeded(tx, execution.rolls_back_to) if execution.rolls_back_to else []
    return before + succeeded(tx, execution.id)


def latest(tx: Tx, uid: str, stage: str, action: str) -> Row | None:
    """The newest attempt of an action over all executions, or None."""
    where = (c.uid == uid, c.stage == stage, c.action == action)
    return tx.one(sa.select(action_runs).where(*where).order_by(c.seq.desc()).limit(1))


def by_token(tx: Tx, uid: str, stage: str, action: str, token: str) -> Row | None:
    """The attempt that waits (or waited) for an approval under this token, or None."""
    where = (c.uid == uid, c.stage == stage, c.action == action, c.token == token)
    return tx.one(sa.select(action_runs).where(*where))


def by_external_id(tx: Tx, external_id: str) -> list[Row]:
    """The attempts that run as this build or deployment."""
    return tx.all(sa.select(action_runs).where(c.external_id == external_id, c.status == "InProgress"))


def running(tx: Tx) -> list[Row]:
    """Every attempt that is in progress outside."""
    return tx.all(sa.select(action_runs).where(c.status == "InProgress", c.external_id != ""))


def page(tx: Tx, uid: str, before: int | None, limit: int, execution: str = "", latest_only: bool = False) -> list[Row]:
    """Up to `limit` attempts, newest first; of one execution, and only its current ones, where asked."""
    query = sa.select(action_runs).where(c.uid == uid)
    if before is not None:
        query = query.where(c.seq < before)
    if execution:
        query = query.where(c.execution == execution)
    if latest_only:
        query = query.where(c.current == 1)
    return tx.all(query.order_by(c.seq.desc()).limit(limit))


def sources_of(tx: Tx, execution: str) -> list[Row]:
    """The current attempts of an execution that took a source revision."""
    where = (c.execution == execution, c.current == 1, c.revision != "")
    return tx.all(sa.select(action_runs).where(*where).order_by(c.seq))
