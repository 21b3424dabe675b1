"""Tags of notification rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codestar_notifications import model, store
from codeyard.services.codestar_notifications.api.base import Base
from codeyard.storage import Tx


class Tagging(Base):
    """The tag operations."""

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of a rule."""
        return {"Tags": dict(self._kit.db.read(lambda tx: self._rule(tx, ctx, req["Arn"])).tags)}

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags; the answer has all of the rule's."""

        def write(tx: Tx) -> dict[str, Any]:
            one = self._rule(tx, ctx, req["Arn"])
            tags = model.checked_tags({**one.tags, **req["Tags"]})
            store.save_rule(tx, replace(one, tags=tags, modified=ctx.now))
            return {"Tags": tags}

        return ctx.write(write)

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags; keys that are not there are no error."""

        def write(tx: Tx) -> dict[str, Any]:
            one = self._rule(tx, ctx, req["Arn"])
            tags = {key: value for key, value in one.tags.items() if key not in req["TagKeys"]}
            store.save_rule(tx, replace(one, tags=tags, modified=ctx.now))
            return {}

        return ctx.write(write)
