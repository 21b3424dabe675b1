"""Dropping what is past a group's retention, once a day by a timer."""

from __future__ import annotations

from typing import Any

from codeyard.engine import Kit
from codeyard.platform.cloudwatch_logs import store

RETENTION = "logs.retention"
_DAY = 86_400 * 1_000_000


class Retention:
    """The reconciler of one group's retention."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def sweep(self, group_id: str) -> None:
        """Drop expired batches and plan the next day's look."""
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            group = store.group_by_id(tx, group_id)
            if group is None or not group.retention:
                return
            store.drop_before(tx, group_id, group.oldest(now // 1000))
            tx.timer(RETENTION, group_id, now + _DAY)

        self._kit.db.write(write)
