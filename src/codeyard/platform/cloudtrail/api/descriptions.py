"""What trails are, and how they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import iso_z, whole_second
from codeyard.platform.cloudtrail import model
from codeyard.platform.cloudtrail.api.base import Base, trail_in
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Tx


class Descriptions(Base):
    """GetTrail, DescribeTrails, ListTrails, GetTrailStatus."""

    def get_trail(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The trail's settings."""
        return {"Trail": model.described(self._trail(ctx, req["Name"]))}

    def describe_trails(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The trails of this region, with those of other regions that follow it; names that are no trail's are
        passed over."""
        known = self._kit.db.read(lambda tx: trails.of_account(tx, ctx.account))
        wanted = req.get("trailNameList")
        shadows = req.get("includeShadowTrails") is not False
        if wanted:
            asked = [model.reference(one, ctx.account, ctx.region) for one in wanted]
            known = [one for one in known if (one.account, one.region, one.name) in asked]
        seen = [one for one in known if one.region == ctx.region or (shadows and one.everywhere)]
        return {"trailList": [model.described(one) for one in seen]}

    def list_trails(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's trails in every region: few enough for one page."""
        found = self._kit.db.read(lambda tx: trails.of_account(tx, ctx.account))
        return {"Trails": [{"TrailARN": one.arn, "Name": one.name, "HomeRegion": one.region} for one in found]}

    def get_trail_status(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether the trail logs, and how its deliveries went."""

        def look(tx: Tx) -> tuple[Trail, dict[str, Any]]:
            found = trail_in(tx, ctx, req["Name"])
            return found, trails.facts(tx, found.id)

        return _status(*self._kit.db.read(look))


def _status(trail: Trail, facts: Mapping[str, Any]) -> dict[str, Any]:
    errors = {
        "LatestDeliveryError": facts.get("delivery_error"),
        "LatestNotificationError": facts.get("notification_error"),
        "LatestCloudWatchLogsDeliveryError": facts.get("logs_error"),
        "LatestDigestDeliveryError": facts.get("digest_error"),
    }
    times = {
        "LatestDeliveryTime": facts.get("delivery"),
        "LatestNotificationTime": facts.get("notification"),
        "LatestCloudWatchLogsDeliveryTime": facts.get("logs"),
        "LatestDigestDeliveryTime": facts.get("digest"),
        "StartLoggingTime": trail.started,
        "StopLoggingTime": trail.stopped,
    }
    texts = {
        "LatestDeliveryAttemptTime": facts.get("attempted"),
        "LatestDeliveryAttemptSucceeded": facts.get("succeeded"),
        "LatestNotificationAttemptTime": facts.get("notification_attempted"),
        "LatestNotificationAttemptSucceeded": facts.get("notification_succeeded"),
        "TimeLoggingStarted": trail.started,
        "TimeLoggingStopped": trail.stopped,
    }
    return {
        "IsLogging": trail.logging,
        **{name: error for name, error in errors.items() if error},
        **{name: whole_second(time) for name, time in times.items() if time},
        **{name: iso_z(time) if time else "" for name, time in texts.items()},
    }
