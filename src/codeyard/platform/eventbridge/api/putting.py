"""Events coming in: from callers, from another bus, and for trying a pattern."""

from __future__ import annotations

from typing import Any

import orjson

from codeyard.contract import INTERNAL, Context, Event, Params, access_denied, not_implemented
from codeyard.formats.moments import micros_of
from codeyard.platform.eventbridge import model, store
from codeyard.platform.eventbridge.api.base import Base
from codeyard.platform.eventbridge.model import invalid
from codeyard.platform.eventbridge.pattern import compile_pattern

_NEEDED = ("version", "id", "detail-type", "source", "account", "time", "region", "resources")

_MAX_DEPTH = 200


class Putting(Base):
    """PutEvents, the door between buses, and TestEventPattern."""

    def put_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take up to ten events; each entry that cannot be taken has its own error."""
        if req.get("EndpointId"):
            raise not_implemented("events", "PutEvents with EndpointId")
        entries = req["Entries"]
        if sum(_size(entry) for entry in entries) > model.MAX_ENTRY_BYTES:
            raise invalid("Total size of the entries in the request is over the limit.")

        def write(tx: Any) -> dict[str, Any]:
            results = [self._take(ctx, tx, entry) for entry in entries]
            return {"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results}

        return ctx.write(write)

    @staticmethod
    def _take(ctx: Context, tx: Any, entry: Params) -> dict[str, str]:
        problem = entry_problem(entry)
        bus = model.bus_arn(ctx.account, ctx.region, entry.get("EventBusName") or "")
        if problem is None and store.bus(tx, bus) is None:
            problem = ("ResourceNotFoundException", f"Event bus {model.bus_name(bus) or bus} does not exist.")
        if problem is not None:
            return {"ErrorCode": problem[0], "ErrorMessage": problem[1]}
        event = Event(
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=orjson.loads(entry["Detail"]),
            account=ctx.account,
            region=ctx.region,
            time=micros_of(entry["Time"]) if entry.get("Time") else ctx.now,
            resources=tuple(entry.get("Resources") or ()),
            bus=bus,
        )
        return {"EventId": tx.emit(event)}

    def forward_event(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Hand an event of one bus to another, envelope unchanged; only rules do this, no client."""
        if ctx.origin is not INTERNAL:
            raise access_denied("Events are forwarded by rules only.")
        event, bus = req["Event"], req["EventBusName"]

        def write(tx: Any) -> dict[str, Any]:
            self._deliveries.spread(tx, event, bus, forwarded=True)
            return {}

        return ctx.write(write)

    def test_event_pattern(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether an event matches a pattern."""
        try:
            event = orjson.loads(req["Event"])
        except ValueError:
            raise invalid("Parameter Event is not valid.") from None
        missing = [name for name in _NEEDED if not isinstance(event, dict) or name not in event]
        if missing:
            raise invalid(f"Parameter Event is not valid. Reason: {missing[0]} is a required argument.")
        return {"Result": compile_pattern(req["EventPattern"])(event)}


def entry_problem(entry: Params) -> tuple[str, str] | None:
    """(code, message) of what is wrong with an entry of PutEvents, or None."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            return "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
    if entry["Source"].lower().startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    if len(entry["DetailType"]) > 128:
        return "InvalidArgument", "Parameter DetailType is not valid. Reason: it is longer than 128 characters."
    try:
        detail = orjson.loads(entry["Detail"])
    except ValueError:
        return "MalformedDetail", "Detail is malformed."
    good = isinstance(detail, dict) and not _is_deep(detail)
    return None if good else ("MalformedDetail", "Detail is malformed.")


def _is_deep(tree: Any) -> bool:
    """Whether a tree nests deeper than can be written down again within an event."""
    level = [tree]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _size(entry: Params) -> int:
    texts = [entry.get("Source") or "", entry.get("DetailType") or "", entry.get("Detail") or ""]
    whole = sum(len(text.encode()) for text in (*texts, *(entry.get("Resources") or ())))
    return whole + (14 if entry.get("Time") else 0)
