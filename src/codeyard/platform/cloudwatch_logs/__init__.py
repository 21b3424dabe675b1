"""CloudWatch Logs: groups, streams and sealed batches of events."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.cloudwatch_logs.access import access
from codeyard.platform.cloudwatch_logs.api import CloudWatchLogs
from codeyard.platform.cloudwatch_logs.errors import error_for
from codeyard.platform.cloudwatch_logs.retention import RETENTION, Retention

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """CloudWatch Logs over the database."""
    return Part(
        service="logs",
        api=CloudWatchLogs(kit),
        access=access(kit.db),
        errors=error_for,
        reconcilers={RETENTION: Retention(kit).sweep},
    )
