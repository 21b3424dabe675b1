"""The operations of IAM and STS that Codeyard does not have, each with the reason: docs/reference shows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SAML = "SAML sign-in is not offered: OIDC providers (AssumeRoleWithWebIdentity) do what it does, for builds above all"
_ROOT = "accounts here have no root credentials that an organization could manage or borrow"
_DELEGATION = "AWS's own onboarding of partner products, approved in AWS's console: there is no partner to delegate to"
_REPORTS = "a report over AWS's regions and accounts; each account tells its own by GenerateServiceLastAccessedDetails"
_TEMPLATES = "role templates are published by AWS's services to AWS's accounts: none exist outside of AWS"
_PROPERTIES = "the properties are switches of AWS's own features (Role Manager), which Codeyard does not have"

_REASONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        _SAML: (
            "iam:CreateSAMLProvider",
            "iam:DeleteSAMLProvider",
            "iam:GetSAMLProvider",
            "iam:ListSAMLProviderTags",
            "iam:ListSAMLProviders",
            "iam:TagSAMLProvider",
            "iam:UntagSAMLProvider",
            "iam:UpdateSAMLProvider",
            "sts:AssumeRoleWithSAML",
        ),
        _ROOT: (
            "iam:DisableOrganizationsRootCredentialsManagement",
            "iam:DisableOrganizationsRootSessions",
            "iam:EnableOrganizationsRootCredentialsManagement",
            "iam:EnableOrganizationsRootSessions",
            "sts:AssumeRoot",
        ),
        _DELEGATION: (
            "iam:AcceptDelegationRequest",
            "iam:AssociateDelegationRequest",
            "iam:CreateDelegationRequest",
            "iam:GetDelegationRequest",
            "iam:GetHumanReadableSummary",
            "iam:ListDelegationRequests",
            "iam:RejectDelegationRequest",
            "iam:SendDelegationToken",
            "iam:UpdateDelegationRequest",
            "sts:GetDelegatedAccessToken",
        ),
        _REPORTS: ("iam:GenerateOrganizationsAccessReport", "iam:GetOrganizationsAccessReport"),
        _TEMPLATES: ("iam:AcquireRole", "iam:GetRoleTemplateVersion"),
        _PROPERTIES: ("iam:GetAccountProperties", "iam:PutAccountProperties"),
    }
)


def unbuilt(service: str) -> dict[str, str]:
    """The service's operations that are not built, by name, with the reason."""
    found = {name: reason for reason, names in _REASONS.items() for name in names}
    mine = {name.partition(":")[2]: why for name, why in found.items() if name.startswith(f"{service}:")}
    return dict(sorted(mine.items()))
