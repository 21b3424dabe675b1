"""What the operations of SNS share: finding topics and subscriptions, and pages."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.platform.sns import store
from codeyard.platform.sns.errors import invalid, no_subscription, no_topic
from codeyard.platform.sns.model import Subscription, Topic

PAGE = 100


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    @staticmethod
    def _topic(tx: Any, arn: str) -> Topic:
        found = store.topic(tx, arn)
        if found is None:
            raise no_topic()
        return found

    @staticmethod
    def _subscription(tx: Any, arn: str) -> Subscription:
        found = store.subscription(tx, arn)
        if found is None:
            raise no_subscription()
        return found

    @staticmethod
    def _after(ctx: Context, req: Params, *asked: Any) -> str:
        token = req.get("NextToken") or None
        place = page_tokens.resume(token, (str,), invalid("NextToken"), ctx.operation, *asked)
        return "" if place is None else str(place[0])

    @staticmethod
    def _token(ctx: Context, found: list[Any], *asked: Any) -> dict[str, str]:
        if len(found) <= PAGE:
            return {}
        return {"NextToken": page_tokens.encode((found[PAGE - 1].arn,), ctx.operation, *asked)}
