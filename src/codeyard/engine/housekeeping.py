"""What is dropped in time: closed effects and jobs, old trail records, blobs that nobody holds."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from codeyard.contract import Clock
from codeyard.engine.settings import Settings
from codeyard.storage import Blobs, Database, Tx
from codeyard.storage.system import audit, audit_resources, effects, jobs

log = logging.getLogger(__name__)
SECOND = 1_000_000
DAY = 86_400 * SECOND
EFFECTS_KEPT = 14 * DAY
JOBS_KEPT = DAY


def tidy(db: Database, blobs: Blobs, clock: Clock, settings: Settings) -> None:
    """Drop what is past its time."""
    now = clock.now()
    db.write(lambda tx: _closed(tx, now))
    db.write(lambda tx: _trail(tx, now - settings.trail_retention_days * DAY))
    swept = blobs.sweep(settings.blob_grace * SECOND)
    if swept:
        log.info("swept %d blobs that no row holds", swept)


def _closed(tx: Tx, now: int) -> None:
    tx.execute(sa.delete(effects).where(effects.c.state == "done", effects.c.due < now - EFFECTS_KEPT))
    tx.execute(sa.delete(jobs).where(jobs.c.state == "done", jobs.c.lease_until < now - JOBS_KEPT))


def _trail(tx: Tx, before: int) -> None:
    tx.execute(sa.delete(audit_resources).where(audit_resources.c.time < before))
    tx.execute(sa.delete(audit).where(audit.c.time < before))
