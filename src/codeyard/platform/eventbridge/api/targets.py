"""Targets: where a rule's events go."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.eventbridge import model, store
from codeyard.platform.eventbridge.api.base import Base
from codeyard.platform.eventbridge.model import Target, bus_arn, invalid


class Targets(Base):
    """Operations on targets."""

    def put_targets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace targets, at most five a rule; a kind that is not built is refused by name."""
        own_bus = bus_arn(ctx.account, ctx.region, req.get("EventBusName") or "")
        ids = [target["Id"] for target in req["Targets"]]
        if len(set(ids)) != len(ids):
            raise invalid("Duplicate target ids are not allowed.")
        for target in req["Targets"]:
            model.check_target(target, own_bus)

        def write(tx: Any) -> dict[str, Any]:
            bus, rule = self._rule(ctx, tx, req.get("EventBusName"), req["Rule"])
            held = {target.id for target in store.targets_of(tx, rule.arn)}
            if len(held.union(ids)) > model.MAX_TARGETS:
                raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
            for target in req["Targets"]:
                store.put_target(tx, rule.arn, target)
            store.touch_bus(tx, bus, ctx.now)
            return {"FailedEntryCount": 0, "FailedEntries": []}

        return ctx.write(write)

    def remove_targets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take targets off a rule; ids that it lacks are listed as failed."""

        def write(tx: Any) -> dict[str, Any]:
            bus, rule = self._rule(ctx, tx, req.get("EventBusName"), req["Rule"])
            held = {target.id for target in store.targets_of(tx, rule.arn)}
            store.remove_targets(tx, rule.arn, [one for one in req["Ids"] if one in held])
            store.touch_bus(tx, bus, ctx.now)
            failed = [_unknown(one, rule.name) for one in dict.fromkeys(req["Ids"]) if one not in held]
            return {"FailedEntryCount": len(failed), "FailedEntries": failed}

        return ctx.write(write)

    def list_targets_by_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The targets of a rule."""
        asked = ("targets", req["Rule"], req.get("EventBusName"))
        after = self._after(req, *asked)

        def read(tx: Any) -> list[Target]:
            return store.targets_of(tx, self._rule(ctx, tx, req.get("EventBusName"), req["Rule"])[1].arn)

        found = [target for target in self._kit.db.read(read) if target.id > after]
        page, token = self._page(found, req, lambda target: target.id, *asked)
        return {"Targets": [dict(target.body) for target in page], **token}


def _unknown(target_id: str, rule: str) -> dict[str, str]:
    return {
        "TargetId": target_id,
        "ErrorCode": "ResourceNotFoundException",
        "ErrorMessage": f"Rule {rule} does not have a target with the Id {target_id}.",
    }
