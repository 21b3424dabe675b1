"""What an account chooses for STS: its tokens' version, and whether STS signs tokens for the outside."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.iam.api.base import Answer, Room
from codeyard.platform.iam.outbound import SETTING, OutboundFederation
from codeyard.platform.iam.store import settings
from codeyard.storage import Tx

TOKEN_VERSION = "token-version"


class Preferences(Room):
    """Operations on preferences."""

    def set_security_token_service_preferences(self, ctx: Context, req: Params) -> Answer:
        """Choose the version of the global endpoint's tokens: the account summary tells it. Every token of this
        server is good in all of its regions, whichever the version."""

        def put(tx: Tx) -> Answer:
            settings.put(tx, ctx.account, TOKEN_VERSION, 1 if req["GlobalEndpointTokenVersion"] == "v1Token" else 2)
            return {}

        return ctx.write(put)

    def enable_outbound_web_identity_federation(self, ctx: Context, req: Params) -> Answer:
        """Let the account's principals have signed tokens; the account keeps its issuer once it has one."""
        federation = OutboundFederation(self.kit)
        fresh = federation.fresh()

        def enable(tx: Tx) -> Answer:
            found = settings.get(tx, ctx.account, SETTING)
            if found is not None and found["enabled"]:
                raise AwsError("FeatureEnabledException", "Outbound web identity federation is already enabled.")
            kept = fresh if found is None else {**found, "enabled": True}
            federation.put(tx, ctx.account, kept)
            return {"IssuerIdentifier": federation.issuer(kept)}

        return ctx.write(enable)

    def disable_outbound_web_identity_federation(self, ctx: Context, req: Params) -> Answer:
        """Sign no more tokens for the account."""
        federation = OutboundFederation(self.kit)

        def disable(tx: Tx) -> Answer:
            federation.put(tx, ctx.account, {**_enabled(settings.get(tx, ctx.account, SETTING)), "enabled": False})
            return {}

        return ctx.write(disable)

    def get_outbound_web_identity_federation_info(self, ctx: Context, req: Params) -> Answer:
        """The account's issuer."""
        found = _enabled(self._read(lambda tx: settings.get(tx, ctx.account, SETTING)))
        return {"IssuerIdentifier": OutboundFederation(self.kit).issuer(found), "JwtVendingEnabled": True}

    def list_organizations_features(self, ctx: Context, req: Params) -> Answer:
        """The features of central root access that the organization has enabled: there are none to enable."""
        found = self._read(lambda tx: self._membership(tx, ctx.account))
        if found is None:
            raise AwsError("OrganizationNotFoundException", "Your account is not a member of an organization.")
        if not found[1]:
            message = "Only the organization's management account may ask."
            raise AwsError("AccountNotManagementOrDelegatedAdministratorException", message)
        return {"OrganizationId": found[0], "EnabledFeatures": []}


def _enabled(found: Any) -> dict[str, Any]:
    if found is None or not found["enabled"]:
        raise AwsError("FeatureDisabledException", "Outbound web identity federation is not enabled.")
    return dict(found)
