"""What each operation of SNS needs: the topic and its policy. Whoever holds a subscription's token, or its ARN in an
unsubscribe link, may use it: the links in messages are followed without signing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from codeyard.contract import Access, Check, Clock, Params, Principal, Scope, anywhere, request_tags, text
from codeyard.platform.sns import store
from codeyard.platform.sns.model import NO_STATEMENTS, Subscription, default_policy
from codeyard.storage import Database

_ON_TOPIC = {
    "DeleteTopic": "TopicArn",
    "GetTopicAttributes": "TopicArn",
    "SetTopicAttributes": "TopicArn",
    "AddPermission": "TopicArn",
    "RemovePermission": "TopicArn",
    "Subscribe": "TopicArn",
    "ListSubscriptionsByTopic": "TopicArn",
    "Publish": "TopicArn",
    "PublishBatch": "TopicArn",
    "PublishOnce": "TopicArn",
    "ListTagsForResource": "ResourceArn",
    "TagResource": "ResourceArn",
    "UntagResource": "ResourceArn",
}
_ACTIONS = {"PublishBatch": "Publish", "PublishOnce": "Publish"}
_VOUCHING = frozenset({"codecommit.amazonaws.com"})  # CodeCommit's guide asks for a policy only across accounts


def access(db: Database, clock: Clock) -> dict[str, Access]:
    """The access table; entries look topic policies up."""
    return {
        **{name: _on_topic(db, name, member) for name, member in _ON_TOPIC.items()},
        "CreateTopic": _create,
        "ListTopics": anywhere("sns:ListTopics"),
        "ListSubscriptions": anywhere("sns:ListSubscriptions"),
        "GetSubscriptionAttributes": _on_subscription(db, "GetSubscriptionAttributes"),
        "SetSubscriptionAttributes": _on_subscription(db, "SetSubscriptionAttributes"),
        "Unsubscribe": _on_subscription(db, "Unsubscribe"),
        "ConfirmSubscription": _confirm(db, clock),
    }


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    arn = scope.arn("sns", text(params, "Name") or "*")
    yield Check("sns:CreateTopic", arn, request_tags(params))
    if params.get("Tags"):
        yield Check("sns:TagResource", arn, request_tags(params))


def _policy(db: Database, arn: str) -> tuple[str | None, dict[str, str | list[str]]]:
    found: Any = db.read(lambda tx: store.topic(tx, arn)) if arn else None
    if found is None:
        return None, {}
    # The default policy's AWS:SourceOwner names callers that AWS's own services vouch for (see _vouched), so that a
    # user of the account needs an identity policy like anywhere else.
    keys: dict[str, str | list[str]] = {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
    policy = found.attributes.get("Policy") or default_policy(found.arn, found.account)
    return (None if policy == NO_STATEMENTS else policy), keys


def _vouched(scope: Scope) -> dict[str, str | list[str]]:
    """For whom a service publishes that needs no policy of its own on a topic of the same account."""
    principal = scope.principal
    if principal.kind != "service" or principal.name not in _VOUCHING or scope.source_arn.count(":") < 5:
        return {}
    return {"aws:SourceOwner": scope.source_arn.split(":")[4]}


def _on_topic(db: Database, operation: str, member: str) -> Access:
    action = f"sns:{_ACTIONS.get(operation, operation)}"

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn = text(params, member) or text(params, "TargetArn")
        policy, keys = _policy(db, arn)
        own: dict[str, str | list[str]] = {}
        if operation == "Subscribe":
            own = {"sns:Endpoint": text(params, "Endpoint"), "sns:Protocol": text(params, "Protocol")}
        return (Check(action, arn or "*", {**keys, **own, **_vouched(scope), **request_tags(params)}, policy),)

    return checks


def _open_to_all(action: str, arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _on_subscription(db: Database, operation: str) -> Access:
    action = f"sns:{operation}"

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn = text(params, "SubscriptionArn")
        found: Any = db.read(lambda tx: store.subscription(tx, arn)) if arn else None
        topic = arn.rpartition(":")[0] if found is None else found.topic_arn
        if operation == "Unsubscribe" and found is not None:
            return (_ending(scope.principal, found, topic, _policy(db, topic)[1]),)
        policy, keys = _policy(db, topic)
        return (Check(action, topic or "*", keys, policy),)

    return checks


def _ending(principal: Principal, found: Subscription, topic: str, keys: dict[str, str | list[str]]) -> Check:
    """Ending a subscription: whoever has its ARN may, unless it needs authentication; then the topic's account and
    the subscription's may, and no policy opens it to others."""
    action = "sns:Unsubscribe"
    if not found.needs_authentication:
        return Check(action, topic, {}, _open_to_all(action, topic))
    return Check(action, topic, keys, owner=found.owner if principal.account == found.owner else "")


def _confirm(db: Database, clock: Clock) -> Access:
    action = "sns:ConfirmSubscription"

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn, token = text(params, "TopicArn"), text(params, "Token")
        found: Any = db.read(lambda tx: store.subscription_by_token(tx, arn, token)) if token else None
        wants_proof = text(params, "AuthenticateOnUnsubscribe").lower() == "true"
        if found is not None and found.token_until > clock.now() and not wants_proof:
            return (Check(action, arn, {}, _open_to_all(action, arn)),)
        policy, keys = _policy(db, arn)
        return (Check(action, arn or "*", keys, policy),)

    return checks
