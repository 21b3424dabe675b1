"""Tags of trails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.cloudtrail import model
from codeyard.platform.cloudtrail.api.base import Base
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.store import trails
from codeyard.storage import Tx

_LISTED = 20


class Tagging(Base):
    """AddTags, RemoveTags, ListTags."""

    def add_tags(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set tags; a value replaces the one before."""

        def work(tx: Tx) -> dict[str, Any]:
            trails.save(tx, with_tags(_tagged(tx, ctx, req["ResourceId"]), req["TagsList"]))
            return {}

        return ctx.write(work)

    def remove_tags(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags away by their keys; those that are not there are passed over."""
        keys = {tag["Key"] for tag in req["TagsList"]}

        def work(tx: Tx) -> dict[str, Any]:
            found = _tagged(tx, ctx, req["ResourceId"])
            left = {key: value for key, value in found.tags.items() if key not in keys}
            trails.save(tx, replace(found, tags=left))
            return {}

        return ctx.write(work)

    def list_tags(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of up to twenty trails, in one page."""
        asked = req["ResourceIdList"]
        if req.get("NextToken"):
            raise AwsError("InvalidTokenException", "The token is not valid.")
        if len(asked) > _LISTED:
            text = f"At most {_LISTED} resources can be asked for."
            raise AwsError("ValidationException", text, status=400)
        found = self._kit.db.read(lambda tx: [_tagged(tx, ctx, one) for one in asked])
        return {"ResourceTagList": [{"ResourceId": one.arn, "TagsList": _shown(one.tags)} for one in found]}


def with_tags(trail: Trail, given: Iterable[Mapping[str, str]]) -> Trail:
    """The trail with these tags; TagsLimitExceededException over fifty."""
    pairs = [(tag["Key"], tag.get("Value") or "") for tag in given]
    if len(dict(pairs)) != len(pairs) or any(key.lower().startswith("aws:") for key, _ in pairs):
        text = "Tag keys must be unique and cannot begin with aws:."
        raise AwsError("InvalidTagParameterException", text)
    tags = {**trail.tags, **dict(pairs)}
    if len(tags) > model.TAGS:
        text = f"The number of tags per trail, {len(tags)}, exceeds the limit of {model.TAGS}."
        raise AwsError("TagsLimitExceededException", text)
    return replace(trail, tags=tags)


def _tagged(tx: Tx, ctx: Context, arn: str) -> Trail:
    """The trail of an ARN, which must be at home here."""
    if not model.ARN.fullmatch(arn):
        raise AwsError("CloudTrailARNInvalidException", f"{arn} is not the ARN of a trail.")
    account, region, name = model.reference(arn, ctx.account, ctx.region)
    found = trails.named(tx, account, region, name) if (account, region) == (ctx.account, ctx.region) else None
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Unknown trail: {arn} for the user: {ctx.account}")
    return found


def _shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, **({"Value": value} if value else {})} for key, value in tags.items()]
