"""The organization itself, and its root."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.organizations import model, store
from codeyard.platform.organizations.api.base import Answer, Room, managed, organization, sliced
from codeyard.platform.organizations.errors import invalid
from codeyard.platform.organizations.model import Organization
from codeyard.storage import Tx


class OrganizationOperations(Room):
    """Operations on organizations and roots."""

    def create_organization(self, ctx: Context, req: Params) -> Answer:
        """Make the caller's account the management account of a new organization."""
        if (req.get("FeatureSet") or "ALL") != "ALL":
            raise invalid("Only organizations with all features are offered.", "INVALID_ENUM")
        org_id, root = model.fresh(self.kit.ids, "o", 10), model.fresh(self.kit.ids, "r", 4)

        def make(tx: Tx) -> Answer:
            if store.organization_of(tx, ctx.account) is not None:
                message = "The AWS account is already a member of an organization."
                raise AwsError("AlreadyInOrganizationException", message)
            row = {"id": org_id, "management": ctx.account, "root": root, "scp": 0, "features": "ALL"}
            store.insert(tx, store.organizations, **row, created=ctx.now)
            store.insert(
                tx,
                store.members,
                account=ctx.account,
                org=org_id,
                parent=root,
                name=ctx.account,
                email=email_of(ctx.account),
                method="INVITED",
                joined=ctx.now,
            )
            return {"Organization": _answer(organization(tx, ctx))}

        return ctx.write(make)

    def describe_organization(self, ctx: Context, req: Params) -> Answer:
        """The caller's organization; every member may ask."""
        return {"Organization": _answer(self._read(lambda tx: organization(tx, ctx)))}

    def delete_organization(self, ctx: Context, req: Params) -> Answer:
        """Dissolve an organization that has no other accounts and no units left."""

        def remove(tx: Tx) -> Answer:
            org = managed(tx, ctx)
            if len(store.members_of(tx, org.id)) > 1 or store.units_of(tx, org.id):
                raise AwsError("OrganizationNotEmptyException", "The organization isn't empty.")
            for table in (store.members, store.policies, store.attachments, store.requests):
                store.delete(tx, table, table.c.org == org.id)
            store.delete(tx, store.organizations, store.organizations.c.id == org.id)
            return {}

        return ctx.write(remove)

    def list_roots(self, ctx: Context, req: Params) -> Answer:
        """The organization's one root."""
        return sliced(req, [root_answer(self._read(lambda tx: managed(tx, ctx)))], "Roots")


def root_answer(org: Organization) -> Answer:
    """The root as answers carry it."""
    types = [{"Type": model.SCP, "Status": "ENABLED"}] if org.scp else []
    return {"Id": org.root, "Arn": org.arn_of("root", org.root), "Name": "Root", "PolicyTypes": types}


def email_of(account: str) -> str:
    """The address of an account that was opened without one."""
    return f"{account}@codeyard.invalid"


def _answer(org: Organization) -> Answer:
    return {
        "Id": org.id,
        "Arn": org.arn,
        "FeatureSet": org.features,
        "MasterAccountArn": org.arn_of("account", org.management),
        "MasterAccountId": org.management,
        "MasterAccountEmail": email_of(org.management),
        "AvailablePolicyTypes": [{"Type": model.SCP, "Status": "ENABLED"}],
    }
