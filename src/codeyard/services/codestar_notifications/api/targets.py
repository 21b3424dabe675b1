"""Targets of rules: added, taken away, forgotten."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codestar_notifications import model, store
from codeyard.services.codestar_notifications.api.base import Base, place
from codeyard.services.codestar_notifications.errors import invalid, no_rule
from codeyard.storage import Tx


class Targets(Base):
    """Operations on targets."""

    def subscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Give a rule one more target; one that it has is no error, nor is the same token with the same target."""
        topic, token = model.checked_target(req["Target"], ctx.region), req.get("ClientRequestToken") or ""

        def write(tx: Tx) -> dict[str, Any]:
            one = self._rule(tx, ctx, req["Arn"])
            links = store.links_of(tx, place(ctx))
            for rule_arn, address, used in links:
                if token and used == token and (rule_arn, address) != (one.arn, topic):
                    raise invalid("This ClientRequestToken was used for a request with other parameters.")
            there = [address for rule_arn, address, _ in links if rule_arn == one.arn]
            if topic not in there:
                if len(there) >= model.MAX_TARGETS:
                    raise invalid(f"A notification rule has at most {model.MAX_TARGETS} targets.")
                store.link(tx, one, topic, token)
                store.touch(tx, place(ctx))
            return {"Arn": one.arn}

        return ctx.write(write)

    def unsubscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a target from a rule; one that the rule has not is no error, a rule that is not there is one."""

        def write(tx: Tx) -> dict[str, Any]:
            found = store.rule(tx, req["Arn"])
            if found is None or (found.account, found.region) != place(ctx):
                raise invalid(no_rule(req["Arn"]).message)
            store.unlink(tx, found.arn, [req["TargetAddress"]])
            store.touch(tx, place(ctx))
            return {"Arn": found.arn}

        return ctx.write(write)

    def delete_target(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Forget a target; while rules have it, only by force, which takes it from all of them."""
        address = req["TargetAddress"]

        def write(tx: Tx) -> dict[str, Any]:
            if all(one.address != address for one in store.targets_in(tx, place(ctx))):
                raise invalid(f"There is no target {address}.")
            holders = [rule_arn for rule_arn, one, _ in store.links_of(tx, place(ctx)) if one == address]
            if holders and not req.get("ForceUnsubscribeAll"):
                raise invalid(f"The target is one of {len(holders)} notification rules. Use ForceUnsubscribeAll.")
            for rule_arn in holders:
                store.unlink(tx, rule_arn, [address])
            store.delete_target(tx, place(ctx), address)
            store.touch(tx, place(ctx))
            return {}

        return ctx.write(write)
