"""Parameters are put and deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.platform.ssm import model, secure
from codeyard.platform.ssm.api.base import Base, arn_of
from codeyard.platform.ssm.errors import invalid, not_found
from codeyard.platform.ssm.model import Parameter
from codeyard.platform.ssm.store import Place

_MAX_PARAMETERS = 10_000


class Writes(Base):
    """Versions come and go."""

    def put_parameter(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a parameter or, with Overwrite, add a version; ParameterAlreadyExists without."""
        if req.get("Policies"):
            raise not_implemented("ssm", "PutParameter with Policies")
        if req.get("DataType", "text") != "text":
            raise not_implemented("ssm", f"PutParameter with DataType {req['DataType']}")
        if req.get("Overwrite") and req.get("Tags"):
            raise invalid(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please "
                "remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
                "RemoveTagsFromResource."
            )
        name = self._own_name(ctx, req["Name"])
        model.check_name(name)
        place = Place(ctx.account, ctx.region)
        sealed = self._sealed(ctx, req, place, name)

        def write(tx: Any) -> dict[str, Any]:
            made, tags = self._next_version(ctx, req, place, tx, name)
            if made.version > 1:
                self._make_room(place, tx, name)
            place.put(tx, _kept(made, sealed), tags)
            return {"Version": made.version, "Tier": made.tier}

        return ctx.write(write)

    def _next_version(
        self, ctx: Context, req: Params, place: Place, tx: Any, name: str
    ) -> tuple[Parameter, dict[str, str]]:
        head = place.head(tx, name)
        before = place.get(tx, name, head[0]) if head else None
        if before is not None and not req.get("Overwrite"):
            raise AwsError(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to "
                "true.",
            )
        if before is None and place.count(tx) >= _MAX_PARAMETERS:
            raise AwsError("ParameterLimitExceeded", "You have exceeded the number of parameters for this account.")
        kind = self._type(req, before)
        pattern = req.get("AllowedPattern", before.allowed_pattern if before else "")
        wanted = req.get("Tier") or (before.tier if before else "Standard")
        if before is not None and before.tier == "Advanced":
            if req.get("Tier") == "Standard":
                raise invalid("This parameter uses the advanced-parameter tier. You can't downgrade it to standard.")
            wanted = "Advanced"
        tier = model.check_value(kind, req["Value"], pattern, wanted)
        key_id = model.check_key(kind, req.get("KeyId", ""))
        version = before.version + 1 if before else 1
        value = req["Value"].encode()
        description = req.get("Description", before.description if before else "")
        tags = head[1] if head else model.tags_of(req.get("Tags") or ())
        made = Parameter(
            name, version, kind, value, description, key_id, pattern, tier, "text", ctx.principal.arn, ctx.now, ()
        )
        return made, tags

    def _sealed(self, ctx: Context, req: Params, place: Place, name: str) -> bytes | None:
        """A SecureString's value under its key, before anything is written; None for the other types."""
        if req.get("Type", "SecureString") != "SecureString":
            return None
        made = self._kit.db.read(lambda tx: self._next_version(ctx, req, place, tx, name))[0]
        return (
            secure.seal(ctx, self._kit.ids.bytes, made.key_id, arn_of(ctx, made), made.value) if made.secure else None
        )

    @staticmethod
    def _type(req: Params, before: Parameter | None) -> str:
        asked = req.get("Type")
        if before is None:
            if not asked:
                raise invalid("A parameter type is required when you create a parameter.")
            return str(asked)
        if asked and asked != before.type:
            raise AwsError(
                "HierarchyTypeMismatchException",
                f"The parameter is of type {before.type}; its type can't be changed to {asked}.",
            )
        return before.type

    @staticmethod
    def _make_room(place: Place, tx: Any, name: str) -> None:
        history = place.history(tx, name)
        if len(history) < model.MAX_VERSIONS:
            return
        if history[0].labels:
            raise AwsError(
                "ParameterMaxVersionLimitExceeded",
                f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite "
                f"flag. Version {history[0].version}, the oldest version, can't be deleted because it has a label "
                "associated with it. Move the label to another version of the parameter, and try again.",
            )
        place.drop_version(tx, name, history[0].version)

    def delete_parameter(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a parameter with its history."""
        self._delete(ctx, [req["Name"]])
        return {}

    def delete_parameters(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete up to ten parameters; says which were not there."""
        names = list(dict.fromkeys(req["Names"]))
        gone = self._delete(ctx, names)
        return {"DeletedParameters": gone, "InvalidParameters": [name for name in names if name not in gone]}

    def _delete(self, ctx: Context, names: list[str]) -> list[str]:
        place = Place(ctx.account, ctx.region)
        meant = {name: self._own_name(ctx, name) for name in names}

        def write(tx: Any) -> dict[str, Any]:
            gone = [name for name in names if place.delete(tx, meant[name])]
            if not gone and ctx.operation == "DeleteParameter":
                raise not_found()
            return {"DeletedParameters": gone}

        deleted: list[str] = ctx.write(write)["DeletedParameters"]
        return deleted


def _kept(made: Parameter, sealed: bytes | None) -> Parameter:
    """The version as it is kept; its type may have changed since its value was sealed, or was not."""
    if not made.secure:
        return made
    if sealed is None:
        raise AwsError(
            "TooManyUpdates", "There are concurrent updates for a resource that supports one update at a time."
        )
    return replace(made, value=sealed)
