"""What every room of the API needs: which parameter a request means."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit
from codeyard.platform.ssm import model
from codeyard.platform.ssm.errors import not_found
from codeyard.platform.ssm.model import Parameter
from codeyard.platform.ssm.store import Place


class Base:
    """Names, ARNs, versions and labels to parameters."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def _own_name(self, ctx: Context, given: str) -> str:
        """The name that a name or an ARN means here; of two readings the one that exists."""
        names = model.names_of(given, ctx.account, ctx.region)
        if len(names) == 1:
            return names[0]
        place = Place(ctx.account, ctx.region)
        there = self._kit.db.read(lambda tx: [name for name in names if place.head(tx, name)])
        return (there or [*names, given])[0]

    def _find(self, ctx: Context, tx: Any, given: str) -> Parameter:
        named, selector = model.split_selector(given)
        place = Place(ctx.account, ctx.region)
        for name in model.names_of(named, ctx.account, ctx.region):
            head = place.head(tx, name)
            if head is not None:
                return self._select(place, tx, name, head[0], selector)
        raise not_found()

    @staticmethod
    def _select(place: Place, tx: Any, name: str, latest: int, selector: str) -> Parameter:
        if not selector:
            found = place.get(tx, name, latest)
        elif selector.isascii() and selector.isdigit() and len(selector) < 12:
            found = place.get(tx, name, int(selector))
        else:
            found = next((p for p in place.history(tx, name) if selector in p.labels), None)
        if found is None:
            raise _no_version(selector, name)
        return found

    @staticmethod
    def _version(place: Place, tx: Any, name: str, asked: int | None) -> Parameter:
        head = place.head(tx, name)
        if head is None:
            raise not_found()
        found = place.get(tx, name, head[0] if asked is None else asked) if asked is None or 0 < asked < 2**62 else None
        if found is None:
            raise _no_version(asked, name)
        return found


def arn_of(ctx: Context, found: Parameter) -> str:
    """The ARN of a parameter."""
    return ctx.arn(model.arn_tail(found.name), "ssm")


def _no_version(version: object, name: str) -> AwsError:
    return AwsError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find version {version} of {name}. Verify the version and try again.",
    )
