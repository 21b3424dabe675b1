"""What the operations of CloudWatch Logs share: finding groups and streams, and pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.platform.cloudwatch_logs import model, store
from codeyard.platform.cloudwatch_logs.errors import invalid, no_group, no_stream
from codeyard.platform.cloudwatch_logs.keys import GroupKeys, GroupSealer, NeedsKeys
from codeyard.platform.cloudwatch_logs.model import Group, Stream

T = TypeVar("T")
_ATTEMPTS = 3


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._keys = GroupKeys(kit)

    def _read_events(self, ctx: Context, req: Params, fn: Callable[[GroupSealer, Any], T]) -> T:
        """`fn` in a read, with what opens the events of the call's group, whose keys are fetched when needed."""
        sealer = self._keys.none
        for _ in range(_ATTEMPTS):
            try:
                return self._kit.db.read(partial(fn, sealer))
            except NeedsKeys:
                sealer = self._keys.of(self._kit.db.read(lambda tx: self._group(ctx, tx, req)))
        raise AwsError("OperationAbortedException", "The keys of the log group are being changed; try again.")

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
