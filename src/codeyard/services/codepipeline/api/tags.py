"""Tags of pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.model import paging
from codeyard.services.codepipeline.store import pipelines
from codeyard.storage import Row, Tx, loads

MAX_TAGS = 50


class Tags(Base):
    """Operations on tags."""

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags; TooManyTagsException beyond 50."""

        def write(tx: Tx) -> dict[str, Any]:
            pipeline = _resource(tx, ctx, req["resourceArn"])
            pipelines.set_tags(tx, pipeline.uid, checked_tags(loads(pipeline.tags), req["tags"]))
            return {}

        return ctx.write(write)

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags; keys that are not there are no error."""

        def write(tx: Tx) -> dict[str, Any]:
            pipeline = _resource(tx, ctx, req["resourceArn"])
            left = {k: v for k, v in loads(pipeline.tags).items() if k not in req["tagKeys"]}
            pipelines.set_tags(tx, pipeline.uid, left)
            return {}

        return ctx.write(write)

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The pipeline's tags by key, page by page."""
        after = paging.decode_text("tags", req.get("nextToken")) or ""
        limit = req.get("maxResults", 100)
        tags: dict[str, str] = loads(self._kit.db.read(lambda tx: _resource(tx, ctx, req["resourceArn"])).tags)
        rest = [t for t in as_list(tags) if t["key"] > after]
        answer: dict[str, Any] = {"tags": rest[:limit]}
        if len(rest) > limit:
            answer["nextToken"] = paging.encode("tags", rest[limit - 1]["key"])
        return answer


def _resource(tx: Tx, ctx: Context, arn: str) -> Row:
    parts = arn.split(":", 5)
    if len(parts) != 6 or "/" in parts[5] or not parts[5]:
        raise AwsError("InvalidArnException", f"The ARN {arn} is not the ARN of a CodePipeline resource with tags")
    _, _, _, region, account, name = parts
    found = pipelines.by_name(tx, account, region, name) if account == ctx.account else None
    if found is None:
        raise AwsError("ResourceNotFoundException", f"The resource {arn} was not found")
    return found


def checked_tags(old: Mapping[str, str], new: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The tags after adding `new`; InvalidTagsException for reserved or repeated keys, TooManyTagsException."""
    given = [tag["key"] for tag in new]
    if len(set(given)) != len(given):
        raise AwsError("InvalidTagsException", "Tag keys must be unique")
    if reserved := [key for key in given if key.lower().startswith("aws:")]:
        raise AwsError("InvalidTagsException", f"Tag keys that begin with aws: are reserved: {reserved[0]}")
    tags = {**old, **{tag["key"]: tag["value"] for tag in new}}
    if len(tags) > MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A resource can have up to {MAX_TAGS} tags")
    return tags


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API shows them, by key."""
    return [{"key": k, "value": v} for k, v in sorted(tags.items())]
