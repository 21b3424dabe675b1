"""Publishing: one message, or ten at once, to every subscription that its filter lets it to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.platform.sns import model, store
from codeyard.platform.sns.api.base import Base
from codeyard.platform.sns.delivery import DELIVER, sealed
from codeyard.platform.sns.errors import invalid

_BATCH = 10
_ONCE = uuid.UUID("4be0f1de-7a0a-5f6b-93b8-6f3a9d2a1c55")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_\-]{1,80}", re.ASCII)


class Publishing(Base):
    """Publish and PublishBatch."""

    def publish(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Publish a message to a topic; deliveries follow as effects."""
        if req.get("PhoneNumber"):
            raise not_implemented("sns", "Publish to a phone number")
        arn = req.get("TopicArn") or req.get("TargetArn")
        if not arn:
            raise invalid("TopicArn or TargetArn", "no value for required parameter")
        model.check_message(req)
        message_id = self._kit.ids.uuid()

        def write(tx: Any) -> dict[str, Any]:
            self._send(ctx, tx, arn, req, message_id)
            return {"MessageId": message_id}

        return ctx.write(write)

    def publish_once(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Publish for another service of this program: the same token again is the same message, not one more."""
        message_id = str(uuid.uuid5(_ONCE, f"{req['TopicArn']}\n{req['Token']}"))
        model.check_message(req)

        def write(tx: Any) -> dict[str, Any]:
            self._send(ctx, tx, req["TopicArn"], req, message_id)
            return {"MessageId": message_id}

        return ctx.write(write)

    def publish_batch(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Publish up to ten messages; each has its own answer."""
        entries = req["PublishBatchRequestEntries"]
        _check_batch(entries)
        ids = {entry["Id"]: self._kit.ids.uuid() for entry in entries}

        def write(tx: Any) -> dict[str, Any]:
            self._topic(tx, req["TopicArn"])
            good, bad = [], []
            for entry in entries:
                try:
                    model.check_message(entry)
                except AwsError as problem:
                    failed = {"Code": "InvalidParameter", "Message": problem.message, "SenderFault": True}
                    bad.append({"Id": entry["Id"], **failed})
                    continue
                self._send(ctx, tx, req["TopicArn"], entry, ids[entry["Id"]])
                good.append({"Id": entry["Id"], "MessageId": ids[entry["Id"]]})
            return {"Successful": good, "Failed": bad}

        return ctx.write(write)

    def _send(self, ctx: Context, tx: Any, arn: str, entry: Mapping[str, Any], message_id: str) -> None:
        topic = self._topic(tx, arn)
        given = entry.get("MessageAttributes") or {}
        texts = {"default": entry["Message"]}
        if entry.get("MessageStructure") == "json":
            texts = model.messages_by_protocol(entry["Message"])
        for one in store.subscriptions_of(tx, topic.arn):
            text = texts.get(one.protocol, texts["default"])
            if not one.confirmed or not model.passes(one.attributes, text, given):
                continue
            payload = {
                "type": "Notification",
                "id": message_id,
                "subscription": one.arn,
                "subject": entry.get("Subject"),
                "message": text,
                "time": ctx.now,
                "attributes": model.shown_attributes(given),
            }
            tx.effect(DELIVER, f"{message_id}:{one.arn.rpartition(':')[2]}", sealed(self._kit, payload))


def _check_batch(entries: Any) -> None:
    ids = [entry["Id"] for entry in entries]
    if not ids:
        raise AwsError("EmptyBatchRequestException", "The batch request doesn't contain any entries.")
    if len(ids) > _BATCH:
        raise AwsError(
            "TooManyEntriesInBatchRequestException", "The batch request contains more entries than permissible."
        )
    if len(set(ids)) != len(ids):
        raise AwsError(
            "BatchEntryIdsNotDistinctException", "Two or more batch entries in the request have the same Id."
        )
    if not all(_ENTRY_ID.fullmatch(one) for one in ids):
        raise AwsError("InvalidBatchEntryIdException", "The Id of a batch entry in a batch request is not valid.")
    if sum(len(entry["Message"].encode()) for entry in entries) > model.MAX_MESSAGE:
        raise AwsError(
            "BatchRequestTooLongException", "The length of all the messages put together is more than the limit."
        )
