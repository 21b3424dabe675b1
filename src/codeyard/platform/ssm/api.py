"""The operations of Parameter Store."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.platform.ssm import model
from codeyard.platform.ssm.errors import invalid, not_found
from codeyard.platform.ssm.model import Parameter
from codeyard.platform.ssm.store import Place

_MAX_PARAMETERS = 10_000


class ParameterStore:
    """One method an operation."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

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

        def write(tx: Any) -> dict[str, Any]:
            made, tags = self._next_version(ctx, req, place, tx, name)
            place.put(tx, made, tags)
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
        if before is not None:
            self._make_room(place, tx, name)
        plain = req["Value"].encode()
        value = self._kit.sealer.seal(plain, self._context(ctx, name)) if kind == "SecureString" else plain
        description = req.get("Description", before.description if before else "")
        tags = head[1] if head else model.tags_of(req.get("Tags") or ())
        made = Parameter(
            name, version, kind, value, description, key_id, pattern, tier, "text", ctx.principal.arn, ctx.now, ()
        )
        return made, tags

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

    def get_parameter(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One parameter by name, ARN, name:version or name:label."""
        found = self._kit.db.read(lambda tx: self._find(ctx, tx, req["Name"]))
        return {"Parameter": self._shown(ctx, found, req, req["Name"])}

    def get_parameters(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Several parameters; those that are not there are listed as invalid."""
        names = list(dict.fromkeys(req["Names"]))
        if len(names) != len(req["Names"]):
            raise invalid("Duplicate parameter names are not allowed.")

        def read(tx: Any) -> tuple[list[dict[str, Any]], list[str]]:
            good, bad = [], []
            for name in names:
                try:
                    good.append(self._shown(ctx, self._find(ctx, tx, name), req, name))
                except AwsError:
                    bad.append(name)
            return good, bad

        good, bad = self._kit.db.read(read)
        return {"Parameters": good, "InvalidParameters": bad}

    def get_parameters_by_path(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The parameters under a path, at any depth with Recursive."""
        path = req["Path"]
        if not path.startswith("/"):
            raise invalid(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a "
                'forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive).'
            )
        tests = model.compile_filters(req.get("ParameterFilters") or (), by_path=True)
        recursive = bool(req.get("Recursive"))
        asked = (path, recursive, repr(req.get("ParameterFilters")))
        below = path.rstrip("/") + "/" if path != "/" else ""
        matches = self._matches(
            ctx, req, asked, below, lambda p, tags: model.under(p.name, path, recursive) and _all(tests, p, tags)
        )
        page, token = _page(matches, req.get("MaxResults") or 10, lambda p: p.name, asked)
        return _with_token({"Parameters": [self._shown(ctx, p, req, p.name) for p in page]}, token)

    def describe_parameters(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The parameters' metadata, without values."""
        if req.get("Shared"):
            return {"Parameters": []}
        if req.get("Filters") and req.get("ParameterFilters"):
            raise invalid("You can use either Filters or ParameterFilters in a single request.")
        filters = req.get("ParameterFilters") or [{**one, "Option": _old(one)} for one in req.get("Filters") or ()]
        tests = model.compile_filters(filters, by_path=False)
        asked = (repr(filters),)
        matches = self._matches(ctx, req, asked, "", lambda p, tags: _all(tests, p, tags))
        page, token = _page(matches, req.get("MaxResults") or 50, lambda p: p.name, asked)
        return _with_token({"Parameters": [{**_metadata(p), "ARN": _arn(ctx, p)} for p in page]}, token)

    def get_parameter_history(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Every kept version, oldest first."""
        name, asked = self._own_name(ctx, req["Name"]), ("history", req["Name"])
        after = _place(req.get("NextToken"), int, asked) or 0
        found = self._kit.db.read(lambda tx: Place(ctx.account, ctx.region).history(tx, name))
        if not found:
            raise not_found()
        rest = [p for p in found if p.version > after]
        page, token = _page(rest, req.get("MaxResults") or 50, lambda p: p.version, asked)
        shown = [{**_metadata(p), "Value": self._value(ctx, p, req), "Labels": list(p.labels)} for p in page]
        return _with_token({"Parameters": shown}, token)

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
            raise _no_resource(name)
        return {"TagList": [{"Key": key, "Value": value} for key, value in head[1].items()]}

    def _change_tags(self, ctx: Context, req: Params, change: Any) -> dict[str, Any]:
        name, place = self._own_name(ctx, _parameter_id(req)), Place(ctx.account, ctx.region)

        def write(tx: Any) -> dict[str, Any]:
            head = place.head(tx, name)
            if head is None:
                raise _no_resource(name)
            tags = change(head[1])
            if len(tags) > model.MAX_TAGS:
                raise AwsError("TooManyTagsError", "The number of tags exceeds the limit of 50.")
            place.set_tags(tx, name, tags)
            return {}

        return ctx.write(write)

    def _own_name(self, ctx: Context, given: str) -> str:
        """The name that a name or an ARN means here; of an ARN's two readings the one that exists."""
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
            raise AwsError(
                "ParameterVersionNotFound",
                f"Systems Manager could not find version {selector} of {name}. Verify the version and try again.",
            )
        return found

    @staticmethod
    def _version(place: Place, tx: Any, name: str, asked: int | None) -> Parameter:
        head = place.head(tx, name)
        if head is None:
            raise not_found()
        found = place.get(tx, name, head[0] if asked is None else asked) if asked is None or 0 < asked < 2**62 else None
        if found is None:
            raise AwsError(
                "ParameterVersionNotFound",
                f"Systems Manager could not find version {asked} of {name}. Verify the version and try again.",
            )
        return found

    def _matches(self, ctx: Context, req: Params, asked: tuple[Any, ...], below: str, holds: Any) -> list[Parameter]:
        after = _place(req.get("NextToken"), str, asked) or ""
        rows = self._kit.db.read(lambda tx: Place(ctx.account, ctx.region).listing(tx, after, below))
        return [p for p, tags in rows if holds(p, tags)]

    def _shown(self, ctx: Context, found: Parameter, req: Params, given: str) -> dict[str, Any]:
        selector = model.split_selector(given)[1]
        shown = {
            "Name": found.name,
            "Type": found.type,
            "Value": self._value(ctx, found, req),
            "Version": found.version,
            "LastModifiedDate": moment(found.modified),
            "ARN": _arn(ctx, found),
            "DataType": found.data_type,
        }
        return {**shown, "Selector": f":{selector}"} if selector else shown

    def _value(self, ctx: Context, found: Parameter, req: Params) -> str:
        if not found.secure:
            return found.value.decode()
        if not req.get("WithDecryption"):
            return base64.b64encode(found.value).decode()
        return self._kit.sealer.open(found.value, self._context(ctx, found.name)).decode()

    @staticmethod
    def _context(ctx: Context, name: str) -> str:
        return f"ssm:{ctx.account}:{ctx.region}:{name}"


def _parameter_id(req: Params) -> str:
    if req["ResourceType"] != "Parameter":
        raise not_implemented("ssm", f"tags of resource type {req['ResourceType']}")
    return str(req["ResourceId"])


def _no_resource(name: str) -> AwsError:
    return AwsError(
        "InvalidResourceId", "The resource ID isn't valid. Verify that you entered the correct ID and try again."
    )


def _arn(ctx: Context, found: Parameter) -> str:
    return ctx.arn(model.arn_tail(found.name), "ssm")


def _metadata(found: Parameter) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Name": found.name,
        "Type": found.type,
        "LastModifiedDate": moment(found.modified),
        "LastModifiedUser": found.user,
        "Version": found.version,
        "Tier": found.tier,
        "Policies": [],
        "DataType": found.data_type,
    }
    optional = {"KeyId": found.key_id, "Description": found.description, "AllowedPattern": found.allowed_pattern}
    return {**shown, **{name: value for name, value in optional.items() if value}}


def _old(one: Mapping[str, Any]) -> str:
    return "BeginsWith" if one["Key"] == "Name" else "Equals"


def _all(tests: list[model.Test], found: Parameter, tags: Mapping[str, str]) -> bool:
    return all(test(found, tags) for test in tests)


def _place(token: str | None, kind: type, asked: tuple[Any, ...]) -> Any:
    place = page_tokens.resume(token, (kind,), AwsError("InvalidNextToken", "The specified token isn't valid."), *asked)
    return None if place is None else place[0]


def _page(found: list[Parameter], limit: int, key: Any, asked: tuple[Any, ...]) -> tuple[list[Parameter], str | None]:
    page = found[:limit]
    return page, page_tokens.encode((key(page[-1]),), *asked) if len(found) > limit else None


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return {**answer, "NextToken": token} if token else answer
