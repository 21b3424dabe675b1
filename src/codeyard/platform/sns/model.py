"""The rules of topics, subscriptions and messages. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from codeyard.contract import not_implemented
from codeyard.formats import event_pattern, resource_policies
from codeyard.formats.resource_policies import NotJson, OutOfScope, PolicyFault
from codeyard.platform.sns.errors import invalid

MAX_MESSAGE = 262_144
MAX_TOPICS = 100_000
TOKEN_LIFE = 3 * 86_400 * 1_000_000
PROTOCOLS = ("http", "https")
MAIL = ("email", "email-json")
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z0-9_\-]{1,256}", re.ASCII)
_MAX_POLICY = 30_720
ACTIONS = frozenset(  # API reference, AddPermission: what a topic's policy can let others do
    {"AddPermission", "DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "Receive"}
    | {"RemovePermission", "SetTopicAttributes", "Subscribe"}
)
_TOPIC_ATTRIBUTES = ("DisplayName", "Policy", "SignatureVersion")
_SUBSCRIPTION_ATTRIBUTES = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its attributes as they were set."""

    arn: str
    account: str
    region: str
    name: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    created: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; `token` is what confirms it while it is pending."""

    arn: str
    topic_arn: str
    owner: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    confirmed: bool
    authenticated: bool
    needs_authentication: bool
    principal: str
    token: str
    token_until: int


def check_name(name: str) -> None:
    """Refuse names that no topic can have; FIFO topics are not built."""
    if name.endswith(".fifo") and _NAME.fullmatch(name.removesuffix(".fifo")):
        raise not_implemented("sns", "FIFO topics")
    if _NAME.fullmatch(name) is None:
        raise invalid("Topic Name")


def policy_of(statements: list[dict[str, Any]]) -> str:
    """The policy of these statements, as a topic keeps it."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


NO_STATEMENTS = policy_of([])  # what is left when the last permission is removed: it neither lets in nor keeps out


def default_policy(topic_arn: str, account: str) -> str:
    """The policy that a topic has until one is set: its own account may use it."""
    actions = (
        "Publish RemovePermission SetTopicAttributes DeleteTopic ListSubscriptionsByTopic GetTopicAttributes "
        "AddPermission Subscribe"
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions.split()],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def check_topic_attribute(name: str, value: str) -> None:
    """Refuse an attribute that is unknown, malformed or not built."""
    if name in (
        "KmsMasterKeyId",
        "TracingConfig",
        "DeliveryPolicy",
        "FifoTopic",
        "ContentBasedDeduplication",
        "ArchivePolicy",
    ):
        if value:
            raise not_implemented("sns", f"the topic attribute {name}")
        return
    if name not in _TOPIC_ATTRIBUTES:
        raise invalid("AttributeName")
    if name == "Policy":
        check_policy(value)
    if name == "SignatureVersion" and value not in ("1", "2"):
        raise invalid("SignatureVersion")
    if name == "DisplayName" and (len(value) > 100 or any(ord(c) < 32 or ord(c) == 127 for c in value)):
        raise invalid("DisplayName")


def check_policy(text: str) -> None:
    """InvalidParameter for a policy that could not be judged by, or that speaks of other things than topics."""
    if len(text.encode()) > _MAX_POLICY:
        raise invalid("Policy too large")
    try:
        resource_policies.check(text, vendor="sns")
    except OutOfScope:
        raise invalid("Policy statement action out of service scope!") from None
    except NotJson:
        raise invalid("Policy Error: null") from None
    except PolicyFault as fault:
        raise invalid(f"Policy Error: {fault}") from None


def check_subscription_attribute(name: str, value: str, scope: str) -> None:
    """Refuse an attribute that is unknown, malformed or not built."""
    if name in ("RedrivePolicy", "DeliveryPolicy", "SubscriptionRoleArn", "ReplayPolicy"):
        if value:
            raise not_implemented("sns", f"the subscription attribute {name}")
        return
    if name not in _SUBSCRIPTION_ATTRIBUTES:
        raise invalid("AttributeName")
    if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
        raise invalid("RawMessageDelivery", "must be true or false")
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise invalid("FilterPolicyScope", "must be MessageAttributes or MessageBody")
    if name == "FilterPolicy" and value:
        filter_test(value, scope)


def filter_test(policy: str, scope: str) -> event_pattern.Test:
    """The compiled filter policy; InvalidParameter says what is wrong with it."""
    try:
        pattern = event_pattern.parse(policy)
        if scope == "MessageAttributes" and any(isinstance(one, dict) for one in pattern.values()):
            raise event_pattern.PatternError(
                "Filter policy scope MessageAttributes does not support nested filter policy"
            )
        return event_pattern.compile_pattern(pattern) if pattern else lambda event: True
    except event_pattern.PatternError as problem:
        raise invalid("FilterPolicy", str(problem)) from None


