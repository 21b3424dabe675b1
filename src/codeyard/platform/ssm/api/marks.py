"""Labels of versions and tags of parameters."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.platform.ssm import model
from codeyard.platform.ssm.api.base import Base
from codeyard.platform.ssm.store import Place


class Marks(Base):
    """What users pin on parameters."""

    def label_parameter_version(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Attach labels to a version (the latest by default), taking them from other versions."""
        good, bad = model.sort_labels(req["Labels"])
        name, place = self._own_name(ctx, req["Name"]), Place(ctx.account, ctx.region)

        def write(tx: Any) -> dict[str, Any]:
            target = self._version(place, tx, name, req.get("ParameterVersion"))
            labels = tuple(dict.fromkeys((*target.labels, *good)))
            if len(labels) > model.MAX_LABELS:
                raise AwsError("ParameterVersionLabelLimitExceeded", "A parameter version can have at most 10 labels.")
            for other in place.history(tx, name):
                kept = tuple(label for label in other.labels if label not in good)
                if other.version != target.version and kept != other.labels:
                    place.set_labels(tx, name, other.version, kept)
            place.set_labels(tx, name, target.version, labels)
            return {"InvalidLabels": bad, "ParameterVersion": target.version}

        return ctx.write(write)

    def unlabel_parameter_version(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take labels off a version; says which it did not have."""
        name, place = self._own_name(ctx, req["Name"]), Place(ctx.account, ctx.region)

        def write(tx: Any) -> dict[str, Any]:
            target = self._version(place, tx, name, req["ParameterVersion"])
            asked = list(dict.fromkeys(req["Labels"]))
            place.set_labels(tx, name, target.version, tuple(one for one in target.labels if one not in asked))
            removed = [one for one in asked if one in target.labels]
            return {"RemovedLabels": removed, "InvalidLabels": [one for one in asked if one not in removed]}

        return ctx.write(write)

    def add_tags_to_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags of a parameter."""
        return self._change_tags(ctx, req, lambda tags: {**tags, **model.tags_of(req["Tags"])})

    def remove_tags_from_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off a parameter; those it lacks are no error."""
        gone = set(req["TagKeys"])
        return self._change_tags(ctx, req, lambda tags: {key: tags[key] for key in tags if key not in gone})

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of a parameter."""
        name = _parameter_id(req)
        own = self._own_name(ctx, name)
        head = self._kit.db.read(lambda tx: Place(ctx.account, ctx.region).head(tx, own))
        if head is None:
            raise _no_resource()
        return {"TagList": [{"Key": key, "Value": value} for key, value in head[1].items()]}

    def _change_tags(self, ctx: Context, req: Params, change: Any) -> dict[str, Any]:
        name, place = self._own_name(ctx, _parameter_id(req)), Place(ctx.account, ctx.region)

        def write(tx: Any) -> dict[str, Any]:
            head = place.head(tx, name)
            if head is None:
                raise _no_resource()
            tags = change(head[1])
            if len(tags) > model.MAX_TAGS:
                raise AwsError("TooManyTagsError", "The number of tags exceeds the limit of 50.")
            place.set_tags(tx, name, tags)
            return {}

        return ctx.write(write)


def _parameter_id(req: Params) -> str:
    if req["ResourceType"] != "Parameter":
        raise not_implemented("ssm", f"tags of resource type {req['ResourceType']}")
    return str(req["ResourceId"])


def _no_resource() -> AwsError:
    return AwsError(
        "InvalidResourceId", "The resource ID isn't valid. Verify that you entered the correct ID and try again."
    )
