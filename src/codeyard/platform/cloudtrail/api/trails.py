"""Trails: making, changing and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.cloudtrail import model
from codeyard.platform.cloudtrail.api.base import Base, own_trail_in
from codeyard.platform.cloudtrail.api.tags import with_tags
from codeyard.platform.cloudtrail.checks import Checks
from codeyard.platform.cloudtrail.engine import GRACE, KIND
from codeyard.platform.cloudtrail.following import CHANNEL
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Tx

_DEFAULTS: Mapping[str, Any] = {
    "IncludeGlobalServiceEvents": True,
    "IsMultiRegionTrail": False,
    "LogFileValidationEnabled": False,
    "IsOrganizationTrail": False,
    "RecursiveLogging": True,
}
# Members of the request under other names than the answer's.
_RENAMED = {"EnableLogFileValidation": "LogFileValidationEnabled"}
_TAKEN = (
    *("S3BucketName", "S3KeyPrefix", "SnsTopicName", "IncludeGlobalServiceEvents", "IsMultiRegionTrail"),
    *("EnableLogFileValidation", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "IsOrganizationTrail"),
    *("RecursiveLogging", "KmsKeyId"),
)


class Trails(Base):
    """CreateTrail, UpdateTrail, DeleteTrail, StartLogging, StopLogging."""

    def create_trail(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make a trail, once everything that it will write to lets it; it logs from StartLogging on."""
        name = model.check_name(req["Name"])
        req = self._keyed(ctx, req, name)
        trail = Trail(self._kit.ids.uuid(), ctx.account, ctx.region, name, _config(ctx, _DEFAULTS, req))
        trail = with_tags(trail, req.get("TagsList") or ())
        self._kit.db.read(lambda tx: _check_free(tx, ctx, trail))
        self._checks(ctx, req).new(trail)

        def work(tx: Tx) -> dict[str, Any]:
            _check_free(tx, ctx, trail)
            trails.save(tx, trail)
            return model.settings(trail)

        return ctx.write(work)

    def update_trail(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change what the request names, once everything that it will write to lets it; empty texts clear."""
        before = self._kit.db.read(lambda tx: own_trail_in(tx, ctx, req["Name"]))
        req = self._keyed(ctx, req, before.name)
        self._checks(ctx, req).changed(before, replace(before, config=_config(ctx, before.config, req)))

        def work(tx: Tx) -> dict[str, Any]:
            now = own_trail_in(tx, ctx, req["Name"])
            changed = replace(now, config=_config(ctx, now.config, req))
            _save(tx, changed)
            return model.settings(changed)

        return ctx.write(work)

    def _keyed(self, ctx: Context, req: Params, name: str) -> Params:
        """The request with its key by ARN, once the key lets CloudTrail encrypt for the trail."""
        if not req.get("KmsKeyId"):
            return req
        trail = Trail("", ctx.account, ctx.region, name, {})
        return {**req, "KmsKeyId": Checks(self._kit, ctx).key(trail, req["KmsKeyId"], req.get("S3BucketName", ""))}

    def _checks(self, ctx: Context, req: Params) -> Checks:
        checks = Checks(self._kit, ctx)
        if req.get("IsOrganizationTrail"):
            checks.organization()
        return checks

    def delete_trail(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a trail; what was recorded for it until now is still delivered."""

        def work(tx: Tx) -> dict[str, Any]:
            found = own_trail_in(tx, ctx, req["Name"])
            stopped = ctx.now if found.logging else found.stopped
            _save(tx, replace(found, gone=True, logging=False, stopped=stopped))
            tx.timer(KIND, found.id, stopped + GRACE)
            return {}

        return ctx.write(work)

    def start_logging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """From now on, records of this account are put by for the trail."""

        def work(tx: Tx) -> dict[str, Any]:
            found = own_trail_in(tx, ctx, req["Name"])
            if not found.logging:
                _save(tx, replace(found, logging=True, started=ctx.now))
            return {}

        return ctx.write(work)

    def stop_logging(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put no more records by; what waits is delivered within minutes, and a last digest over it."""

        def work(tx: Tx) -> dict[str, Any]:
            found = own_trail_in(tx, ctx, req["Name"])
            if found.logging:
                _save(tx, replace(found, logging=False, stopped=ctx.now))
            return {}

        return ctx.write(work)


def _config(ctx: Context, before: Mapping[str, Any], req: Params) -> dict[str, Any]:
    """What the trail will be set to: the request's members over what was there."""
    given = {_RENAMED.get(name, name): req[name] for name in _TAKEN if req.get(name) is not None}
    if given.get("SnsTopicName"):
        arn = model.topic_arn(given["SnsTopicName"], ctx.account, ctx.region)
        given |= {"SnsTopicARN": arn, "SnsTopicName": arn.rpartition(":")[2]}
    elif "SnsTopicName" in given:
        given["SnsTopicARN"] = ""
    if "S3BucketName" in given:
        model.check_bucket(given["S3BucketName"])
    model.check_prefix(given.get("S3KeyPrefix", ""))
    config = {name: value for name, value in {**before, **given}.items() if value != ""}
    model.check_combination(config)
    return config


def _check_free(tx: Tx, ctx: Context, trail: Trail) -> None:
    """TrailAlreadyExistsException, or MaximumNumberOfTrailsExceededException."""
    known = trails.of_account(tx, ctx.account)
    here = [one for one in known if one.region == ctx.region or one.everywhere]
    if any(one.name == trail.name and one.region == ctx.region for one in known):
        text = f"Trail {trail.name} already exists for customer: {ctx.account}"
        raise AwsError("TrailAlreadyExistsException", text)
    if len(here) >= model.TRAILS_IN_A_REGION:
        text = f"User: {ctx.account} already has {model.TRAILS_IN_A_REGION} trails in {ctx.region}."
        raise AwsError("MaximumNumberOfTrailsExceededException", text)


def _save(tx: Tx, trail: Trail) -> None:
    """Keep a changed trail; whoever puts records by for it, and what it delivers with, hears of it."""
    trails.save(tx, trail)
    tx.notify(CHANNEL)
    tx.dirty(KIND, trail.id)
