"""Looking records up."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.cloudtrail import lookups
from codeyard.platform.cloudtrail.api.base import Base
from codeyard.platform.cloudtrail.store import lookups as store
from codeyard.storage import loads


class Lookups(Base):
    """LookupEvents."""

    def lookup_events(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The last 90 days' records of the account and region, newest first; Insights events there are none."""
        asked = lookups.question(ctx.account, ctx.region, req, ctx.now)
        if req.get("EventCategory"):
            return {"Events": []}
        rows = self._kit.db.read(lambda tx: store.look_up(tx, asked))
        page = rows[: asked.limit]
        answer: dict[str, Any] = {"Events": [lookups.shown(loads(row.record), row.time, row.username) for row in page]}
        if len(rows) > asked.limit:
            answer["NextToken"] = lookups.next_token(req, page[-1].time, page[-1].event_id)
        return answer
