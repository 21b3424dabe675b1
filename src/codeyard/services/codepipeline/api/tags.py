"""Tags of pipelines, custom action types and webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.model import paging
from codeyard.services.codepipeline.store import custom, pipelines, webhooks
from codeyard.storage import Tx, dumps, loads

MAX_TAGS = 50
_TYPE, _WEBHOOK = "actiontype:Custom/", "webhook:"


class Tags(Base):
    """Operations on tags."""

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags; TooManyTagsException beyond 50."""

        def write(tx: Tx) -> dict[str, Any]:
            found = _tagged(tx, ctx, req["resourceArn"])
            found.put(checked_tags(found.tags, req["tags"]))
            return {}

        return ctx.write(write)

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags; keys that are not there are no error."""

        def write(tx: Tx) -> dict[str, Any]:
            found = _tagged(tx, ctx, req["resourceArn"])
            found.put({k: v for k, v in found.tags.items() if k not in req["tagKeys"]})
            return {}

        return ctx.write(write)

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The resource's tags by key, page by page."""
        after = paging.decode_text("tags", req.get("nextToken")) or ""
        limit = req.get("maxResults", 100)
        tags = self._kit.db.read(lambda tx: _tagged(tx, ctx, req["resourceArn"]).tags)
        rest = [t for t in as_list(tags) if t["key"] > after]
        answer: dict[str, Any] = {"tags": rest[:limit]}
        if len(rest) > limit:
            answer["nextToken"] = paging.encode("tags", rest[limit - 1]["key"])
        return answer


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A resource's tags, and how they are kept."""

    tags: dict[str, str]
    put: Callable[[dict[str, str]], None]


def _tagged(tx: Tx, ctx: Context, arn: str) -> _Tagged:
    parts = arn.split(":", 5)
    is_type = len(parts) == 6 and parts[5].startswith(_TYPE)
    if len(parts) != 6 or not parts[5] or ("/" in parts[5] and not is_type):
        raise AwsError("InvalidArnException", f"The ARN {arn} is not the ARN of a CodePipeline resource with tags")
    _, _, _, region, account, name = parts
    found = None
    if account == ctx.account:
        kind = _type if is_type else _webhook if name.startswith(_WEBHOOK) else _pipeline
        found = kind(tx, account, region, name)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"The resource {arn} was not found")
    return found


def _pipeline(tx: Tx, account: str, region: str, name: str) -> _Tagged | None:
    row = pipelines.by_name(tx, account, region, name)
    return _Tagged(loads(row.tags), lambda tags: pipelines.set_tags(tx, row.uid, tags)) if row is not None else None


def _type(tx: Tx, account: str, region: str, name: str) -> _Tagged | None:
    parts = name.removeprefix(_TYPE).split("/")
    if len(parts) != 3:
        return None
    place = custom.Place(account, region, *parts)
    row = custom.get(tx, place)
    if row is None or row.deleted:
        return None
    return _Tagged(loads(row.tags), lambda tags: custom.update(tx, place, tags=dumps(tags)))


def _webhook(tx: Tx, account: str, region: str, name: str) -> _Tagged | None:
    row = webhooks.get(tx, account, region, name.removeprefix(_WEBHOOK))
    return _Tagged(loads(row.tags), lambda tags: webhooks.update(tx, row, tags=dumps(tags))) if row else None


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
