"""Tags of rules and buses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.eventbridge import model, store
from codeyard.platform.eventbridge.api.base import Base
from codeyard.platform.eventbridge.errors import no_rule
from codeyard.platform.eventbridge.model import Bus, Rule


class Tagging(Base):
    """Operations on tags."""

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags."""
        added = model.tags_of(req["Tags"])

        def write(tx: Any) -> dict[str, Any]:
            found = _tagged(ctx, tx, req["ResourceARN"])
            _save(tx, found, model.tags_of(_pairs({**found.tags, **added})))
            return {}

        return ctx.write(write)

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off; those that are not there are no error."""

        def write(tx: Any) -> dict[str, Any]:
            found = _tagged(ctx, tx, req["ResourceARN"])
            _save(tx, found, {key: value for key, value in found.tags.items() if key not in req["TagKeys"]})
            return {}

        return ctx.write(write)

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of a rule or bus."""
        found = self._kit.db.read(lambda tx: _tagged(ctx, tx, req["ResourceARN"]))
        return {"Tags": _pairs(found.tags)}


def _tagged(ctx: Context, tx: Any, arn: str) -> Bus | Rule:
    own = arn.startswith(f"arn:aws:events:{ctx.region}:{ctx.account}:")
    found = (store.bus(tx, arn) or store.rule(tx, arn)) if own else None
    if found is None:
        raise _missing(arn)
    return found


def _missing(arn: str) -> AwsError:
    """In the words of what the ARN seems to name."""
    last = arn.rpartition(":")[2]
    if last.startswith("rule/"):
        bus, _, name = last.removeprefix("rule/").rpartition("/")
        return no_rule(name, bus or model.DEFAULT_BUS)
    return AwsError("ResourceNotFoundException", f"Resource {arn} does not exist.")


def _save(tx: Any, found: Bus | Rule, tags: Mapping[str, str]) -> None:
    if isinstance(found, Bus):
        store.save_bus(tx, replace(found, tags=tags))
    else:
        store.save_rule(tx, replace(found, tags=tags))


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
