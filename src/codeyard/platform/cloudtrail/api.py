"""The operations of CloudTrail: looking records up. There are no trails yet, and the answers say so."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.platform.cloudtrail import model, store
from codeyard.storage import loads


class CloudTrail:
    """One method an operation."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def lookup_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The last 90 days' records of the account and region, newest first; Insights events there are none."""
        asked = model.question(ctx.account, ctx.region, req, ctx.now)
        if req.get("EventCategory"):
            return {"Events": []}
        rows = self._kit.db.read(lambda tx: store.look_up(tx, asked))
        page = rows[: asked.limit]
        answer: dict[str, Any] = {"Events": [model.shown(loads(row.record), row.time, row.username) for row in page]}
        if len(rows) > asked.limit:
            answer["NextToken"] = model.next_token(req, page[-1].time, page[-1].event_id)
        return answer

    def describe_trails(self, ctx: Context, req: Params) -> dict[str, Any]:
        """No trail exists."""
        return {"trailList": []}

    def list_trails(self, ctx: Context, req: Params) -> dict[str, Any]:
        """No trail exists."""
        return {"Trails": []}

    def get_trail(self, ctx: Context, req: Params) -> dict[str, Any]:
        """TrailNotFoundException: no trail exists."""
        raise _unknown(ctx, req["Name"])

    def get_trail_status(self, ctx: Context, req: Params) -> dict[str, Any]:
        """TrailNotFoundException: no trail exists."""
        raise _unknown(ctx, req["Name"])


def _unknown(ctx: Context, name: str) -> AwsError:
    arn = name if name.startswith("arn:") else ctx.arn(f"trail/{name}")
    return AwsError("TrailNotFoundException", f"Unknown trail: {arn} for the user: {ctx.account}")
