"""What the operations of CloudWatch Logs share: finding groups and streams, and pages."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.platform.cloudwatch_logs import model, store
from codeyard.platform.cloudwatch_logs.errors import invalid, no_group, no_stream
from codeyard.platform.cloudwatch_logs.model import Group, Stream


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    @staticmethod
    def _group(ctx: Context, tx: Any, req: Params) -> Group:
        name = model.group_name(req, ctx.account, ctx.region)
        found = store.group(tx, ctx.account, ctx.region, name)
        if found is None:
            raise no_group()
        return found

    def _stream(self, ctx: Context, tx: Any, req: Params) -> tuple[Group, Stream]:
        group = self._group(ctx, tx, req)
        found = store.stream(tx, group.id, req["logStreamName"])
        if found is None:
            raise no_stream()
        return group, found

    @staticmethod
    def _place(req: Params, kinds: tuple[type, ...], *asked: Any) -> tuple[Any, ...] | None:
        refusal = invalid("The specified nextToken is invalid.")
        return page_tokens.resume(req.get("nextToken"), kinds, refusal, *asked)
