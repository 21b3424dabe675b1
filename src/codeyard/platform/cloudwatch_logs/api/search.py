"""Searching a whole group in order of time, and trying a filter pattern."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from typing import Any

from codeyard.contract import Context, Params, Sealer
from codeyard.formats import page_tokens
from codeyard.platform.cloudwatch_logs import filters, model, store
from codeyard.platform.cloudwatch_logs.api.base import Base
from codeyard.platform.cloudwatch_logs.batches import unpack
from codeyard.platform.cloudwatch_logs.errors import invalid
from codeyard.platform.cloudwatch_logs.model import EVENT_OVERHEAD, MAX_PAGE_BYTES, Line

_MAX_SCANNED = 200_000
Found = tuple[str, str, Line]


class Search(Base):
    """FilterLogEvents and TestMetricFilter."""

    def filter_log_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The group's events that match, by time; a page may be short, or empty, and still have a next one."""
        names, prefix = req.get("logStreamNames"), req.get("logStreamNamePrefix")
        if names and prefix is not None:
            raise invalid("Only one of logStreamNamePrefix and logStreamNames can be given.")
        test = filters.compile_filter(req.get("filterPattern") or "")
        asked = (model.group_name(req, ctx.account, ctx.region), tuple(names or ()), prefix, req.get("filterPattern"))
        place = self._place(req, (str,), "filter", *asked)
        after = place[0] if place else ""
        if after and not (after.isascii() and after.isdigit() and len(after) == 56):
            raise invalid("The specified nextToken is invalid.")

        def read(sealer: Sealer, tx: Any) -> tuple[list[Found], str]:
            return self._scan(tx, self._lines(ctx, tx, sealer, req, after), test, after, req.get("limit") or 10_000)

        found, onward = self._read_events(ctx, req, read)
        answer: dict[str, Any] = {"events": [_shown(one) for one in found], "searchedLogStreams": []}
        if onward:
            answer["nextToken"] = page_tokens.encode((onward,), "filter", *asked)
        return answer

    @staticmethod
    def _scan(tx: Any, lines: Iterator[Found], test: filters.Test, after: str, limit: int) -> tuple[list[Found], str]:
        found: list[Found] = []
        size = scanned = 0
        last = ""
        for one in lines:
            if one[0] <= after:
                continue
            if len(found) == limit or scanned >= _MAX_SCANNED or size > MAX_PAGE_BYTES:
                return found, last
            scanned, last = scanned + 1, one[0]
            if test(one[2].message):
                found.append(one)
                size += len(one[2].message.encode()) + EVENT_OVERHEAD
        return found, ""

    def _lines(self, ctx: Context, tx: Any, sealer: Sealer, req: Params, after: str) -> Iterator[Found]:
        """(event id, stream, line) in order: batches are opened when their first event's time has come."""
        group = self._group(ctx, tx, req)
        streams = {one.id: one.name for one in store.streams_of(tx, group.id) if _is_searched(one.name, req)}
        start = max(req.get("startTime") or 0, group.oldest(ctx.now // 1000), int(after[:20]) if after else 0)
        end: int = 2**62 if req.get("endTime") is None else req["endTime"]
        waiting: list[Found] = []
        for head in store.batch_heads(tx, group.id, min(start, 2**62), end):
            if head.stream_id not in streams:
                continue
            while waiting and waiting[0][2].timestamp < head.first:
                yield heapq.heappop(waiting)
            number = _number(head.stream_id)
            for line in unpack(sealer, store.batch(tx, head.stream_id, head.number)):
                if start <= line.timestamp <= end:
                    heapq.heappush(waiting, (model.event_id(number, line), streams[head.stream_id], line))
        while waiting:
            yield heapq.heappop(waiting)

    def test_metric_filter(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Which of the messages match a pattern."""
        test, values = filters.compile_filter(req["filterPattern"]), filters.extractor(req["filterPattern"])
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": values(message)}
            for number, message in enumerate(req["logEventMessages"], 1)
            if test(message)
        ]
        return {"matches": matches}


def _is_searched(name: str, req: Params) -> bool:
    names = req.get("logStreamNames")
    return name in names if names else name.startswith(req.get("logStreamNamePrefix") or "")


def _number(stream_id: str) -> int:
    return int.from_bytes(hashlib.sha256(stream_id.encode()).digest()[:7], "big") % 10**17


def _shown(one: Found) -> dict[str, Any]:
    event_id, stream, line = one
    return {
        "logStreamName": stream,
        "timestamp": line.timestamp,
        "message": line.message,
        "ingestionTime": line.ingested,
        "eventId": event_id,
    }
