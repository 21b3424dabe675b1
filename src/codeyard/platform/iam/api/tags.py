"""Tags on users, roles, managed policies and instance profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_profile, find_role, find_user, sliced
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store import policies as store
from codeyard.platform.iam.store.tables import policies, profiles, roles, users
from codeyard.storage import Tx


def _find_policy(tx: Tx, ctx: Context, arn: str) -> Any:
    policy = store.managed(tx, arn)
    if policy is None or policy.account != ctx.account:
        raise errors.no_such(f"Policy {arn} was not found.")
    return policy


_KINDS: Mapping[str, tuple[str, sa.Table, Callable[[Tx, Context, str], Any]]] = MappingProxyType(
    {
        "user": ("UserName", users, find_user),
        "role": ("RoleName", roles, find_role),
        "policy": ("PolicyArn", policies, _find_policy),
        "profile": ("InstanceProfileName", profiles, find_profile),
    }
)


class TagOperations(Room):
    """Operations on tags."""

    def tag_user(self, ctx: Context, req: Params) -> Answer:
        """Put tags on a user."""
        return _tag(ctx, req, "user")

    def tag_role(self, ctx: Context, req: Params) -> Answer:
        """Put tags on a role."""
        return _tag(ctx, req, "role")

    def tag_policy(self, ctx: Context, req: Params) -> Answer:
        """Put tags on a managed policy."""
        return _tag(ctx, req, "policy")

    def tag_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Put tags on an instance profile."""
        return _tag(ctx, req, "profile")

    def untag_user(self, ctx: Context, req: Params) -> Answer:
        """Take tags off a user."""
        return _untag(ctx, req, "user")

    def untag_role(self, ctx: Context, req: Params) -> Answer:
        """Take tags off a role."""
        return _untag(ctx, req, "role")

    def untag_policy(self, ctx: Context, req: Params) -> Answer:
        """Take tags off a managed policy."""
        return _untag(ctx, req, "policy")

    def untag_instance_profile(self, ctx: Context, req: Params) -> Answer:
        """Take tags off an instance profile."""
        return _untag(ctx, req, "profile")

    def list_user_tags(self, ctx: Context, req: Params) -> Answer:
        """A user's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "user"))

    def list_role_tags(self, ctx: Context, req: Params) -> Answer:
        """A role's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "role"))

    def list_policy_tags(self, ctx: Context, req: Params) -> Answer:
        """A managed policy's tags."""
        if req["PolicyArn"] in self.aws.policies:
            return {"Tags": [], "IsTruncated": False}
        return self._read(lambda tx: _list(tx, ctx, req, "policy"))

    def list_instance_profile_tags(self, ctx: Context, req: Params) -> Answer:
        """An instance profile's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "profile"))


def _tag(ctx: Context, req: Params, kind: str) -> Answer:
    member, table, find = _KINDS[kind]

    def put(tx: Tx) -> Answer:
        found = find(tx, ctx, req[member])
        entities.update(tx, table, found.id, tags=model.merged_tags(found.tags, model.request_tags(req["Tags"])))
        return {}

    return ctx.write(put)


def _untag(ctx: Context, req: Params, kind: str) -> Answer:
    member, table, find = _KINDS[kind]

    def remove(tx: Tx) -> Answer:
        found = find(tx, ctx, req[member])
        entities.update(tx, table, found.id, tags=model.without_tags(found.tags, req["TagKeys"]))
        return {}

    return ctx.write(remove)


def _list(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    member, _, find = _KINDS[kind]
    shown, more = sliced(req, find(tx, ctx, req[member]).tags, lambda tag: str(tag[0]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in shown], **more}
