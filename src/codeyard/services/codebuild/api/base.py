"""What the operations share: finding rows, telling refusals, paging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from codeyard.contract import Context, not_implemented
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.services.codebuild import store
from codeyard.services.codebuild.engine import BuildEngine
from codeyard.services.codebuild.errors import invalid, no_project
from codeyard.services.codebuild.model.projects import Refused, Unbuilt
from codeyard.storage import Row, Tx

T = TypeVar("T")
PAGE = 100


class Base:
    """The service's ports."""

    def __init__(self, kit: Kit, engine: BuildEngine) -> None:
        self._kit, self._engine = kit, engine

    @staticmethod
    def _arn(ctx: Context, name: str) -> str:
        return ctx.arn(f"project/{name}", "codebuild")

    def _project(self, ctx: Context, tx: Tx, name: str) -> Row:
        plain = name.rpartition("project/")[2] if name.startswith("arn:") else name
        row = store.project(tx, ctx.account, ctx.region, plain)
        if row is None or (name.startswith("arn:") and name != self._arn(ctx, plain)):
            raise no_project(name if name.startswith("arn:") else self._arn(ctx, name))
        return row


def checked(ctx: Context, fn: Callable[[], T]) -> T:
    """The rules' answer, their refusals turned into CodeBuild's errors."""
    try:
        return fn()
    except Refused as refusal:
        raise invalid(str(refusal)) from None
    except Unbuilt as what:
        raise not_implemented("codebuild", f"{ctx.operation} for {what}") from None


def place(token: str | None, kinds: tuple[type, ...], *question: Any) -> tuple[Any, ...] | None:
    """Where a listing goes on; InvalidInputException for a token that is not ours."""
    refusal = invalid("Invalid nextToken: the token is not valid for this request")
    return page_tokens.resume(token or None, kinds, refusal, *question)