def passes(attributes: Mapping[str, str], message: str, given: Mapping[str, Any]) -> bool:
    """Whether a message passes a subscription's filter policy."""
    policy, scope = attributes.get("FilterPolicy"), attributes.get("FilterPolicyScope", "MessageAttributes")
    if not policy:
        return True
    test = filter_test(policy, scope)
    if scope == "MessageAttributes":
        return test({name: _filtered(one) for name, one in given.items() if not one["DataType"].startswith("Binary")})
    try:
        body = orjson.loads(message)
    except ValueError:
        return False
    return isinstance(body, dict) and test(body)


def _filtered(attribute: Mapping[str, Any]) -> Any:
    kind, text = attribute["DataType"], attribute.get("StringValue") or ""
    if kind == "String" or (kind.startswith("String.") and kind != "String.Array"):
        return text
    try:
        value = orjson.loads(text)
    except ValueError:
        return text
    return value


def check_endpoint(protocol: str, endpoint: str, *, mail: bool) -> None:
    """Refuse protocols that this server cannot deliver by, and endpoints that are no URL or address of the protocol.

    `mail` says whether the administrator set a mail server.
    """
    if protocol in MAIL:
        if not mail:
            raise invalid("Protocol", f"{protocol} needs a mail server: set one with codeyard serve --smtp-host")
        if not is_address(endpoint):
            raise invalid("Endpoint", "Email address")
        return
    if protocol not in PROTOCOLS:
        known = ("sms", "sqs", "application", "lambda", "firehose")
        reason = (
            f"{protocol} is not available on this server"
            if protocol in known
            else "Amazon SNS does not support this protocol string"
        )
        raise invalid("Protocol", reason)
    if not endpoint.startswith(f"{protocol}://") or len(endpoint) > 2048 or any(ord(char) <= 32 for char in endpoint):
        raise invalid("Endpoint", f"Endpoint must match the specified protocol: {protocol}")


def is_address(text: str) -> bool:
    """Whether a text is one plain e-mail address, without a name, comments, quotes or line breaks."""
    return _ADDRESS.fullmatch(text) is not None


def check_raw(protocol: str, name: str, value: str) -> None:
    """Raw messages go to HTTP endpoints alone."""
    if name == "RawMessageDelivery" and value.lower() == "true" and protocol in MAIL:
        raise invalid("Attributes", f"Delivery protocol [{protocol}] does not support raw message delivery.")


def check_message(entry: Mapping[str, Any]) -> None:
    """Refuse a message that is empty, too long or malformed."""
    message, subject = entry["Message"], entry.get("Subject")
    if not message:
        raise invalid("Empty message")
    attributes = entry.get("MessageAttributes") or {}
    size = len(message.encode()) + sum(_attribute_size(name, one) for name, one in attributes.items())
    if size > MAX_MESSAGE:
        raise invalid("Message too long")
    if subject is not None and (not 0 < len(subject) <= 100 or any(ord(c) < 32 or ord(c) == 127 for c in subject)):
        raise invalid("Subject")
    if entry.get("MessageGroupId") or entry.get("MessageDeduplicationId"):
        raise invalid("MessageGroupId", "The request includes a parameter that is not valid for this topic type")
    structure = entry.get("MessageStructure")
    if structure not in (None, "", "json"):
        raise invalid("MessageStructure")
    if structure == "json":
        messages_by_protocol(message)


def _attribute_size(name: str, one: Mapping[str, Any]) -> int:
    kind = one["DataType"]
    if kind.partition(".")[0] not in ("String", "Number", "Binary"):
        raise invalid("MessageAttributes", f"The message attribute '{name}' has an invalid message attribute type")
    value = one.get("BinaryValue") if kind.startswith("Binary") else one.get("StringValue")
    if not value:
        raise invalid(
            "MessageAttributes", f"The message attribute '{name}' must contain a non-empty value for its type"
        )
    return len(name.encode()) + len(kind) + (len(value) if isinstance(value, bytes) else len(value.encode()))


def messages_by_protocol(message: str) -> dict[str, str]:
    """The texts of a message with structure json; a default one is needed."""
    try:
        found = orjson.loads(message)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(found, dict) or not isinstance(found.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return {key: value for key, value in found.items() if isinstance(value, str)}


def shown_attributes(given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Message attributes as receivers see them."""
    shown = {}
    for name, one in given.items():
        binary = one.get("BinaryValue")
        value = base64.b64encode(binary).decode() if isinstance(binary, bytes) else one.get("StringValue") or ""
        shown[name] = {"Type": one["DataType"], "Value": value}
    return shown
