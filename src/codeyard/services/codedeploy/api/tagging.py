"""Tags of applications and deployment groups (hosts' tags are of another kind: see hosts)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy.api.common import Base, the_application, the_group
from codeyard.services.codedeploy.store import catalog
from codeyard.storage import Tx

_LIMIT = 50


class Tagging(Base):
    """The tag operations."""

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of an application or a deployment group, by key."""
        arn = req["ResourceArn"]

        def read(tx: Tx) -> dict[str, str]:
            _check_resource(tx, ctx, arn)
            return catalog.tags_of(tx, arn)

        return {"Tags": [{"Key": k, "Value": v} for k, v in sorted(self._kit.db.read(read).items())]}

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or change tags."""
        if not req["Tags"]:
            raise AwsError("TagRequiredException", "At least one tag is required")
        return self._change(ctx, req["ResourceArn"], checked_tags(req["Tags"]), ())

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags; keys that are not there are no error."""
        if not req["TagKeys"]:
            raise AwsError("TagRequiredException", "At least one tag key is required")
        return self._change(ctx, req["ResourceArn"], {}, req["TagKeys"])

    def _change(self, ctx: Context, arn: str, add: Mapping[str, str], drop: Sequence[str]) -> dict[str, Any]:
        def write(tx: Tx) -> dict[str, Any]:
            _check_resource(tx, ctx, arn)
            tags = {k: v for k, v in (catalog.tags_of(tx, arn) | dict(add)).items() if k not in drop}
            if len(tags) > _LIMIT:
                raise AwsError("InvalidTagsToAddException", f"A resource has at most {_LIMIT} tags")
            catalog.set_tags(tx, arn, tags)
            return {}

        return ctx.write(write)


def application_arn(ctx: Context, name: str) -> str:
    """The ARN of an application of the caller's account and region."""
    return ctx.arn(f"application:{name}", "codedeploy")


def group_arn(ctx: Context, application: str, name: str) -> str:
    """The ARN of a deployment group of the caller's account and region."""
    return ctx.arn(f"deploymentgroup:{application}/{name}", "codedeploy")


def checked_tags(tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tags as a dict; InvalidTagsToAddException where AWS takes none such."""
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:") or key in found:
            raise AwsError("InvalidTagsToAddException", f"The tag {key[:128]!r} is not valid")
        found[key] = value
    if len(found) > _LIMIT:
        raise AwsError("InvalidTagsToAddException", f"A resource has at most {_LIMIT} tags")
    return found


def _check_resource(tx: Tx, ctx: Context, arn: str) -> None:
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[0] != "arn" or parts[2] != "codedeploy":
        raise AwsError("InvalidArnException", f"{arn[:200]} is not a valid ARN of CodeDeploy")
    if (parts[4], parts[3]) != (ctx.account, ctx.region):
        raise AwsError("InvalidArnException", "The ARN is of another account or region")
    kind, name = parts[5], parts[6]
    if kind == "application":
        the_application(tx, ctx, name)
    elif kind == "deploymentgroup":
        application, _, group = name.partition("/")
        the_group(tx, ctx, application, group)
    else:
        raise AwsError("ArnNotSupportedException", f"Resources of type {kind[:100]} have no tags")
