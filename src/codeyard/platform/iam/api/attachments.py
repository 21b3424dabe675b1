"""Policies on users, groups and roles: inline ones put and deleted, managed ones attached and detached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import (
    Answer,
    Room,
    encoded,
    find_group,
    find_role,
    find_user,
    policy_there,
    sliced,
)
from codeyard.platform.iam.api.linked import refuse_linked
from codeyard.platform.iam.model import Role
from codeyard.platform.iam.policy import parse
from codeyard.platform.iam.store import policies
from codeyard.storage import Tx

_FIND: Mapping[str, Callable[[Tx, Context, str], Any]] = MappingProxyType(
    {"user": find_user, "group": find_group, "role": find_role}
)


class Attachments(Room):
    """Operations on the policies of users, groups and roles."""

    def put_user_policy(self, ctx: Context, req: Params) -> Answer:
        """Put an inline policy on a user."""
        return _put(ctx, req, "user")

    def put_group_policy(self, ctx: Context, req: Params) -> Answer:
        """Put an inline policy on a group."""
        return _put(ctx, req, "group")

    def put_role_policy(self, ctx: Context, req: Params) -> Answer:
        """Put an inline policy on a role."""
        return _put(ctx, req, "role")

    def get_user_policy(self, ctx: Context, req: Params) -> Answer:
        """A user's inline policy."""
        return self._read(lambda tx: _get(tx, ctx, req, "user"))

    def get_group_policy(self, ctx: Context, req: Params) -> Answer:
        """A group's inline policy."""
        return self._read(lambda tx: _get(tx, ctx, req, "group"))

    def get_role_policy(self, ctx: Context, req: Params) -> Answer:
        """A role's inline policy."""
        return self._read(lambda tx: _get(tx, ctx, req, "role"))

    def delete_user_policy(self, ctx: Context, req: Params) -> Answer:
        """Delete a user's inline policy."""
        return ctx.write(lambda tx: _delete(tx, ctx, req, "user"))

    def delete_group_policy(self, ctx: Context, req: Params) -> Answer:
        """Delete a group's inline policy."""
        return ctx.write(lambda tx: _delete(tx, ctx, req, "group"))

    def delete_role_policy(self, ctx: Context, req: Params) -> Answer:
        """Delete a role's inline policy."""
        return ctx.write(lambda tx: _delete(tx, ctx, req, "role"))

    def list_user_policies(self, ctx: Context, req: Params) -> Answer:
        """The names of a user's inline policies."""
        return self._read(lambda tx: _list(tx, ctx, req, "user"))

    def list_group_policies(self, ctx: Context, req: Params) -> Answer:
        """The names of a group's inline policies."""
        return self._read(lambda tx: _list(tx, ctx, req, "group"))

    def list_role_policies(self, ctx: Context, req: Params) -> Answer:
        """The names of a role's inline policies."""
        return self._read(lambda tx: _list(tx, ctx, req, "role"))

    def attach_user_policy(self, ctx: Context, req: Params) -> Answer:
        """Attach a managed policy to a user."""
        return ctx.write(lambda tx: self._attach(tx, ctx, req, "user"))

    def attach_group_policy(self, ctx: Context, req: Params) -> Answer:
        """Attach a managed policy to a group."""
        return ctx.write(lambda tx: self._attach(tx, ctx, req, "group"))

    def attach_role_policy(self, ctx: Context, req: Params) -> Answer:
        """Attach a managed policy to a role."""
        return ctx.write(lambda tx: self._attach(tx, ctx, req, "role"))

    def detach_user_policy(self, ctx: Context, req: Params) -> Answer:
        """Detach a managed policy from a user."""
        return ctx.write(lambda tx: _detach(tx, ctx, req, "user"))

    def detach_group_policy(self, ctx: Context, req: Params) -> Answer:
        """Detach a managed policy from a group."""
        return ctx.write(lambda tx: _detach(tx, ctx, req, "group"))

    def detach_role_policy(self, ctx: Context, req: Params) -> Answer:
        """Detach a managed policy from a role."""
        return ctx.write(lambda tx: _detach(tx, ctx, req, "role"))

    def list_attached_user_policies(self, ctx: Context, req: Params) -> Answer:
        """The managed policies attached to a user."""
        return self._read(lambda tx: self._attached(tx, ctx, req, "user"))

    def list_attached_group_policies(self, ctx: Context, req: Params) -> Answer:
        """The managed policies attached to a group."""
        return self._read(lambda tx: self._attached(tx, ctx, req, "group"))

    def list_attached_role_policies(self, ctx: Context, req: Params) -> Answer:
        """The managed policies attached to a role."""
        return self._read(lambda tx: self._attached(tx, ctx, req, "role"))

    def _attach(self, tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
        owner, arn = _changed_owner(tx, ctx, req, kind), req["PolicyArn"]
        if not policy_there(tx, self.aws, ctx, arn):
            raise errors.no_such_policy(arn)
        held = {found for _, found in policies.attached(tx, [owner.id])}
        if len(held | {arn}) > model.ATTACHED_POLICIES:
            raise errors.limit(f"PoliciesPer{kind.capitalize()}", model.ATTACHED_POLICIES)
        policies.attach(tx, owner.id, arn)
        return {}

    def _attached(self, tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
        prefix = req.get("PathPrefix") or "/"
        found = []
        for _, arn in policies.attached(tx, [_owner(tx, ctx, req, kind).id]):
            policy = self.aws.policies.get(arn) or policies.managed(tx, arn)
            if policy is not None and policy.path.startswith(prefix):
                found.append({"PolicyName": policy.name, "PolicyArn": arn})
        shown, more = sliced(req, found, lambda one: one["PolicyArn"])
        return {"AttachedPolicies": shown, **more}


def _owner(tx: Tx, ctx: Context, req: Params, kind: str) -> Any:
    return _FIND[kind](tx, ctx, req[f"{kind.capitalize()}Name"])


def _changed_owner(tx: Tx, ctx: Context, req: Params, kind: str) -> Any:
    found = _owner(tx, ctx, req, kind)
    if isinstance(found, Role):
        refuse_linked(found)
    return found


def _put(ctx: Context, req: Params, kind: str) -> Answer:
    name, document = req["PolicyName"], req["PolicyDocument"]
    parse(document, "identity")

    def put(tx: Tx) -> Answer:
        owner = _changed_owner(tx, ctx, req, kind)
        others = [text for _, found, text in policies.inline_policies(tx, [owner.id]) if found != name]
        if sum(map(model.size, (*others, document))) > model.INLINE_SIZE[kind]:
            raise AwsError(
                "LimitExceededException",
                f"Maximum policy size of {model.INLINE_SIZE[kind]} bytes exceeded for {kind} {owner.name}",
            )
        policies.put_inline(tx, owner.id, name, document)
        return {}

    return ctx.write(put)


def _get(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    owner = _owner(tx, ctx, req, kind)
    for _, name, document in policies.inline_policies(tx, [owner.id]):
        if name == req["PolicyName"]:
            return {f"{kind.capitalize()}Name": owner.name, "PolicyName": name, "PolicyDocument": encoded(document)}
    raise _absent(kind, req["PolicyName"])


def _delete(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    if not policies.delete_inline(tx, _changed_owner(tx, ctx, req, kind).id, req["PolicyName"]):
        raise _absent(kind, req["PolicyName"])
    return {}


def _list(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    names = [name for _, name, _ in policies.inline_policies(tx, [_owner(tx, ctx, req, kind).id])]
    shown, more = sliced(req, names, lambda name: name)
    return {"PolicyNames": shown, **more}


def _detach(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    if not policies.detach(tx, _changed_owner(tx, ctx, req, kind).id, req["PolicyArn"]):
        raise errors.no_such(f"Policy {req['PolicyArn']} was not found.")
    return {}


def _absent(kind: str, name: str) -> AwsError:
    return errors.no_such(f"The {kind} policy with name {name} cannot be found.")
