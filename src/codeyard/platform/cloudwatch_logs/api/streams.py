"""Log streams."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats import page_tokens
from codeyard.platform.cloudwatch_logs import model, store
from codeyard.platform.cloudwatch_logs.api.base import Base
from codeyard.platform.cloudwatch_logs.errors import invalid
from codeyard.platform.cloudwatch_logs.model import Group, Listing, Stream


class Streams(Base):
    """Operations on streams."""

    def create_log_stream(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a stream; ResourceAlreadyExistsException when it is there."""
        stream_id = self._kit.ids.uuid()

        def write(tx: Any) -> dict[str, Any]:
            group = self._group(ctx, tx, req)
            if store.stream(tx, group.id, req["logStreamName"]) is not None:
                raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
            store.add_stream(tx, Stream(stream_id, group.id, req["logStreamName"], ctx.now // 1000, 0, 0, 0, 1))
            return {}

        return ctx.write(write)

    def delete_log_stream(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a stream with its events."""

        def write(tx: Any) -> dict[str, Any]:
            store.delete_stream(tx, self._stream(ctx, tx, req)[1].id)
            return {}

        return ctx.write(write)

    def describe_log_streams(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A group's streams by name, or by their last event's time."""
        by_time, down = req.get("orderBy") == "LastEventTime", bool(req.get("descending"))
        prefix = req.get("logStreamNamePrefix")
        if by_time and prefix is not None:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        asked = ("streams", model.group_name(req, ctx.account, ctx.region), prefix, by_time, down)
        place = self._place(req, (int, str), *asked)

        listing = Listing(prefix or "", by_time, down, None if place is None else (place[0], place[1]))
        limit = req.get("limit") or 50

        def read(tx: Any) -> tuple[Group, list[Stream]]:
            group = self._group(ctx, tx, req)
            return group, store.streams_page(tx, group.id, listing, limit + 1)

        group, found = self._kit.db.read(read)
        answer: dict[str, Any] = {"logStreams": [_shown(group, one) for one in found[:limit]]}
        if len(found) > limit:
            last = found[limit - 1]
            answer["nextToken"] = page_tokens.encode((last.last if by_time else 0, last.name), *asked)
        return answer


def _shown(group: Group, one: Stream) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logStreamName": one.name,
        "creationTime": one.created,
        "arn": f"{group.arn}:log-stream:{one.name}",
        "uploadSequenceToken": f"{one.next_batch:056d}",
        "storedBytes": 0,  # deprecated on AWS for streams, and always 0 there since 2019
    }
    if one.last:
        shown |= {
            "firstEventTimestamp": one.first,
            "lastEventTimestamp": one.last,
            "lastIngestionTime": one.ingested,
        }
    return shown
