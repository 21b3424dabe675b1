"""What the operations share: their ports, the caller's rules, and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from codeyard.contract import Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.services.codestar_notifications import store
from codeyard.services.codestar_notifications.errors import bad_token, no_rule
from codeyard.services.codestar_notifications.model import Rule
from codeyard.storage import Tx

T = TypeVar("T")
PAGE = 100


class Base:
    """The ports of every operation."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    @staticmethod
    def _rule(tx: Tx, ctx: Context, arn: str) -> Rule:
        """The caller's own rule; ResourceNotFoundException."""
        found = store.rule(tx, arn)
        if found is None or (found.account, found.region) != place(ctx):
            raise no_rule(arn)
        return found


def place(ctx: Context) -> tuple[str, str]:
    """The account and region of a call."""
    return ctx.account, ctx.region


def page(ctx: Context, req: Params, found: Sequence[T], key: Callable[[T], str]) -> tuple[list[T], Mapping[str, str]]:
    """The part of an ordered list that the request asks for, and the token of the next one.

    The model's tokens have `+` and `/` where ours have `-` and `_`.
    """
    size, asked = req.get("MaxResults") or PAGE, (ctx.operation, *place(ctx), _plain(req.get("Filters")))
    token = req.get("NextToken")
    own = token.replace("+", "-").replace("/", "_") if token is not None else None
    start = page_tokens.resume(own, (str,), bad_token(), *asked)
    rest = [one for one in found if start is None or key(one) > start[0]]
    if len(rest) <= size:
        return rest, {}
    following = page_tokens.encode((key(rest[size - 1]),), *asked)
    return rest[:size], {"NextToken": following.replace("-", "+").replace("_", "/")}


def passes(filters: Sequence[Mapping[str, Any]] | None, values: Mapping[str, Sequence[str]]) -> bool:
    """Whether something with these values passes: filters of one name are alternatives, of different names all hold."""
    wanted: dict[str, set[str]] = {}
    for one in filters or ():
        wanted.setdefault(one["Name"], set()).add(one["Value"].lower())
    return all(any(value.lower() in any_of for value in values[name]) for name, any_of in wanted.items())


def _plain(filters: Any) -> list[tuple[str, str]]:
    return sorted((one["Name"], one["Value"]) for one in filters or ())
