"""The SQL that reads the trail."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.platform.cloudtrail.lookups import Question
from codeyard.storage.system import audit, audit_resources

_COLUMNS = {
    "EventId": audit.c.event_id,
    "EventName": audit.c.event_name,
    "EventSource": audit.c.event_source,
    "Username": audit.c.username,
    "AccessKeyId": audit.c.access_key_id,
}
_RESOURCES = {"ResourceName": audit_resources.c.resource_name, "ResourceType": audit_resources.c.resource_type}


def look_up(tx: Any, asked: Question) -> list[Any]:
    """The matching records, newest first: one more than the page holds when there is a next one."""
    query = sa.select(audit.c.event_id, audit.c.time, audit.c.username, audit.c.record).where(
        audit.c.account == asked.account,
        audit.c.region == asked.region,
        audit.c.time.between(asked.start, asked.end),
    )
    for condition in _conditions(asked):
        query = query.where(condition)
    newest = query.order_by(audit.c.time.desc(), audit.c.event_id.desc()).limit(asked.limit + 1)
    return list(tx.all(newest))


def _conditions(asked: Question) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if asked.attribute == "ReadOnly":
        found.append(audit.c.read_only == (1 if asked.value == "true" else 0))
    elif asked.attribute in _COLUMNS:
        found.append(_COLUMNS[asked.attribute] == asked.value)
    elif asked.attribute in _RESOURCES:
        found.append(audit.c.event_id.in_(_events_of_resource(asked)))
    if asked.after is not None:
        time, event_id = asked.after
        same = sa.and_(audit.c.time == time, audit.c.event_id < event_id)
        found.append(sa.or_(audit.c.time < time, same))
    return found


def _events_of_resource(asked: Question) -> sa.Select[Any]:
    return sa.select(audit_resources.c.event_id).where(
        audit_resources.c.account == asked.account,
        audit_resources.c.region == asked.region,
        _RESOURCES[asked.attribute] == asked.value,
        audit_resources.c.time.between(asked.start, asked.end),
    )
