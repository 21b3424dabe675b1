"""SQL of executions and of the stages that they went through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.services.codepipeline.store.tables import executions, stage_runs, start_tokens
from codeyard.storage import Row, Tx

_FRESH: Mapping[str, Any] = {
    "status": "InProgress",
    "live": 1,
    "position": 0,
    "inside": 0,
    "stopping": 0,
    "abandon": 0,
    "stop_reason": "",
    "summary": "",
    "attempt": 1,
    "retried": 0,
    "rolls_back_to": None,
}


def insert(tx: Tx, **values: Any) -> None:
    """Insert a new execution: in progress, before its first stage."""
    tx.insert(executions, **{**_FRESH, **values})


def get(tx: Tx, execution: str) -> Row | None:
    """The execution, or None."""
    return tx.one(sa.select(executions).where(executions.c.id == execution))


def update(tx: Tx, execution: str, **values: Any) -> None:
    """Change an execution."""
    tx.execute(sa.update(executions).where(executions.c.id == execution).values(**values))


def live(tx: Tx, uid: str) -> list[Row]:
    """The executions that have not ended, oldest first."""
    c = executions.c
    return tx.all(sa.select(executions).where(c.live == 1, c.uid == uid).order_by(c.number))


def live_uids(tx: Tx) -> list[str]:
    """The pipelines that have an execution in progress."""
    return [r.uid for r in tx.all(sa.select(executions.c.uid).where(executions.c.live == 1).distinct())]


def page(tx: Tx, uid: str, before: int | None, limit: int, succeeded_in: str = "") -> list[Row]:
    """Up to `limit` executions, newest first; only those that succeeded in a stage, where one is named."""
    c = executions.c
    query = sa.select(executions).where(c.uid == uid)
    if before is not None:
        query = query.where(c.number < before)
    if succeeded_in:
        s = stage_runs.c
        passed = sa.select(s.execution).where(s.uid == uid, s.stage == succeeded_in, s.status == "Succeeded")
        query = query.where(c.id.in_(passed))
    return tx.all(query.order_by(c.number.desc()).limit(limit))


def remember_start(tx: Tx, uid: str, token: str, execution: str, request: str, now: int) -> None:
    """Bind a client request token to the execution that it started."""
    tx.insert(start_tokens, uid=uid, token=token, execution=execution, request=request, created=now)


def started_by(tx: Tx, uid: str, token: str) -> Row | None:
    """What a client request token started, or None."""
    return tx.one(sa.select(start_tokens).where(start_tokens.c.uid == uid, start_tokens.c.token == token))


def enter_stage(tx: Tx, execution: str, stage: str, uid: str, seq: int, now: int) -> None:
    """Record that the execution is in the stage."""
    tx.insert(
        stage_runs,
        execution=execution,
        stage=stage,
        uid=uid,
        seq=seq,
        status="InProgress",
        retries=0,
        retried=0,
        entered=now,
        updated=now,
    )


def stage_run(tx: Tx, execution: str, stage: str) -> Row | None:
    """The execution's run of a stage, or None when it was never in it."""
    c = stage_runs.c
    return tx.one(sa.select(stage_runs).where(c.execution == execution, c.stage == stage))


def update_stage(tx: Tx, execution: str, stage: str, **values: Any) -> None:
    """Change the execution's run of a stage."""
    c = stage_runs.c
    tx.execute(sa.update(stage_runs).where(c.execution == execution, c.stage == stage).values(**values))


def latest_in_stage(tx: Tx, uid: str, stage: str) -> Row | None:
    """The run of the execution that entered the stage last, or None."""
    c = stage_runs.c
    where = (c.uid == uid, c.stage == stage)
    return tx.one(sa.select(stage_runs).where(*where).order_by(c.seq.desc()).limit(1))
