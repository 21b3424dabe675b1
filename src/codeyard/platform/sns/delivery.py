"""Messages on their way to endpoints: one effect for each message and subscription."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from codeyard.engine import Kit
from codeyard.formats.moments import iso_millis
from codeyard.outbound import Outbound, OutboundError, RefusedAddressError
from codeyard.platform.sns import mail, store
from codeyard.platform.sns.model import MAIL, Subscription, Topic
from codeyard.platform.sns.signing import Signing

log = logging.getLogger(__name__)
DELIVER = "sns.deliver"
EXPIRE = "sns.expire"
CERTIFICATE_PATH = "/sns/SimpleNotificationService.pem"


def sealed(kit: Kit, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery as it waits in the database: what it says sealed, to whom in the clear."""
    plain = json.dumps(payload).encode()
    text = base64.b64encode(kit.sealer.seal(plain, f"{DELIVER}:{payload['subscription']}")).decode()
    return {"subscription": payload["subscription"], "sealed": text}


class Delivery:
    """Posts messages; an endpoint that answers 4xx (but 429) has refused for good, anything else is tried again."""

    def __init__(self, kit: Kit, signing: Signing, outbound: Outbound) -> None:
        self._kit, self._signing, self._outbound = kit, signing, outbound
        self._postman = mail.Postman(kit.settings.smtp)

    def deliver(self, token: str, payload: dict[str, Any]) -> None:
        """The effect: send one message to one subscription, if it is still there."""
        payload = self._opened(payload)
        topic, subscription = self._kit.db.read(lambda tx: _both(tx, payload["subscription"]))
        if topic is None or subscription is None:
            return
        if payload["type"] == "Notification" and not subscription.confirmed:
            return
        if subscription.protocol in MAIL:
            self._mail(topic, subscription, self._envelope(topic, subscription, payload))
            return
        raw = payload["type"] == "Notification" and subscription.attributes.get("RawMessageDelivery") == "true"
        body = payload["message"] if raw else json.dumps(self._envelope(topic, subscription, payload), indent=2)
        self._post(subscription, body.encode(), _headers(topic, subscription, payload, raw=raw))

    def expire(self, subscription_arn: str) -> None:
        """The reconciler: drop a subscription that nobody confirmed while its token counted."""
        now = self._kit.clock.now()

        def drop(tx: Any) -> None:
            found = store.subscription(tx, subscription_arn)
            if found is not None and not found.confirmed and found.token_until <= now:
                store.delete_subscription(tx, subscription_arn)

        self._kit.db.write(drop)

    def _opened(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What waited for delivery; before messages were sealed, it waited as it is."""
        if "sealed" not in payload:
            return payload
        raw = self._kit.sealer.open(base64.b64decode(payload["sealed"]), f"{DELIVER}:{payload['subscription']}")
        found: dict[str, Any] = json.loads(raw)
        return found

    def _mail(self, topic: Topic, subscription: Subscription, envelope: Mapping[str, Any]) -> None:
        plain = subscription.protocol == "email"
        body = mail.text_of(envelope) if plain else json.dumps(envelope, indent=2)
        subject = mail.subject_of(envelope)
        try:
            made = mail.compose(self._postman.sender, topic, subscription, subject, envelope, body)
        except ValueError:  # a line break in a header: refused when it was given, unless an older server took it
            log.warning("a message to the subscription %s cannot be a mail", subscription.arn)
            return
        self._postman.post(made, subscription.endpoint)

    def _post(self, subscription: Subscription, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            answer = self._outbound.request(
                "POST", subscription.endpoint, headers=headers, body=body, timeout=15.0, max_bytes=4096
            )
        except RefusedAddressError as problem:
            log.warning("subscription %s is not delivered to: %s", subscription.arn, problem)
            return
        if 200 <= answer.status < 300:
            return
        if 400 <= answer.status < 500 and answer.status != 429:
            log.warning("subscription %s refused a message with status %d", subscription.arn, answer.status)
            return
        raise OutboundError(f"the endpoint answered {answer.status}")

    def _envelope(self, topic: Topic, subscription: Subscription, payload: Mapping[str, Any]) -> dict[str, Any]:
        base = self._kit.settings.base_url.rstrip("/")
        version = topic.attributes.get("SignatureVersion") or "1"
        message: dict[str, Any] = {"Type": payload["type"], "MessageId": payload["id"]}
        if payload["type"] != "Notification":
            message["Token"] = payload["token"]
        message["TopicArn"] = topic.arn
        if payload.get("subject"):
            message["Subject"] = payload["subject"]
        message["Message"] = payload["message"]
        if payload["type"] != "Notification":
            message["SubscribeURL"] = subscribe_url(base, topic.arn, payload["token"])
        message["Timestamp"] = iso_millis(payload["time"])
        message["SignatureVersion"] = version
        message["Signature"] = self._signing.sign(message, version)
        message["SigningCertURL"] = base + CERTIFICATE_PATH
        if payload["type"] == "Notification":
            message["UnsubscribeURL"] = (
                f"{base}/?Action=Unsubscribe&SubscriptionArn={quote(subscription.arn, safe=':')}"
            )
        if payload.get("attributes"):
            message["MessageAttributes"] = payload["attributes"]
        return message


def subscribe_url(base: str, topic_arn: str, token: str) -> str:
    """The URL that confirms a subscription when it is visited."""
    return f"{base}/?{urlencode({'Action': 'ConfirmSubscription', 'TopicArn': topic_arn, 'Token': token}, safe=':')}"


def confirmation_text(topic_arn: str) -> str:
    """What a confirmation message says."""
    return (
        f"You have chosen to subscribe to the topic {topic_arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )


def cancellation_text(subscription_arn: str) -> str:
    """What the last message of an ended subscription says."""
    return (
        f"You have chosen to deactivate subscription {subscription_arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def _both(tx: Any, subscription_arn: str) -> tuple[Topic | None, Subscription | None]:
    subscription = store.subscription(tx, subscription_arn)
    return (store.topic(tx, subscription.topic_arn) if subscription else None), subscription


def _headers(topic: Topic, subscription: Subscription, payload: Mapping[str, Any], *, raw: bool) -> dict[str, str]:
    headers = {
        "x-amz-sns-message-type": payload["type"],
        "x-amz-sns-message-id": payload["id"],
        "x-amz-sns-topic-arn": topic.arn,
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    if payload["type"] != "SubscriptionConfirmation":
        headers["x-amz-sns-subscription-arn"] = subscription.arn
    return {**headers, "x-amz-sns-rawdelivery": "true"} if raw else headers
