"""The trail: what was called lately, by whom."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from codeyard.console.web import Visit

_ATTRIBUTES = ("EventName", "Username", "ResourceName", "EventSource", "AccessKeyId", "ReadOnly")


async def index(visit: Visit) -> Response:
    """The latest events of one attribute; changes only, where nothing else is asked (reads are many)."""
    key, value = visit.query("key", "ReadOnly"), visit.query("value").strip()
    if "key" not in visit.request.query_params:
        value = "false"
    params: dict[str, Any] = {"MaxResults": 50}
    if key in _ATTRIBUTES and value:
        params["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    if visit.query("next"):
        params["NextToken"] = visit.query("next")
    found = await visit.call("cloudtrail", "LookupEvents", **params)
    events = [_shown(json.loads(event["CloudTrailEvent"])) for event in found["Events"]]
    return visit.render(
        "trail/index.html",
        events=events,
        onward=found.get("NextToken", ""),
        key=key,
        value=value,
        attributes=_ATTRIBUTES,
    )


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a row, with the whole of it to unfold."""
    identity = record.get("userIdentity") or {}
    name = identity.get("userName") or identity.get("invokedBy") or str(identity.get("arn", "")).rpartition("/")[2]
    return {
        "time": str(record.get("eventTime", "")).replace("T", " ").removesuffix("Z"),
        "name": record.get("eventName", ""),
        "source": str(record.get("eventSource", "")).removesuffix(".amazonaws.com"),
        "who": name or identity.get("type", ""),
        "arn": identity.get("arn", ""),
        "error": record.get("errorCode") or ("Failed" if record.get("errorMessage") else ""),
        "whole": json.dumps(record, indent=2, ensure_ascii=False),
    }
