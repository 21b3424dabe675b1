"""Custom action types: made and deleted. Their jobs are in `jobs`."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.api.tags import as_list, checked_tags
from codeyard.services.codepipeline.model import custom as model
from codeyard.services.codepipeline.store import custom
from codeyard.services.codepipeline.store.custom import Place
from codeyard.storage import Tx


class CustomTypes(Base):
    """Operations on custom action types."""

    def create_custom_action_type(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make an action type that job workers of the account's own do; a version is used once for ever."""
        kind, tags = model.declared(req), checked_tags({}, req.get("tags", []))
        place = place_of(ctx, req)

        def make(tx: Tx) -> dict[str, Any]:
            before = custom.get(tx, place)
            if before is not None:
                words = "was deleted; choose another version" if before.deleted else "exists already"
                named = f"{req['category']} {req['provider']} {req['version']}"
                raise AwsError("ValidationException", f"The action type {named} {words}")
            if len(custom.living(tx, ctx.account, ctx.region)) >= model.MAX_TYPES:
                raise AwsError("LimitExceededException", f"An account has up to {model.MAX_TYPES} custom action types")
            custom.insert(tx, place, kind.shape(), tags)
            return {"actionType": kind.shape()} | ({"tags": as_list(tags)} if tags else {})

        return ctx.write(make)

    def delete_custom_action_type(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a type; actions that use it fail from now on. One that is not there is no error."""
        place = place_of(ctx, req)

        def delete(tx: Tx) -> dict[str, Any]:
            custom.update(tx, place, deleted=1)
            return {}

        return ctx.write(delete)


def place_of(ctx: Context, kind: Params) -> Place:
    """Where the caller's type of that category, provider and version is kept."""
    return Place(ctx.account, ctx.region, kind["category"], kind["provider"], kind["version"])
