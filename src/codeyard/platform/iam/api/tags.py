"""Tags on everything that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_profile, find_role, find_user, sliced
from codeyard.platform.iam.api.certificates import find_certificate
from codeyard.platform.iam.api.linked import refuse_linked
from codeyard.platform.iam.api.mfa import find_device
from codeyard.platform.iam.api.providers import find_provider
from codeyard.platform.iam.model import Role, Tags
from codeyard.platform.iam.store import devices, entities, providers
from codeyard.platform.iam.store import policies as store
from codeyard.platform.iam.store.certificates import servers
from codeyard.platform.iam.store.tables import policies, profiles, roles, users
from codeyard.storage import Tx


def _find_policy(tx: Tx, ctx: Context, arn: str) -> Any:
    policy = store.managed(tx, arn)
    if policy is None or policy.account != ctx.account:
        raise errors.no_such(f"Policy {arn} was not found.")
    return policy


def _saves(table: sa.Table) -> Callable[[Tx, Any, Tags], None]:
    return lambda tx, found, tags: entities.update(tx, table, found.id, tags=tags)


Kind = tuple[str, Callable[[Tx, Context, str], Any], Callable[[Tx, Any, Tags], None]]
_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "user": ("UserName", find_user, _saves(users)),
        "role": ("RoleName", find_role, _saves(roles)),
        "policy": ("PolicyArn", _find_policy, _saves(policies)),
        "profile": ("InstanceProfileName", find_profile, _saves(profiles)),
        "certificate": ("ServerCertificateName", find_certificate, _saves(servers)),
        "device": (
            "SerialNumber",
            find_device,
            lambda tx, found, tags: devices.update(tx, found.serial, tags=tags),
        ),
        "provider": (
            "OpenIDConnectProviderArn",
            find_provider,
            lambda tx, found, tags: providers.update(tx, found.arn, tags=tags),
        ),
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

    def tag_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """Put tags on a server certificate."""
        return _tag(ctx, req, "certificate")

    def tag_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Put tags on an MFA device."""
        return _tag(ctx, req, "device")

    def tag_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Put tags on an OIDC provider."""
        return _tag(ctx, req, "provider")

    def untag_server_certificate(self, ctx: Context, req: Params) -> Answer:
        """Take tags off a server certificate."""
        return _untag(ctx, req, "certificate")

    def untag_mfa_device(self, ctx: Context, req: Params) -> Answer:
        """Take tags off an MFA device."""
        return _untag(ctx, req, "device")

    def untag_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Take tags off an OIDC provider."""
        return _untag(ctx, req, "provider")

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

    def list_server_certificate_tags(self, ctx: Context, req: Params) -> Answer:
        """A server certificate's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "certificate"))

    def list_mfa_device_tags(self, ctx: Context, req: Params) -> Answer:
        """An MFA device's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "device"))

    def list_open_id_connect_provider_tags(self, ctx: Context, req: Params) -> Answer:
        """An OIDC provider's tags."""
        return self._read(lambda tx: _list(tx, ctx, req, "provider"))


def _tag(ctx: Context, req: Params, kind: str) -> Answer:
    member, find, save = _KINDS[kind]

    def put(tx: Tx) -> Answer:
        found = _found(find(tx, ctx, req[member]))
        save(tx, found, model.merged_tags(found.tags, model.request_tags(req["Tags"])))
        return {}

    return ctx.write(put)


def _untag(ctx: Context, req: Params, kind: str) -> Answer:
    member, find, save = _KINDS[kind]

    def remove(tx: Tx) -> Answer:
        found = _found(find(tx, ctx, req[member]))
        save(tx, found, model.without_tags(found.tags, req["TagKeys"]))
        return {}

    return ctx.write(remove)


def _found(found: Any) -> Any:
    if isinstance(found, Role):
        refuse_linked(found)
    return found


def _list(tx: Tx, ctx: Context, req: Params, kind: str) -> Answer:
    member, find, _ = _KINDS[kind]
    shown, more = sliced(req, find(tx, ctx, req[member]).tags, lambda tag: str(tag[0]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in shown], **more}
