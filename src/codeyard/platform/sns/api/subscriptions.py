"""Subscriptions: made, confirmed by their endpoint, ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.sns import model, store
from codeyard.platform.sns.api.base import PAGE, Base
from codeyard.platform.sns.delivery import DELIVER, confirmation_text
from codeyard.platform.sns.errors import invalid
from codeyard.platform.sns.model import Subscription

_PENDING = "pending confirmation"
_TOKEN = "0123456789abcdef"


class Subscriptions(Base):
    """Operations on subscriptions."""

    def subscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Subscribe an endpoint and send it a confirmation message; again: the message is sent again."""
        protocol, endpoint = req["Protocol"], req.get("Endpoint") or ""
        model.check_endpoint(protocol, endpoint)
        attributes = dict(req.get("Attributes") or {})
        scope = attributes.get("FilterPolicyScope", "MessageAttributes")
        for name, value in attributes.items():
            model.check_subscription_attribute(name, value, scope)
        token, message_id = self._kit.ids.token(192, _TOKEN), self._kit.ids.uuid()
        arn = f"{req['TopicArn']}:{self._kit.ids.uuid()}"

        def write(tx: Any) -> dict[str, Any]:
            topic = self._topic(tx, req["TopicArn"])
            there = store.same_endpoint(tx, topic.arn, protocol, endpoint)
            if there is not None and there.confirmed:
                return {"SubscriptionArn": there.arn}
            until = ctx.now + model.TOKEN_LIFE
            made = Subscription(
                there.arn if there else arn,
                topic.arn,
                ctx.account,
                protocol,
                endpoint,
                attributes,
                False,
                False,
                False,
                ctx.principal.arn,
                token,
                until,
            )
            store.save_subscription(tx, made)
            payload = {
                "type": "SubscriptionConfirmation",
                "id": message_id,
                "subscription": made.arn,
                "token": token,
                "message": confirmation_text(topic.arn),
                "time": ctx.now,
            }
            tx.effect(DELIVER, f"confirm:{message_id}", payload)
            return {"SubscriptionArn": made.arn if req.get("ReturnSubscriptionArn") else _PENDING}

        return ctx.write(write)

    def confirm_subscription(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Confirm by the token that the endpoint was sent; good for three days."""
        proof = (req.get("AuthenticateOnUnsubscribe") or "").lower() == "true"

        def write(tx: Any) -> dict[str, Any]:
            self._topic(tx, req["TopicArn"])
            found = store.subscription_by_token(tx, req["TopicArn"], req["Token"]) if req["Token"] else None
            if found is None or found.token_until < ctx.now:
                raise invalid("Token")
            signed = ctx.principal.kind != "anonymous"
            store.save_subscription(
                tx, replace(found, confirmed=True, authenticated=signed, needs_authentication=proof and signed)
            )
            return {"SubscriptionArn": found.arn}

        return ctx.write(write)

    def unsubscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """End a subscription; one that is not there is no error."""
        if req["SubscriptionArn"].count(":") != 6:
            raise invalid(
                "SubscriptionArn", f"An ARN must have at least 6 elements, not {req['SubscriptionArn'].count(':') + 1}"
            )

        def write(tx: Any) -> dict[str, Any]:
            store.delete_subscription(tx, req["SubscriptionArn"])
            return {}

        return ctx.write(write)

    def list_subscriptions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's subscriptions in the region, a hundred a page."""
        after = self._after(ctx, req)
        found = self._kit.db.read(lambda tx: store.subscriptions_owned(tx, ctx.account, ctx.region, after, PAGE + 1))
        return {"Subscriptions": [_listed(one) for one in found[:PAGE]], **self._token(ctx, found)}

    def list_subscriptions_by_topic(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A topic's subscriptions, a hundred a page."""
        after = self._after(ctx, req, req["TopicArn"])

        def read(tx: Any) -> list[Subscription]:
            return store.subscriptions_of(tx, self._topic(tx, req["TopicArn"]).arn, after, PAGE + 1)

        found = self._kit.db.read(read)
        return {"Subscriptions": [_listed(one) for one in found[:PAGE]], **self._token(ctx, found, req["TopicArn"])}

    def get_subscription_attributes(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A subscription's attributes."""
        one = self._kit.db.read(lambda tx: self._subscription(tx, req["SubscriptionArn"]))
        shown = {
            "SubscriptionArn": one.arn,
            "TopicArn": one.topic_arn,
            "Owner": one.owner,
            "Protocol": one.protocol,
            "Endpoint": one.endpoint,
            "PendingConfirmation": _flag(not one.confirmed),
            "ConfirmationWasAuthenticated": _flag(one.authenticated),
            "RawMessageDelivery": "false",
            "SubscriptionPrincipal": one.principal,
        }
        if one.attributes.get("FilterPolicy"):
            shown["FilterPolicyScope"] = "MessageAttributes"
        return {"Attributes": {**shown, **{name: value for name, value in one.attributes.items() if value}}}

    def set_subscription_attributes(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set one attribute of a subscription."""
        name, value = req["AttributeName"], req.get("AttributeValue") or ""

        def write(tx: Any) -> dict[str, Any]:
            one = self._subscription(tx, req["SubscriptionArn"])
            scope = one.attributes.get("FilterPolicyScope", "MessageAttributes")
            model.check_subscription_attribute(name, value, scope)
            kept = value.lower() if name == "RawMessageDelivery" else value
            store.save_subscription(tx, replace(one, attributes={**one.attributes, name: kept}))
            return {}

        return ctx.write(write)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _listed(one: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": one.arn if one.confirmed else "PendingConfirmation",
        "Owner": one.owner,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": one.topic_arn,
    }
