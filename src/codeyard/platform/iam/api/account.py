"""The account itself: its alias and what it holds."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.contract import Context, Params
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room
from codeyard.platform.iam.api.preferences import TOKEN_VERSION
from codeyard.platform.iam.store import devices, entities, providers, settings
from codeyard.platform.iam.store.certificates import servers
from codeyard.platform.iam.store.tables import groups, policies, profiles, roles, users, versions
from codeyard.storage import Tx


class Accounts(Room):
    """Operations on the account."""

    def create_account_alias(self, ctx: Context, req: Params) -> Answer:
        """Name the account; the name is unique among all accounts."""

        def put(tx: Tx) -> Answer:
            owner = entities.account_by_alias(tx, req["AccountAlias"])
            if owner is not None and owner != ctx.account:
                raise errors.exists(f"The account alias {req['AccountAlias']} already exists.")
            entities.set_alias(tx, ctx.account, req["AccountAlias"])
            return {}

        return ctx.write(put)

    def list_account_aliases(self, ctx: Context, req: Params) -> Answer:
        """The account's alias, if it has one."""
        alias = self._read(lambda tx: entities.account_alias(tx, ctx.account))
        return {"AccountAliases": [alias] if alias else [], "IsTruncated": False}

    def delete_account_alias(self, ctx: Context, req: Params) -> Answer:
        """Take the account's name away."""

        def remove(tx: Tx) -> Answer:
            if entities.account_alias(tx, ctx.account) != req["AccountAlias"]:
                raise errors.no_such(f"The account alias {req['AccountAlias']} does not exist.")
            entities.set_alias(tx, ctx.account, "")
            return {}

        return ctx.write(remove)

    def get_account_summary(self, ctx: Context, req: Params) -> Answer:
        """How much of each kind the account has, and may have."""

        def get(tx: Tx) -> dict[str, int]:
            mfa = devices.of_account(tx, ctx.account)
            in_use = sa.select(sa.func.count()).select_from(versions.join(policies, policies.c.arn == versions.c.arn))
            return {
                "Users": entities.count(tx, users, ctx.account),
                "Groups": entities.count(tx, groups, ctx.account),
                "Roles": entities.count(tx, roles, ctx.account),
                "Policies": entities.count(tx, policies, ctx.account),
                "InstanceProfiles": entities.count(tx, profiles, ctx.account),
                "PolicyVersionsInUse": int(tx.scalar(in_use.where(policies.c.account == ctx.account))),
                "MFADevices": len(mfa),
                "MFADevicesInUse": sum(bool(one.user_id) for one in mfa),
                "Providers": len(providers.of_account(tx, ctx.account)),
                "ServerCertificates": entities.count(tx, servers, ctx.account),
                "GlobalEndpointTokenVersion": int(settings.get(tx, ctx.account, TOKEN_VERSION) or 1),
            }

        return {"SummaryMap": {**self._read(get), **_QUOTAS}}


_QUOTAS = {
    "UsersQuota": model.USERS,
    "GroupsQuota": model.GROUPS,
    "RolesQuota": model.ROLES,
    "PoliciesQuota": model.POLICIES,
    "InstanceProfilesQuota": model.INSTANCE_PROFILES,
    "AccessKeysPerUserQuota": model.ACCESS_KEYS_PER_USER,
    "GroupsPerUserQuota": model.GROUPS_PER_USER,
    "AttachedPoliciesPerUserQuota": model.ATTACHED_POLICIES,
    "AttachedPoliciesPerGroupQuota": model.ATTACHED_POLICIES,
    "AttachedPoliciesPerRoleQuota": model.ATTACHED_POLICIES,
    "PolicySizeQuota": model.MANAGED_POLICY_SIZE,
    "VersionsPerPolicyQuota": model.POLICY_VERSIONS,
    "UserPolicySizeQuota": model.INLINE_SIZE["user"],
    "GroupPolicySizeQuota": model.INLINE_SIZE["group"],
    "RolePolicySizeQuota": model.INLINE_SIZE["role"],
    "AssumeRolePolicySizeQuota": model.TRUST_POLICY_SIZE,
    "PolicyVersionsInUseQuota": 10_000,
    "ServerCertificatesQuota": model.SERVER_CERTIFICATES,
    "SigningCertificatesPerUserQuota": model.SIGNING_CERTIFICATES_PER_USER,
    "AccountMFAEnabled": 0,
    "AccountAccessKeysPresent": 0,
    "AccountPasswordPresent": 0,
    "AccountSigningCertificatesPresent": 0,
}
