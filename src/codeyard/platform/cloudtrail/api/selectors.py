"""Event selectors: which records a trail is given. Insights there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.platform.cloudtrail import selectors
from codeyard.platform.cloudtrail.api.base import Base, own_trail_in
from codeyard.platform.cloudtrail.following import CHANNEL
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Tx


class Selectors(Base):
    """Put- and GetEventSelectors, and what can be said of Insights."""

    def put_event_selectors(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Choose what the trail follows from now on, by basic or by advanced selectors."""
        basic, advanced = req.get("EventSelectors") or (), req.get("AdvancedEventSelectors") or ()
        if bool(basic) == bool(advanced):
            raise selectors.invalid("Give either EventSelectors or AdvancedEventSelectors, and at least one of them.")
        chosen = {"basic": selectors.checked_basic(basic), "advanced": selectors.checked_advanced(advanced)}

        def work(tx: Tx) -> dict[str, Any]:
            found = own_trail_in(tx, ctx, req["TrailName"])
            found = replace(found, basic=chosen["basic"], advanced=chosen["advanced"])
            trails.save(tx, found)
            tx.notify(CHANNEL)
            return _shown(found)

        return ctx.write(work)

    def get_event_selectors(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The trail's selectors; without any, every management event."""
        return _shown(self._trail(ctx, req["TrailName"]))

    def put_insight_selectors(self, ctx: Context, req: Params) -> dict[str, Any]:
        """An empty list, which is what holds anyway; 501 for Insights."""
        if req["InsightSelectors"] or req.get("EventDataStore"):
            raise not_implemented("cloudtrail", "PutInsightSelectors with Insights")

        def work(tx: Tx) -> dict[str, Any]:
            found = own_trail_in(tx, ctx, _named(req))
            return {"TrailARN": found.arn, "InsightSelectors": []}

        return ctx.write(work)

    def get_insight_selectors(self, ctx: Context, req: Params) -> dict[str, Any]:
        """InsightNotEnabledException: no trail has any."""
        if req.get("EventDataStore"):
            raise not_implemented("cloudtrail", "event data stores")
        found = self._trail(ctx, _named(req))
        text = f"Trail {found.arn} does not have Insights enabled."
        raise AwsError("InsightNotEnabledException", text)


def _named(req: Params) -> str:
    if not req.get("TrailName"):
        raise AwsError("InvalidParameterException", "Give the name of a trail.")
    return str(req["TrailName"])


def _shown(trail: Trail) -> dict[str, Any]:
    if trail.advanced:
        return {"TrailARN": trail.arn, "AdvancedEventSelectors": list(trail.advanced)}
    return {"TrailARN": trail.arn, "EventSelectors": list(trail.basic) or [dict(selectors.DEFAULT)]}
