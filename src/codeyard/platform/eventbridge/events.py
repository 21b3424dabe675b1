"""The event as consumers see it: the exact JSON envelope, and the event that a schedule makes."""

from __future__ import annotations

import uuid
from typing import Any

from codeyard.engine import EventRow
from codeyard.formats.moments import iso_z

_NAMESPACE = uuid.UUID("7a4f3c1e-2f0d-5d0c-9a53-3c8a6f1d0e21")


def envelope(event: EventRow) -> dict[str, Any]:
    """The event's JSON, members in EventBridge's order."""
    return {
        "version": "0",
        "id": event.id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": event.account,
        "time": iso_z(event.time),
        "region": event.region,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def scheduled(rule_arn: str, account: str, region: str, time: int) -> dict[str, Any]:
    """The event of a schedule; its id follows from rule and time, so that firing twice is the same event."""
    return envelope(
        EventRow(
            id=str(uuid.uuid5(_NAMESPACE, f"{rule_arn}@{time}")),
            source="aws.events",
            detail_type="Scheduled Event",
            detail={},
            account=account,
            region=region,
            time=time,
            resources=(rule_arn,),
            bus="default",
        )
    )
