"""Sessions that were ended before their time. A row counts for as long as a session of a role may last."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.platform.iam.store.tables import CHANNEL, ended_sessions
from codeyard.storage import Tx

LONGEST = 12 * 3_600_000_000  # microseconds: AssumeRole's longest DurationSeconds

_E = ended_sessions.c
_WHEN = sa.select(_E.ended).where(
    _E.role_id == sa.bindparam("role_id"), _E.session_name == sa.bindparam("session_name")
)


def end(tx: Tx, role_id: str, session_name: str) -> None:
    """End the sessions of a role that have this name and have begun by now."""
    tx.notify(CHANNEL)
    tx.execute(sa.delete(ended_sessions).where(_E.ended < tx.now - LONGEST))
    tx.upsert(ended_sessions, {"role_id": role_id, "session_name": session_name}, {"ended": tx.now})


def is_ended(tx: Tx, role_id: str, session_name: str, begun: int) -> bool:
    """Whether a session that began at `begun` (microseconds) has been ended."""
    when = tx.scalar(_WHEN, {"role_id": role_id, "session_name": session_name})
    return when is not None and begun <= int(when)
