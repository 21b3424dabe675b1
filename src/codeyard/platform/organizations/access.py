"""What each operation of Organizations needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.engine import Kit
from codeyard.platform.organizations import store
from codeyard.platform.organizations.model import SCP, Organization, policy_arn

_ANYWHERE = (
    "CreateOrganization DescribeOrganization DeleteOrganization ListRoots ListAccounts CreateAccount "
    "DescribeCreateAccountStatus ListCreateAccountStatus ListPolicies LeaveOrganization"
)
_ON = {
    "DescribeAccount": ("AccountId",),
    "RemoveAccountFromOrganization": ("AccountId",),
    "MoveAccount": ("AccountId", "SourceParentId", "DestinationParentId"),
    "CreateOrganizationalUnit": ("ParentId",),
    "DescribeOrganizationalUnit": ("OrganizationalUnitId",),
    "UpdateOrganizationalUnit": ("OrganizationalUnitId",),
    "DeleteOrganizationalUnit": ("OrganizationalUnitId",),
    "ListOrganizationalUnitsForParent": ("ParentId",),
    "ListAccountsForParent": ("ParentId",),
    "ListChildren": ("ParentId",),
    "ListParents": ("ChildId",),
    "EnablePolicyType": ("RootId",),
    "DisablePolicyType": ("RootId",),
    "DescribePolicy": ("PolicyId",),
    "UpdatePolicy": ("PolicyId",),
    "DeletePolicy": ("PolicyId",),
    "AttachPolicy": ("PolicyId", "TargetId"),
    "DetachPolicy": ("PolicyId", "TargetId"),
    "ListPoliciesForTarget": ("TargetId",),
    "ListTargetsForPolicy": ("PolicyId",),
}


def access_table(kit: Kit) -> Mapping[str, Access]:
    """The table, over a store to find the caller's organization in."""
    table: dict[str, Access] = {name: anywhere(f"organizations:{name}") for name in _ANYWHERE.split()}
    table.update({name: _on(kit, name, members) for name, members in _ON.items()})
    table["CreatePolicy"] = _create_policy
    return table


def _on(kit: Kit, operation: str, members: tuple[str, ...]) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        org = kit.db.read(lambda tx: store.organization_of(tx, scope.account))
        keys: dict[str, str | Sequence[str]] = request_tags(params)
        if "Polic" in operation:
            keys["organizations:PolicyType"] = SCP
        for member in members:
            yield Check(f"organizations:{operation}", arn_of(org, text(params, member)), keys)

    return checks


def _create_policy(scope: Scope, params: Params) -> Iterable[Check]:
    keys = request_tags(params) | {"organizations:PolicyType": text(params, "Type")}
    return (Check("organizations:CreatePolicy", "*", keys),)


def arn_of(org: Organization | None, name: str) -> str:
    """The ARN of a root, unit, account or policy by its id."""
    if org is None or not name:
        return "*"
    if name.startswith("p-"):
        return policy_arn(org, name)
    kind = "root" if name.startswith("r-") else "ou" if name.startswith("ou-") else "account"
    return org.arn_of(kind, name)
