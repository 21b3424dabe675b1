"""Which blobs no row holds: the database's side of sweeping."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from codeyard.storage.database import Database
from codeyard.storage.system import blobs
from codeyard.storage.tx import Tx

STEP = 500


def unheld(db: Database, blob_ids: Sequence[str], before: int) -> list[str]:
    """Those of the blobs that were never adopted, or that every row released before `before`.

    Their rows go in the same write, so that a blob released long ago is forgotten whole.
    """
    found: list[str] = []
    for start in range(0, len(blob_ids), STEP):
        some = blob_ids[start : start + STEP]
        found += db.write(partial(_drop, some=some, before=before))
    return found


def _drop(tx: Tx, some: Sequence[str], before: int) -> list[str]:
    rows = tx.all(sa.select(blobs.c.id, blobs.c.refs, blobs.c.released).where(blobs.c.id.in_(some)))
    kept = {row.id for row in rows if row.refs > 0 or row.released >= before}
    gone = [blob_id for blob_id in some if blob_id not in kept]
    released = [row.id for row in rows if row.id not in kept]
    if released:
        tx.execute(sa.delete(blobs).where(blobs.c.id.in_(released)))
    return gone
