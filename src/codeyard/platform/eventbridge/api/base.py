"""What the operations of EventBridge share: finding buses and rules, and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from codeyard.contract import Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.platform.eventbridge import store
from codeyard.platform.eventbridge.delivery import Deliveries
from codeyard.platform.eventbridge.errors import no_bus, no_rule
from codeyard.platform.eventbridge.model import Bus, Rule, bus_arn, bus_name, invalid, rule_arn

T = TypeVar("T")


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit, deliveries: Deliveries) -> None:
        self._kit, self._deliveries = kit, deliveries

    @staticmethod
    def _bus(ctx: Context, tx: Any, given: str | None) -> Bus:
        """The caller's own bus of a name or ARN."""
        arn = bus_arn(ctx.account, ctx.region, given or "")
        found = store.bus(tx, arn)
        if found is None or (found.account, found.region) != (ctx.account, ctx.region):
            raise no_bus(bus_name(arn) or arn)
        return found

    def _rule(self, ctx: Context, tx: Any, bus: str | None, name: str) -> tuple[Bus, Rule]:
        of_bus = self._bus(ctx, tx, bus)
        found = store.rule(tx, rule_arn(of_bus.arn, name))
        if found is None:
            raise no_rule(name, of_bus.name)
        return of_bus, found

    @staticmethod
    def _after(req: Params, *asked: Any) -> str:
        place = page_tokens.resume(req.get("NextToken"), (str,), invalid("Invalid NextToken."), *asked)
        return "" if place is None else str(place[0])

    @staticmethod
    def _page(
        found: Sequence[T], req: Params, key: Callable[[T], str], *asked: Any
    ) -> tuple[Sequence[T], dict[str, str]]:
        limit = req.get("Limit") or 100
        page = found[:limit]
        if len(found) <= limit:
            return page, {}
        return page, {"NextToken": page_tokens.encode((key(page[-1]),), *asked)}
