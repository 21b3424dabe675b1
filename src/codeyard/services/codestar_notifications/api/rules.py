"""Notification rules: made, described, changed, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.services.codestar_notifications import model, resources, store
from codeyard.services.codestar_notifications.api.base import Base, place
from codeyard.services.codestar_notifications.errors import invalid, limit
from codeyard.services.codestar_notifications.event_types import EVENT_TYPES
from codeyard.services.codestar_notifications.model import Rule
from codeyard.storage import Tx

_HEX = "0123456789abcdef"


class Rules(Base):
    """Operations on rules."""

    def create_notification_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a rule for a resource of the caller's; the same token and request again answer the first rule."""
        topics = model.checked_targets(req["Targets"], ctx.region)
        tags = model.checked_tags(req.get("Tags") or {})
        resources.check(ctx, req["Resource"])
        types = model.checked_types(req["EventTypeIds"], req["Resource"])
        made = Rule(
            arn=ctx.arn(f"notificationrule/{self._kit.ids.token(40, _HEX)}", "codestar-notifications"),
            account=ctx.account,
            region=ctx.region,
            name=req["Name"],
            resource=req["Resource"],
            event_types=types,
            detail_type=req["DetailType"],
            status=req.get("Status") or "ENABLED",
            created_by=ctx.principal.arn,
            created=ctx.now,
            modified=ctx.now,
            tags=tags,
            token=req.get("ClientRequestToken") or "",
            fingerprint=model.fingerprint(req),
        )
        return ctx.write(lambda tx: _create(tx, ctx, made, topics))

    def describe_notification_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A rule with the names of its event types and the state of its targets."""

        def read(tx: Tx) -> dict[str, Any]:
            one = self._rule(tx, ctx, req["Arn"])
            return {
                "Arn": one.arn,
                "Name": one.name,
                "EventTypes": [EVENT_TYPES[found].shape() for found in one.event_types],
                "Resource": one.resource,
                "Targets": [target.shape() for target in store.targets_of(tx, one)],
                "DetailType": one.detail_type,
                "CreatedBy": one.created_by,
                "Status": one.status,
                "CreatedTimestamp": moment(one.created),
                "LastModifiedTimestamp": moment(one.modified),
                "Tags": dict(one.tags),
            }

        return self._kit.db.read(read)

    def update_notification_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change what is given of a rule; targets are replaced as a whole."""
        topics = None if req.get("Targets") is None else model.checked_targets(req["Targets"], ctx.region)

        def write(tx: Tx) -> dict[str, Any]:
            there = self._rule(tx, ctx, req["Arn"])
            kept = store.rule_named(tx, place(ctx), req.get("Name") or there.name)
            if kept is not None and kept.arn != there.arn:
                raise invalid(f"There is another notification rule of the name {kept.name}.")
            given = {"name": "Name", "status": "Status", "detail_type": "DetailType"}
            changed: dict[str, Any] = {ours: req[theirs] for ours, theirs in given.items() if req.get(theirs)}
            if req.get("EventTypeIds") is not None:
                changed["event_types"] = model.checked_types(req["EventTypeIds"], there.resource)
            store.save_rule(tx, replace(there, **changed, modified=ctx.now))
            if topics is not None:
                _retarget(tx, there, topics)
            store.touch(tx, place(ctx))
            return {}

        return ctx.write(write)

    def delete_notification_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a rule; one that is not there is no error."""

        def write(tx: Tx) -> dict[str, Any]:
            found = store.rule(tx, req["Arn"])
            if found is not None and (found.account, found.region) == place(ctx):
                store.delete_rule(tx, found.arn)
                store.touch(tx, place(ctx))
            return {"Arn": req["Arn"]}

        return ctx.write(write)


def _create(tx: Tx, ctx: Context, made: Rule, topics: list[str]) -> dict[str, Any]:
    there = store.rules_of(tx, place(ctx))
    for one in there:
        if made.token and one.token == made.token:
            if one.fingerprint != made.fingerprint:
                raise invalid("This ClientRequestToken was used for a request with other parameters.")
            return {"Arn": one.arn}
    if any(one.name == made.name for one in there):
        raise AwsError("ResourceAlreadyExistsException", f"There is a notification rule of the name {made.name}.")
    if len(there) >= model.MAX_RULES:
        raise limit(f"An account has at most {model.MAX_RULES} notification rules.")
    if sum(one.resource == made.resource for one in there) >= model.MAX_RULES_OF_RESOURCE:
        raise limit(f"A resource has at most {model.MAX_RULES_OF_RESOURCE} notification rules.")
    store.save_rule(tx, made)
    _retarget(tx, made, topics)
    store.touch(tx, place(ctx))
    return {"Arn": made.arn}


def _retarget(tx: Tx, one: Rule, topics: list[str]) -> None:
    """Give a rule exactly these targets."""
    there = {target.address for target in store.targets_of(tx, one)}
    store.unlink(tx, one.arn, sorted(there - set(topics)))
    for topic in topics:
        if topic not in there:
            store.link(tx, one, topic)
