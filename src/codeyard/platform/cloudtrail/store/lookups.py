"""The SQL that reads the trail: the order of an index gives a page, however many records there are."""

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
_SHOWN = (audit.c.event_id, audit.c.time, audit.c.username, audit.c.record)


def look_up(tx: Any, asked: Question) -> list[Any]:
    """The matching records, newest first: one more than the page holds when there is a next one."""
    query = _of_resource(asked) if asked.attribute in _RESOURCES else _of_call(asked)
    return list(tx.all(query.order_by(audit.c.time.desc(), audit.c.event_id.desc()).limit(asked.limit + 1)))


def _of_call(asked: Question) -> sa.Select[Any]:
    query = sa.select(*_SHOWN).where(*_place(audit, asked))
    if asked.attribute == "ReadOnly":
        # As text: the index of what was no read serves a query that says so itself, and reads are most of a trail.
        return query.where(sa.text("audit.read_only = 1" if asked.value == "true" else "audit.read_only = 0"))
    return query.where(_COLUMNS[asked.attribute] == asked.value) if asked.attribute else query


def _of_resource(asked: Question) -> sa.Select[Any]:
    """A call may have several resources of a type: each of its records is found once."""
    table = audit_resources
    found = sa.select(table.c.time, table.c.event_id).where(_RESOURCES[asked.attribute] == asked.value)
    found = found.where(*_place(table, asked)).distinct()
    page = found.order_by(table.c.time.desc(), table.c.event_id.desc()).limit(asked.limit + 1).subquery()
    return sa.select(*_SHOWN).join(page, page.c.event_id == audit.c.event_id)


def _place(table: sa.Table, asked: Question) -> list[sa.ColumnElement[bool]]:
    """Where, when, and after which record."""
    found: list[sa.ColumnElement[bool]] = [
        table.c.account == asked.account,
        table.c.region == asked.region,
        table.c.time.between(asked.start, asked.end),
    ]
    if asked.after is not None:
        time, event_id = asked.after
        same = sa.and_(table.c.time == time, table.c.event_id < event_id)
        found.append(sa.or_(table.c.time < time, same))
    return found
