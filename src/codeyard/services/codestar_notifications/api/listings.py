"""Lists: event types, rules and targets, by filters and in pages."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codestar_notifications import store
from codeyard.services.codestar_notifications.api.base import Base, page, passes, place
from codeyard.services.codestar_notifications.event_types import EVENT_TYPES
from codeyard.services.codestar_notifications.model import Rule
from codeyard.storage import Tx


class Listings(Base):
    """The operations that list, but for tags."""

    def list_event_types(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Every event type that a rule may name, in order of id."""
        found = [
            one
            for one in sorted(EVENT_TYPES.values(), key=lambda one: one.id)
            if passes(req.get("Filters"), {"RESOURCE_TYPE": [one.resource], "SERVICE_NAME": [one.service]})
        ]
        shown, more = page(ctx, req, found, lambda one: one.id)
        return {"EventTypes": [one.shape() for one in shown], **more}

    def list_notification_rules(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's rules in the region, in order of ARN."""

        def read(tx: Tx) -> tuple[list[Rule], dict[str, list[str]]]:
            topics: dict[str, list[str]] = {}
            for rule_arn, address, _ in store.links_of(tx, place(ctx)):
                topics.setdefault(rule_arn, []).append(address)
            return store.rules_of(tx, place(ctx)), topics

        rules, topics = self._kit.db.read(read)
        found = [one for one in rules if passes(req.get("Filters"), _values(one, topics.get(one.arn, [])))]
        shown, more = page(ctx, req, found, lambda one: one.arn)
        return {"NotificationRules": [{"Id": one.id, "Arn": one.arn} for one in shown], **more}

    def list_targets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The targets that are known in the account and region, whether or not a rule has them, by address."""
        known = self._kit.db.read(lambda tx: store.targets_in(tx, place(ctx)))
        found = [
            one
            for one in known
            if passes(
                req.get("Filters"),
                {"TARGET_TYPE": [one.type], "TARGET_ADDRESS": [one.address], "TARGET_STATUS": [one.status]},
            )
        ]
        shown, more = page(ctx, req, found, lambda one: one.address)
        return {"Targets": [one.shape() for one in shown], **more}


def _values(one: Rule, topics: list[str]) -> dict[str, list[str]]:
    return {
        "EVENT_TYPE_ID": list(one.event_types),
        "CREATED_BY": [one.created_by],
        "RESOURCE": [one.resource],
        "TARGET_ADDRESS": topics,
    }
