"""What every noun of IAM's API starts from: finding entities, listing in pages, telling times and tags."""

from __future__ import annotations

import base64
import binascii
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from codeyard.contract import Context, Params
from codeyard.engine import Kit
from codeyard.formats.moments import whole_second
from codeyard.outbound import Outbound
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.issuers import Issuers
from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.model import Group, InstanceProfile, Role, Tags, User
from codeyard.platform.iam.passwords import Passwords
from codeyard.platform.iam.store import entities, policies
from codeyard.storage import Row, Tx

Answer = dict[str, Any]
T = TypeVar("T")


# (the id of an account's organization, whether the account manages it); None for an account of its own.
Membership = Callable[[Tx, str], tuple[str, bool] | None]


class Room:
    """The ports that IAM's operations use."""

    def __init__(self, kit: Kit, aws: AwsManaged, membership: Membership = lambda tx, account: None) -> None:
        self.kit, self.aws, self.passwords = kit, aws, Passwords(kit.ids)
        self._membership = membership
        self.issuers = Issuers(Outbound(allow_private=kit.settings.allow_private_outbound), kit.clock)

    def _read(self, fn: Callable[[Tx], T]) -> T:
        """Read on one snapshot."""
        return self.kit.db.read(fn)


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as answers carry them."""
    return [{"Key": key, "Value": value} for key, value in tags]


def encoded(document: str) -> str:
    """A policy document as answers carry it: URL-encoded."""
    return urllib.parse.quote(document, safe="")


def user_name(ctx: Context, req: Params) -> str:
    """The UserName of the request, or the calling user's own."""
    if req.get("UserName"):
        return str(req["UserName"])
    if ctx.principal.kind != "user":
        raise errors.validation("Must specify userName when calling with non-User credentials")
    return ctx.principal.name


def find_user(tx: Tx, ctx: Context, name: str) -> User:
    """The user of that name, or NoSuchEntity."""
    found = entities.user(tx, ctx.account, name)
    if found is None:
        raise errors.no_such(f"The user with name {name} cannot be found.")
    return found


def find_group(tx: Tx, ctx: Context, name: str) -> Group:
    """The group of that name, or NoSuchEntity."""
    found = entities.group(tx, ctx.account, name)
    if found is None:
        raise errors.no_such(f"The group with name {name} cannot be found.")
    return found


def find_role(tx: Tx, ctx: Context, name: str) -> Role:
    """The role of that name, or NoSuchEntity."""
    found = entities.role(tx, ctx.account, name)
    if found is None:
        raise errors.no_such(f"The role with name {name} cannot be found.")
    return found


def find_profile(tx: Tx, ctx: Context, name: str) -> InstanceProfile:
    """The instance profile of that name, or NoSuchEntity."""
    found = entities.profile(tx, ctx.account, name)
    if found is None:
        raise errors.no_such(f"Instance Profile {name} cannot be found.")
    return found


def marker_of(text: str) -> str:
    """The Marker that continues behind a key."""
    return base64.urlsafe_b64encode(text.encode("utf-8")).decode("ascii")


def after(req: Params) -> str:
    """The key that the request's Marker continues behind."""
    marker = req.get("Marker")
    if not marker:
        return ""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode("utf-8")
    except (ValueError, binascii.Error):
        raise errors.validation(f"Invalid Marker: {marker}") from None


def sliced(req: Params, items: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], Answer]:
    """One page of a list in the order of its keys, and the members that tell of the rest."""
    behind = after(req)
    rest = sorted((one for one in items if key(one) > behind), key=key)
    most = int(req.get("MaxItems") or 100)
    return rest[:most], _more(rest[:most], len(rest) > most, key)


def page(tx: Tx, table: sa.Table, ctx: Context, req: Params) -> tuple[list[Row], Answer]:
    """One page of the account's entities under the request's PathPrefix."""
    most = int(req.get("MaxItems") or 100)
    rows = entities.page(tx, table, ctx.account, str(req.get("PathPrefix") or ""), after(req), most)
    return rows[:most], _more(rows[:most], len(rows) > most, lambda row: str(row.key))


def _more(shown: Sequence[T], more: bool, key: Callable[[T], str]) -> Answer:
    return {"IsTruncated": True, "Marker": marker_of(key(shown[-1]))} if more else {"IsTruncated": False}


def user_answer(user: User, *, tags: bool = False) -> Answer:
    """A user as answers carry it; lists leave tags and boundary out."""
    found: Answer = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": model.arn("user", user.account, user.path, user.name),
        "CreateDate": whole_second(user.created),
    }
    if user.password_used:
        found["PasswordLastUsed"] = whole_second(user.password_used)
    return _detailed(found, user.boundary, user.tags) if tags else found


def group_answer(group: Group) -> Answer:
    """A group as answers carry it."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": model.arn("group", group.account, group.path, group.name),
        "CreateDate": whole_second(group.created),
    }


def role_answer(role: Role, *, tags: bool = False) -> Answer:
    """A role as answers carry it; lists leave tags, boundary and last use out."""
    found: Answer = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": model.arn("role", role.account, role.path, role.name),
        "CreateDate": whole_second(role.created),
        "AssumeRolePolicyDocument": encoded(role.trust),
        "MaxSessionDuration": role.max_session,
    }
    if role.description:
        found["Description"] = role.description
    if not tags:
        return found
    found["RoleLastUsed"] = {"LastUsedDate": whole_second(role.used), "Region": role.used_region} if role.used else {}
    return _detailed(found, role.boundary, role.tags)


def profile_answer(tx: Tx, profile: InstanceProfile) -> Answer:
    """An instance profile as answers carry it, its role inside."""
    role = entities.role_by_id(tx, profile.role_id) if profile.role_id else None
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": model.arn("instance-profile", profile.account, profile.path, profile.name),
        "CreateDate": whole_second(profile.created),
        "Roles": [] if role is None else [role_answer(role)],
        "Tags": tag_list(profile.tags),
    }


def boundary_answer(boundary: str) -> Answer:
    """The member that tells of a boundary, if there is one."""
    if not boundary:
        return {}
    told = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary}
    return {"PermissionsBoundary": told}


def _detailed(found: Answer, boundary: str, tags: Tags) -> Answer:
    found |= boundary_answer(boundary)
    if tags:
        found["Tags"] = tag_list(tags)
    return found


def check_boundary(tx: Tx, aws: AwsManaged, ctx: Context, policy_arn: str) -> str:
    """The boundary's ARN, unless there is no such policy."""
    if policy_arn and not policy_there(tx, aws, ctx, policy_arn):
        raise errors.no_such(f"Scope ARN: {policy_arn} does not exist or is not attachable.")
    return policy_arn


def policy_there(tx: Tx, aws: AwsManaged, ctx: Context, policy_arn: str) -> bool:
    """Whether the managed policy is AWS's or the account's own."""
    if aws.document(policy_arn) is not None:
        return True
    found = policies.managed(tx, policy_arn)
    return found is not None and found.account == ctx.account


def check_quota(tx: Tx, table: sa.Table, ctx: Context, most: int, what: str) -> None:
    """Refuse one more than the account's quota."""
    if entities.count(tx, table, ctx.account) >= most:
        raise errors.limit(what, most)


def refuse_policies(tx: Tx, owner: str) -> None:
    """Refuse to delete an entity that has policies."""
    if policies.attached(tx, [owner]):
        raise errors.conflict("Cannot delete entity, must detach all policies first.")
    if policies.inline_policies(tx, [owner]):
        raise errors.conflict("Cannot delete entity, must delete policies first.")
