"""How CloudTrail records become rows: index columns by pure rules, and many records in few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from codeyard.contract import Event
from codeyard.storage.schema import dumps

SECOND = 1_000_000
_RECORDS = (
    "INSERT INTO audit (event_id, account, region, time, event_name, event_source, username, access_key_id, "
    "read_only, record) VALUES "
)
_RESOURCES = "INSERT INTO audit_resources (event_id, resource_name, resource_type, account, region, time) VALUES "
_QUEUE = "INSERT INTO audit_queue (trail, event_id, account, region, time, file, record) VALUES "
_SIZES = (64, 16, 4, 1)  # rows in one statement: few texts, each prepared once
Row = tuple[Any, ...]
Rows = tuple[list[Row], list[Row], list[Row]]
_LARGEST_EVENT = 256 * 1024


class Followers:
    """Who has records delivered: CloudTrail sets `of`, which names the trails that want a record."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: Callable[[Mapping[str, Any]], Sequence[str]] = nobody


def nobody(record: Mapping[str, Any]) -> Sequence[str]:
    """Nobody wants it."""
    return ()


def rows_of(record: Mapping[str, Any], time: int, trails: Sequence[str] = ()) -> Rows:
    """A record's own row, those of what it is found by, and one for each trail that it is to be delivered to.

    A data event that succeeded is for the trails alone.
    """
    own = _own(record, time)
    event_id, account, region, _, *_, text = own
    shown = record.get("eventCategory") != "Data" or "errorCode" in record
    queued = [(trail, event_id, account, region, time, "", None if shown else text) for trail in trails]
    if not shown:
        return [], [], queued
    found = [(event_id, _storable(name), kind, account, region, time) for name, kind in resource_rows(record)]
    return [own], found, queued


def _own(record: Mapping[str, Any], time: int) -> Row:
    event_id, account = str(record["eventID"]), str(record.get("recipientAccountId") or "")
    region, who = str(record.get("awsRegion") or ""), record.get("userIdentity") or {}
    return (
        event_id,
        account,
        region,
        time,
        str(record.get("eventName") or ""),
        str(record.get("eventSource") or ""),
        _storable(user_name(record)),
        _storable(str(who.get("accessKeyId") or "")),
        is_read_only(record),
        dumps(record),
    )


def event_of(record: Mapping[str, Any], time: int) -> Event | None:
    """What EventBridge hears of a call that is on a trail; None of reads and of what is too big for an event."""
    if is_read_only(record) or len(dumps(record)) > _LARGEST_EVENT:
        return None
    source = "aws." + str(record.get("eventSource") or "").removesuffix(".amazonaws.com")
    kinds = {"AwsConsoleSignIn": "AWS Console Sign In", "AwsServiceEvent": "AWS Service Event"}
    kind = kinds.get(str(record.get("eventType")), "AWS API Call") + " via CloudTrail"
    account, region = str(record.get("recipientAccountId") or ""), str(record.get("awsRegion") or "")
    return Event(source, kind, record, account, region, time)


def write_rows(execute: Callable[[str, Row], Any], records: Sequence[Rows]) -> None:
    """Insert everything in a few statements with `?` placeholders: a driver's call costs more than a row does."""
    for text, rows in (
        (_RECORDS, [row for own, _, _ in records for row in own]),
        (_RESOURCES, [row for _, found, _ in records for row in found]),
        (_QUEUE, [row for _, _, queued in records for row in queued]),
    ):
        for part in _parts(rows):
            execute(_insert(text, len(part), len(part[0])), tuple([value for row in part for value in row]))


@lru_cache(maxsize=64)
def _insert(text: str, rows: int, columns: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return text + ", ".join([one] * rows)


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _storable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


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
