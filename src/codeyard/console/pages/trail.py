"""The trail: what was called lately, by whom."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from codeyard.console.web import Visit

_ATTRIBUTES = ("EventName", "Username", "ResourceName", "EventSource", "AccessKeyId", "ReadOnly")


async def index(visit: Visit) -> Response:
    """The latest events, of one attribute if asked."""
    key, value = visit.query("key"), visit.query("value").strip()
    params: dict[str, Any] = {"MaxResults": 50}
    if key in _ATTRIBUTES and value:
        params["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    if visit.query("next"):
        params["NextToken"] = visit.query("next")
    found = await visit.call("cloudtrail", "LookupEvents", **params)
    events = [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]
    return visit.render(
        "trail/index.html",
        events=events,
        onward=found.get("NextToken", ""),
        key=key,
        value=value,
        attributes=_ATTRIBUTES,
    )
