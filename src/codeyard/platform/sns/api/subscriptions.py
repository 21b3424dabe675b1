"""Subscriptions: made, confirmed by their endpoint, ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import Context, Params
from codeyard.platform.sns import model, store
from codeyard.platform.sns.api.base import PAGE, Base
from codeyard.platform.sns.delivery import DELIVER, EXPIRE, cancellation_text, confirmation_text, sealed
from codeyard.platform.sns.errors import invalid
from codeyard.platform.sns.model import Subscription

_PENDING = "pending confirmation"
_TOKEN = "0123456789abcdef"


class Subscriptions(Base):
    """Operations on subscriptions."""

    def subscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Subscribe an endpoint and send it a confirmation message; again: the message is sent again."""
        protocol, endpoint = req["Protocol"], req.get("Endpoint") or ""
        self._kit.db.read(lambda tx: self._topic(tx, req["TopicArn"]))  # its absence is told before other faults
        model.check_endpoint(protocol, endpoint, mail=self._kit.settings.smtp is not None)
        attributes = dict(req.get("Attributes") or {})
        scope = attributes.get("FilterPolicyScope", "MessageAttributes")
        for name, value in attributes.items():
            model.check_subscription_attribute(name, value, scope)
            model.check_raw(protocol, name, value)
        token, message_id = self._kit.ids.token(192, _TOKEN), self._kit.ids.uuid()
        arn = f"{req['TopicArn']}:{self._kit.ids.uuid()}"

        def write(tx: Any) -> dict[str, Any]:
            topic = self._topic(tx, req["TopicArn"])
            there = store.same_endpoint(tx, topic.arn, protocol, endpoint)
            if there is not None and there.confirmed:
                return {"SubscriptionArn": there.arn}
            made = Subscription(
                arn=there.arn if there else arn,
                topic_arn=topic.arn,
                owner=ctx.account,
                protocol=protocol,
                endpoint=endpoint,
                attributes=attributes,
                confirmed=False,
                authenticated=False,
                needs_authentication=False,
                principal=ctx.principal.arn,
                token=token,
                token_until=0,
            )
            self._ask(ctx, tx, made, token, message_id, "SubscriptionConfirmation")
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
            store.save_subscription(tx, _confirmed(found, proof, signed=ctx.principal.kind != "anonymous"))
            return {"SubscriptionArn": found.arn}

        return ctx.write(write)

    def unsubscribe(self, ctx: Context, req: Params) -> dict[str, Any]:
        """End a subscription; one that is not there is no error. Where another than its owner ends it, its endpoint is
        told, with a token by which it may take that back."""
        arn = req["SubscriptionArn"]
        if arn.count(":") != 6:
            raise invalid("SubscriptionArn", f"An ARN must have at least 6 elements, not {arn.count(':') + 1}")
        token, message_id = self._kit.ids.token(192, _TOKEN), self._kit.ids.uuid()

        def write(tx: Any) -> dict[str, Any]:
            found = store.subscription(tx, arn)
            if found is None or ctx.principal.account == found.owner:
                store.delete_subscription(tx, arn)
            elif found.confirmed:
                ended = replace(found, confirmed=False, needs_authentication=False)
                self._ask(ctx, tx, ended, token, message_id, "UnsubscribeConfirmation")
            return {}

        return ctx.write(write)

    def _ask(self, ctx: Context, tx: Any, one: Subscription, token: str, message_id: str, kind: str) -> None:
        """Keep a subscription as one that its endpoint may confirm for as long as the token that it is sent counts."""
        waiting = replace(one, token=token, token_until=ctx.now + model.TOKEN_LIFE)
        store.save_subscription(tx, waiting)
        tx.timer(EXPIRE, one.arn, waiting.token_until)
        text = confirmation_text(one.topic_arn) if kind == "SubscriptionConfirmation" else cancellation_text(one.arn)
        payload = {
            "type": kind,
            "id": message_id,
            "subscription": one.arn,
            "token": token,
            "message": text,
            "time": ctx.now,
        }
        tx.effect(DELIVER, f"confirm:{message_id}", sealed(self._kit, payload))

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
            model.check_raw(one.protocol, name, value)
            kept = value.lower() if name == "RawMessageDelivery" else value
            store.save_subscription(tx, replace(one, attributes={**one.attributes, name: kept}))
            return {}

        return ctx.write(write)


def _confirmed(found: Subscription, proof: bool, *, signed: bool) -> Subscription:
    """The subscription, confirmed. Who confirms it once more may protect it, and never takes protection away."""
    kept = found.confirmed and found.needs_authentication
    authenticated = signed or (found.confirmed and found.authenticated)
    return replace(found, confirmed=True, authenticated=authenticated, needs_authentication=kept or (proof and signed))


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
