"""How a CloudTrail record becomes index columns: pure rules for `tx.audit`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECOND = 1_000_000


def micros(moment: object) -> int | None:
    """Microseconds of an eventTime (RFC 3339 text or datetime), None when it is neither."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(moment, datetime):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + moment.microsecond


def record_time(record: Mapping[str, Any], now: int) -> int:
    """When the call was, to the microsecond where the clock still stands in the record's second."""
    stated = micros(record.get("eventTime"))
    if stated is None:
        return now
    if stated % SECOND:
        return stated
    return stated + min(max(now - stated, 0), SECOND - 1)


def user_name(record: Mapping[str, Any]) -> str:
    """The Username that LookupEvents shows: the user, the session name of a role, root, or the service."""
    identity = record.get("userIdentity") or {}
    if identity.get("userName"):
        return str(identity["userName"])
    if identity.get("type") == "Root":
        return "root"
    if identity.get("type") in ("AssumedRole", "FederatedUser"):
        return str(identity.get("arn", "")).rpartition("/")[2]
    return str(identity.get("invokedBy") or "")


def resource_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, type) pairs to find a record by: each resource's ARN and its last part."""
    rows: dict[str, str] = {}
    for resource in record.get("resources") or ():
        name = str(resource.get("ARN") or resource.get("resourceName") or "")
        kind = str(resource.get("type") or resource.get("resourceType") or "")
        short = name.rpartition("/")[2] or name
        for label in (name, short.rpartition(":")[2] or short):
            if label:
                rows.setdefault(label, kind)
    return list(rows.items())


def is_read_only(record: Mapping[str, Any]) -> int:
    """1 for a record of a read, else 0."""
    return 1 if record.get("readOnly") in (True, "true") else 0
