"""Topics: their life, attributes, policy and tags."""

from __future__ import annotations

import json
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats.resource_policies import listed
from codeyard.platform.sns import model, store
from codeyard.platform.sns.api.base import PAGE, Base
from codeyard.platform.sns.errors import invalid
from codeyard.platform.sns.model import Topic


class Topics(Base):
    """Operations on topics."""

    def create_topic(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a topic; the same again answers the same ARN, another one of that name is refused."""
        model.check_name(req["Name"])
        if req.get("DataProtectionPolicy"):
            raise not_implemented("sns", "data protection policies")
        attributes, tags = dict(req.get("Attributes") or {}), _tags(req.get("Tags") or ())
        for name, value in attributes.items():
            model.check_topic_attribute(name, value)
        arn = ctx.arn(req["Name"], "sns")

        def write(tx: Any) -> dict[str, Any]:
            there = store.topic(tx, arn)
            if there is None:
                store.add_topic(tx, Topic(arn, ctx.account, ctx.region, req["Name"], attributes, tags, ctx.now))
            elif any(there.attributes.get(name) != value for name, value in attributes.items()):
                raise invalid("Attributes", "Topic already exists with different attributes")
            elif tags and tags != there.tags:
                raise invalid("Tags", "Topic already exists with different tags")
            return {"TopicArn": arn}

        return ctx.write(write)

    def delete_topic(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a topic with its subscriptions; one that is not there is no error."""

        def write(tx: Any) -> dict[str, Any]:
            store.delete_topic(tx, req["TopicArn"])
            return {}

        return ctx.write(write)

    def list_topics(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's topics in the region, a hundred a page."""
        after = self._after(ctx, req)
        found = self._kit.db.read(lambda tx: store.topics_of(tx, ctx.account, ctx.region, after, PAGE + 1))
        return {"Topics": [{"TopicArn": one.arn} for one in found[:PAGE]], **self._token(ctx, found)}

    def get_topic_attributes(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A topic's attributes, its policy among them."""

        def read(tx: Any) -> tuple[Topic, int, int]:
            topic = self._topic(tx, req["TopicArn"])
            states = [one.confirmed for one in store.subscriptions_of(tx, topic.arn)]
            return topic, sum(states), len(states) - sum(states)

        topic, confirmed, pending = self._kit.db.read(read)
        shown = {
            "TopicArn": topic.arn,
            "Owner": topic.account,
            "DisplayName": "",
            "Policy": model.default_policy(topic.arn, topic.account),
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsPending": str(pending),
            "SubscriptionsDeleted": "0",
        }
        return {"Attributes": {**shown, **{name: value for name, value in topic.attributes.items() if value}}}

    def set_topic_attributes(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set one attribute."""
        name, value = req["AttributeName"], req.get("AttributeValue") or ""
        model.check_topic_attribute(name, value)

        def write(tx: Any) -> dict[str, Any]:
            topic = self._topic(tx, req["TopicArn"])
            store.set_topic(tx, topic.arn, attributes={**topic.attributes, name: value})
            return {}

        return ctx.write(write)

    def add_permission(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Let accounts do actions, by a statement in the topic's policy."""
        if not req["AWSAccountId"] or not req["ActionName"]:
            raise invalid("AWSAccountId")
        if not all(len(one) == 12 and one.isdigit() for one in req["AWSAccountId"]):
            raise invalid("AWSAccountId")
        if not model.ACTIONS.issuperset(req["ActionName"]):
            raise invalid("Policy statement action out of service scope!")

        def write(tx: Any) -> dict[str, Any]:
            topic = self._topic(tx, req["TopicArn"])
            statements = _statements(topic)
            if any(one.get("Sid") == req["Label"] for one in statements):
                raise invalid("Statement already exists")
            added = {
                "Sid": req["Label"],
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in req["AWSAccountId"]]},
                "Action": [f"SNS:{action}" for action in req["ActionName"]],
                "Resource": topic.arn,
            }
            model.check_policy(model.policy_of([*statements, added]))
            return self._set_policy(tx, topic, [*statements, added])

        return ctx.write(write)

    def remove_permission(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a statement out of the topic's policy."""

        def write(tx: Any) -> dict[str, Any]:
            topic = self._topic(tx, req["TopicArn"])
            kept = [one for one in _statements(topic) if one.get("Sid") != req["Label"]]
            return self._set_policy(tx, topic, kept)

        return ctx.write(write)

    @staticmethod
    def _set_policy(tx: Any, topic: Topic, statements: list[dict[str, Any]]) -> dict[str, Any]:
        store.set_topic(tx, topic.arn, attributes={**topic.attributes, "Policy": model.policy_of(statements)})
        return {}

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags."""
        return self._change_tags(ctx, req["ResourceArn"], _tags(req["Tags"]), ())

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off."""
        return self._change_tags(ctx, req["ResourceArn"], {}, req["TagKeys"])

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A topic's tags."""
        topic = self._kit.db.read(lambda tx: store.topic(tx, req["ResourceArn"]))
        if topic is None:
            raise AwsError("ResourceNotFoundException", "Resource does not exist")
        return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}

    def _change_tags(self, ctx: Context, arn: str, added: dict[str, str], gone: Any) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            topic = store.topic(tx, arn)
            if topic is None:
                raise AwsError("ResourceNotFoundException", "Resource does not exist")
            tags = {key: value for key, value in {**topic.tags, **added}.items() if key not in gone}
            if len(tags) > 50:
                raise AwsError(
                    "TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded"
                )
            store.set_topic(tx, arn, tags=tags)
            return {}

        return ctx.write(write)


def _statements(topic: Topic) -> list[dict[str, Any]]:
    kept = topic.attributes.get("Policy") or model.default_policy(topic.arn, topic.account)
    return listed(json.loads(kept)["Statement"])


def _tags(given: Any) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in given}
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tags", "Tag keys that begin with aws: are reserved")
    return tags
