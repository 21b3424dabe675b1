"""Log groups: their life, retention and tags."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats import page_tokens
from codeyard.platform.cloudwatch_logs import model, store
from codeyard.platform.cloudwatch_logs.api.base import Base
from codeyard.platform.cloudwatch_logs.errors import invalid, no_group
from codeyard.platform.cloudwatch_logs.keys import GroupKey
from codeyard.platform.cloudwatch_logs.model import Group
from codeyard.platform.cloudwatch_logs.retention import RETENTION

_CLASSES = ("STANDARD", "INFREQUENT_ACCESS")


class Groups(Base):
    """Operations on groups."""

    def create_log_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a group; ResourceAlreadyExistsException when it is there."""
        kind = req.get("logGroupClass") or "STANDARD"
        if req.get("deletionProtectionEnabled") or kind not in _CLASSES:
            raise not_implemented("logs", "CreateLogGroup with deletion protection or that class")
        tags = dict(req.get("tags") or {})
        model.check_tags(tags)
        name = req["logGroupName"]
        group = Group(self._kit.ids.uuid(), ctx.account, ctx.region, name, ctx.now // 1000, 0, kind, tags)
        key = self._keys.make(group, req["kmsKeyId"]) if req.get("kmsKeyId") else None

        def write(tx: Any) -> dict[str, Any]:
            if store.group(tx, ctx.account, ctx.region, name) is not None:
                raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
            store.add_group(tx, group)
            if key is not None:
                _use(tx, group, key)
            return {}

        return ctx.write(write)

    def associate_kms_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep a group's new events under a KMS key."""
        named = _by_resource(ctx, req)
        group = self._kit.db.read(lambda tx: self._group(ctx, tx, named))
        key = self._keys.make(group, req["kmsKeyId"])

        def write(tx: Any) -> dict[str, Any]:
            if self._group(ctx, tx, named).id != group.id:
                raise no_group()
            _use(tx, group, key)
            return {}

        return ctx.write(write)

    def disassociate_kms_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep a group's new events under the server's own key again; earlier ones still need theirs."""
        named = _by_resource(ctx, req)

        def write(tx: Any) -> dict[str, Any]:
            store.use_key(tx, self._group(ctx, tx, named).id, None, None)
            return {}

        return ctx.write(write)

    def delete_log_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a group with its streams and events."""

        def write(tx: Any) -> dict[str, Any]:
            group = self._group(ctx, tx, req)
            store.delete_group(tx, group.id)
            tx.cancel_timer(RETENTION, group.id)
            return {}

        return ctx.write(write)

    def describe_log_groups(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Groups by prefix or by a part of their name, in order of name."""
        prefix, part = req.get("logGroupNamePrefix"), req.get("logGroupNamePattern")
        if prefix is not None and part is not None:
            raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        wanted = [model.name_of(one, ctx.account, ctx.region) for one in req.get("logGroupIdentifiers") or ()]
        asked = ("groups", prefix, part, req.get("logGroupClass"), tuple(wanted))
        place = self._place(req, (str,), *asked)
        limit = req.get("limit") or 50

        def read(tx: Any) -> tuple[list[Group], dict[str, int]]:
            after = place[0] if place else ""
            found = store.groups_from(tx, ctx.account, ctx.region, after, prefix or "", wanted)
            kept = list(islice((one for one in found if _is_wanted(one, req)), limit + 1))
            return kept, store.stored_bytes(tx, [one.id for one in kept])

        found, sizes = self._kit.db.read(read)
        answer: dict[str, Any] = {"logGroups": [_shown(one, sizes.get(one.id, 0)) for one in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = page_tokens.encode((found[limit - 1].name,), *asked)
        return answer

    def put_retention_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep events for some days."""
        days = req["retentionInDays"]
        if days not in model.RETENTIONS:
            allowed = ", ".join(str(one) for one in model.RETENTIONS)
            raise invalid(f"1 validation error detected: retentionInDays must be one of [{allowed}]")
        return self._set_retention(ctx, req, days)

    def delete_retention_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep events for ever."""
        return self._set_retention(ctx, req, 0)

    def _set_retention(self, ctx: Context, req: Params, days: int) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            group = self._group(ctx, tx, req)
            store.set_retention(tx, group.id, days)
            if days:
                tx.dirty(RETENTION, group.id)
            else:
                tx.cancel_timer(RETENTION, group.id)
            return {}

        return ctx.write(write)

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace a group's tags."""
        return self._change_tags(ctx, _by_arn(ctx, req), dict(req["tags"]), ())

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off a group."""
        return self._change_tags(ctx, _by_arn(ctx, req), {}, req["tagKeys"])

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A group's tags, by ARN."""
        return {"tags": dict(self._kit.db.read(lambda tx: self._group(ctx, tx, _by_arn(ctx, req))).tags)}

    def tag_log_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace a group's tags, by name."""
        return self._change_tags(ctx, req, dict(req["tags"]), ())

    def untag_log_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off a group, by name."""
        return self._change_tags(ctx, req, {}, req["tags"])

    def list_tags_log_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A group's tags, by name."""
        return {"tags": dict(self._kit.db.read(lambda tx: self._group(ctx, tx, req)).tags)}

    def _change_tags(self, ctx: Context, req: Params, added: Mapping[str, str], gone: Any) -> dict[str, Any]:
        model.check_tags(added)

        def write(tx: Any) -> dict[str, Any]:
            group = self._group(ctx, tx, {"logGroupName": req["logGroupName"]})
            tags = {key: value for key, value in {**group.tags, **added}.items() if key not in gone}
            if len(tags) > 50:
                code = "TooManyTagsException" if ctx.operation == "TagResource" else "InvalidParameterException"
                raise AwsError(code, "A log group can have at most 50 tags.")
            store.set_tags(tx, group.id, tags)
            return {}

        return ctx.write(write)


def _use(tx: Any, group: Group, key: GroupKey) -> None:
    store.add_key(tx, group.id, key.id, key.kms_key, key.wrapped)
    store.use_key(tx, group.id, key.kms_key, key.id)


def _by_resource(ctx: Context, req: Params) -> Params:
    """The group that a call on keys names, by name or by ARN."""
    name, resource = req.get("logGroupName"), req.get("resourceIdentifier")
    if (name is None) == (resource is None):
        raise invalid("Exactly one of logGroupName and resourceIdentifier must be given.")
    if name is not None:
        return {"logGroupName": name}
    if str(resource).partition(":query-result:")[1]:
        raise not_implemented("logs", f"{ctx.operation} for query results")
    return {"logGroupName": model.name_of(str(resource), ctx.account, ctx.region)}


def _by_arn(ctx: Context, req: Params) -> Params:
    arn = req["resourceArn"]
    start = f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:"
    if not arn.startswith(start):
        raise no_group()
    return {"logGroupName": arn.removeprefix(start).removesuffix(":*")}


def _is_wanted(one: Group, req: Params) -> bool:
    part = req.get("logGroupNamePattern")
    return (not part or part.lower() in one.name.lower()) and req.get("logGroupClass") in (None, one.group_class)


def _shown(one: Group, size: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logGroupName": one.name,
        "creationTime": one.created,
        "metricFilterCount": 0,
        "arn": f"{one.arn}:*",
        "storedBytes": size,
        "logGroupClass": one.group_class,
        "logGroupArn": one.arn,
    }
    if one.kms_key:
        shown["kmsKeyId"] = one.kms_key
    return {**shown, "retentionInDays": one.retention} if one.retention else shown
