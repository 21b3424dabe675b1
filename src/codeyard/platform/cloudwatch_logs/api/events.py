"""Writing events to a stream, and reading one stream in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from codeyard.contract import Context, Params, Sealer
from codeyard.platform.cloudwatch_logs import model, store
from codeyard.platform.cloudwatch_logs.api.base import Base
from codeyard.platform.cloudwatch_logs.batches import pack, unpack
from codeyard.platform.cloudwatch_logs.keys import GroupSealer
from codeyard.platform.cloudwatch_logs.model import EVENT_OVERHEAD, MAX_PAGE_BYTES, Line, Stream

_CHUNK = 16


class Events(Base):
    """PutLogEvents and GetLogEvents."""

    def put_log_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Append a batch in chronological order; what is too old or too new is named, sequence tokens are ignored."""
        now_ms = ctx.now // 1000

        sealer = self._keys.to_write(ctx.account, ctx.region, req["logGroupName"])

        def write(tx: Any) -> dict[str, Any]:
            group, stream = self._stream(ctx, tx, req)
            sealer.check(group)
            taken = model.accept(req["logEvents"], now_ms, group.oldest(now_ms))
            if taken.events:
                _append(tx, sealer, stream, taken, now_ms)
            answer: dict[str, Any] = {"nextSequenceToken": f"{stream.next_batch + 1:056d}"}
            return {**answer, "rejectedLogEventsInfo": dict(taken.rejected)} if taken.rejected else answer

        return ctx.write(write)

    def get_log_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One page of a stream in order of arrival; at either end the token that was sent comes back."""
        token, limit = req.get("nextToken"), req.get("limit") or 10_000
        place = model.read_token(token) if token is not None else None
        wanted = _window(req)

        def read(sealer: GroupSealer, tx: Any) -> tuple[Stream, list[Line]]:
            group, stream = self._stream(ctx, tx, req)
            start = _start(stream, place, bool(req.get("startFromHead")))
            return stream, _page(tx, sealer, stream, start, limit, _both(wanted, group.oldest(ctx.now // 1000)))

        stream, lines = self._read_events(ctx, req, read)
        forward, backward = _tokens(stream, lines, place, bool(req.get("startFromHead")))
        return {
            "events": [_shown(line) for line in lines],
            "nextForwardToken": forward,
            "nextBackwardToken": backward,
        }


def _append(tx: Any, sealer: Sealer, stream: Stream, taken: model.Accepted, now_ms: int) -> None:
    times = [event["timestamp"] for event in taken.events]
    store.add_batch(
        tx,
        stream,
        first=times[0],
        last=times[-1],
        ingested=now_ms,
        size=sum(len(event["message"].encode()) + EVENT_OVERHEAD for event in taken.events),
        sealed=pack(sealer, stream.id, stream.next_batch, taken.events),
    )


def _start(stream: Stream, place: tuple[bool, int, int] | None, from_head: bool) -> tuple[bool, int, int]:
    if place is not None:
        return place
    return (True, 0, 0) if from_head else (False, stream.next_batch, 0)


def _page(
    tx: Any,
    sealer: Sealer,
    stream: Stream,
    place: tuple[bool, int, int],
    limit: int,
    wanted: Callable[[Line], bool],
) -> list[Line]:
    forward, batch, index = place
    lines = _onward(tx, sealer, stream, batch, index) if forward else _back(tx, sealer, stream, batch, index)
    found: list[Line] = []
    size = 0
    for line in lines:
        if not wanted(line):
            continue
        size += len(line.message.encode()) + EVENT_OVERHEAD
        if found and size > MAX_PAGE_BYTES:
            break
        found.append(line)
        if len(found) == limit:
            break
    return found if forward else found[::-1]


def _onward(tx: Any, sealer: Sealer, stream: Stream, batch: int, index: int) -> Iterator[Line]:
    while rows := store.batches_from(tx, stream.id, batch, _CHUNK):
        for row in rows:
            for line in unpack(sealer, row):
                if (line.batch, line.index) >= (batch, index):
                    yield line
        batch, index = rows[-1].number + 1, 0


def _back(tx: Any, sealer: Sealer, stream: Stream, batch: int, index: int) -> Iterator[Line]:
    while rows := store.batches_before(tx, stream.id, batch, _CHUNK):
        for row in rows:
            for line in reversed(list(unpack(sealer, row))):
                if (line.batch, line.index) < (batch, index):
                    yield line
        batch, index = rows[-1].number - 1, model.MAX_BATCH_EVENTS


def _window(req: Params) -> Callable[[Line], bool]:
    """startTime is included, endTime is not."""
    start, end = req.get("startTime"), req.get("endTime")
    return lambda line: (start is None or line.timestamp >= start) and (end is None or line.timestamp < end)


def _both(wanted: Callable[[Line], bool], oldest: int) -> Callable[[Line], bool]:
    return lambda line: line.timestamp >= oldest and wanted(line)


def _tokens(stream: Stream, lines: list[Line], place: tuple[bool, int, int] | None, from_head: bool) -> tuple[str, str]:
    if lines:
        last, first = lines[-1], lines[0]
        return model.forward_token(last.batch, last.index + 1), model.backward_token(first.batch, first.index)
    if place is not None:
        return model.forward_token(*place[1:]), model.backward_token(*place[1:])
    at = (0, 0) if from_head else (stream.next_batch, 0)
    return model.forward_token(*at), model.backward_token(*at)


def _shown(line: Line) -> dict[str, Any]:
    return {"timestamp": line.timestamp, "message": line.message, "ingestionTime": line.ingested}
