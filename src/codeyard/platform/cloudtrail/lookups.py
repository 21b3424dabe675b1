"""What a question to the trail may be, and how a record is shown in its answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Params
from codeyard.formats import page_tokens
from codeyard.formats.moments import micros_of, whole_second

DAY = 86_400 * 1_000_000
RETENTION = 90 * DAY
PAGE = 50


@dataclass(frozen=True, slots=True)
class Question:
    """A look-up: one attribute or none, a time range (both ends included), a page."""

    account: str
    region: str
    attribute: str
    value: str
    start: int
    end: int
    limit: int
    after: tuple[int, str] | None


def question(account: str, region: str, req: Params, now: int) -> Question:
    """The look-up that a request asks for; CloudTrail's exceptions where it makes no sense."""
    attribute, value = _attribute(req.get("LookupAttributes") or ())
    start = micros_of(req["StartTime"]) if req.get("StartTime") else now - RETENTION
    end = micros_of(req["EndTime"]) if req.get("EndTime") else now
    if req.get("StartTime") and start > end:
        raise AwsError("InvalidTimeRangeException", "The start time must be before the end time.")
    asked = (attribute, value, str(req.get("StartTime")), str(req.get("EndTime")))
    after = _place(req.get("NextToken"), asked)
    # The end is given in whole seconds; what happened within that second belongs to the range.
    return Question(
        account,
        region,
        attribute,
        value,
        max(start, now - RETENTION),
        end + 999_999,
        req.get("MaxResults") or PAGE,
        after,
    )


def next_token(req: Params, time: int, event_id: str) -> str:
    """The token after a record, for the same question."""
    attribute, value = _attribute(req.get("LookupAttributes") or ())
    return page_tokens.encode((time, event_id), attribute, value, str(req.get("StartTime")), str(req.get("EndTime")))


def _place(token: str | None, asked: tuple[str, ...]) -> tuple[int, str] | None:
    refusal = AwsError("InvalidNextTokenException", "The next token is not valid for this request.")
    place = page_tokens.resume(token, (int, str), refusal, *asked)
    if place is None:
        return None
    time, event_id = place
    if not 0 <= time < 2**62:
        raise refusal
    return time, event_id


def _attribute(given: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    if len(given) > 1:
        raise AwsError("InvalidLookupAttributesException", "Only one lookup attribute can be given.")
    if not given:
        return "", ""
    key, value = given[0]["AttributeKey"], given[0]["AttributeValue"]
    if key == "ReadOnly" and value not in ("true", "false"):
        raise AwsError("InvalidLookupAttributesException", "ReadOnly must be true or false.")
    return key, value


def shown(record: Mapping[str, Any], time: int, username: str) -> dict[str, Any]:
    """The record as an element of LookupEvents' answer."""
    identity = record.get("userIdentity") or {}
    answer = {
        "EventId": record["eventID"],
        "EventName": record.get("eventName"),
        "ReadOnly": "true" if record.get("readOnly") else "false",
        "AccessKeyId": identity.get("accessKeyId"),
        "EventTime": whole_second(time),
        "EventSource": record.get("eventSource"),
        "Username": username or None,
        "Resources": [_resource(found) for found in record.get("resources") or ()],
        "CloudTrailEvent": json.dumps(record, separators=(",", ":")),
    }
    return {name: value for name, value in answer.items() if value is not None}


def _resource(found: Mapping[str, Any]) -> dict[str, str]:
    named = {"ResourceName": str(found.get("ARN") or "")}
    if found.get("type"):
        named["ResourceType"] = str(found["type"])
    return named
