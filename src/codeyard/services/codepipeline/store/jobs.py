"""SQL of jobs: what job workers poll for. An action has one open job at a time; a continued one has several in turn."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.services.codepipeline.store.custom import Place
from codeyard.services.codepipeline.store.tables import jobs
from codeyard.storage import Row, Tx

c = jobs.c
OPEN = ("Queued", "Dispatched", "InProgress")


def insert(tx: Tx, **values: Any) -> None:
    """A new job, which nobody was offered."""
    tx.insert(jobs, **values, status="Queued", offered_until=0, nonce="")


def get(tx: Tx, job: str) -> Row | None:
    """The job, or None."""
    return tx.one(sa.select(jobs).where(c.id == job))


def update(tx: Tx, job: str, **values: Any) -> None:
    """Change a job."""
    tx.execute(sa.update(jobs).where(c.id == job).values(**values))


def of_run(tx: Tx, run: str) -> list[Row]:
    """Every job of an action's run."""
    return tx.all(sa.select(jobs).where(c.run == run).order_by(c.created))


def waiting(tx: Tx, place: Place, query: str, now: int, limit: int) -> list[Row]:
    """The oldest jobs of a type that may be offered; with `query`, those whose property has that value."""
    where = [c[name] == value for name, value in place._asdict().items()]
    where += [c.status.in_(OPEN[:2]), c.offered_until <= now]
    if query:
        where.append(c.query == query)
    return tx.all(sa.select(jobs).where(*where).order_by(c.created).limit(limit))


def close(tx: Tx, run: str) -> None:
    """The run has ended: whatever job of it is still open is not to be done any more."""
    tx.execute(sa.update(jobs).where(c.run == run, c.status.in_(OPEN)).values(status="TimedOut"))
