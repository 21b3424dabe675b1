"""What the operations on devices, providers, certificates, service-linked roles and reports need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.engine import Kit
from codeyard.platform.iam import linked, model
from codeyard.platform.iam.model import Tags
from codeyard.platform.iam.store import certificates, devices, entities, providers
from codeyard.storage import Tx

_ANYWHERE = (
    "ListVirtualMFADevices UpdateAccountPasswordPolicy GetAccountPasswordPolicy DeleteAccountPasswordPolicy "
    "ListOpenIDConnectProviders ListServerCertificates SetSecurityTokenServicePreferences GenerateCredentialReport "
    "GetCredentialReport GetAccountAuthorizationDetails GetContextKeysForCustomPolicy GetServiceLastAccessedDetails "
    "GetServiceLastAccessedDetailsWithEntities EnableOutboundWebIdentityFederation "
    "DisableOutboundWebIdentityFederation GetOutboundWebIdentityFederationInfo ListOrganizationsFeatures"
)
_DEVICE = "DeleteVirtualMFADevice TagMFADevice UntagMFADevice ListMFADeviceTags"
_PROVIDER = (
    "GetOpenIDConnectProvider DeleteOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint "
    "AddClientIDToOpenIDConnectProvider RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider "
    "UntagOpenIDConnectProvider ListOpenIDConnectProviderTags"
)
_CERTIFICATE = (
    "GetServerCertificate UpdateServerCertificate DeleteServerCertificate TagServerCertificate "
    "UntagServerCertificate ListServerCertificateTags"
)
_ON_ARN = {
    "GetContextKeysForPrincipalPolicy": "PolicySourceArn",
    "GenerateServiceLastAccessedDetails": "Arn",
    "ListPoliciesGrantingServiceAccess": "Arn",
}
Keys = dict[str, str | Sequence[str]]
Look = Callable[[Tx, Scope, Params], tuple[str, Keys]]


def more_access(kit: Kit) -> Mapping[str, Access]:
    """The rows of these operations, over a store to look tags and paths up in."""
    table: dict[str, Access] = {name: anywhere(f"iam:{name}") for name in _ANYWHERE.split()}
    for names, look in ((_DEVICE, _device), (_PROVIDER, _provider), (_CERTIFICATE, _certificate)):
        table.update({name: _looked_up(kit, name, look) for name in names.split()})
    table.update({name: _on_member(name, member) for name, member in _ON_ARN.items()})
    table["CreateVirtualMFADevice"] = _created("CreateVirtualMFADevice", "mfa", "VirtualMFADeviceName")
    table["UploadServerCertificate"] = _created(
        "UploadServerCertificate", "server-certificate", "ServerCertificateName"
    )
    table["CreateOpenIDConnectProvider"] = _create_provider
    table["CreateServiceLinkedRole"] = _create_linked
    table["DeleteServiceLinkedRole"] = _looked_up(kit, "DeleteServiceLinkedRole", _role)
    table["GetServiceLinkedRoleDeletionStatus"] = _deletion
    return table


def resource_tags(tags: Tags) -> Keys:
    """The condition keys that a resource's own tags bring."""
    found: Keys = {}
    for key, value in tags:
        found[f"aws:ResourceTag/{key}"] = found[f"iam:ResourceTag/{key}"] = value
    return found


def _looked_up(kit: Kit, operation: str, look: Look) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        resource, found = kit.db.read(lambda tx: look(tx, scope, params))
        return (Check(f"iam:{operation}", resource, found | request_tags(params)),)

    return checks


def _tags(scope: Scope, found: Any) -> Keys:
    """The tags of a thing of the caller's account; a stranger's are nobody's business."""
    return resource_tags(found.tags) if found is not None and found.account == scope.account else {}


def _device(tx: Tx, scope: Scope, params: Params) -> tuple[str, Keys]:
    serial = text(params, "SerialNumber") or "*"
    return serial, _tags(scope, devices.device(tx, serial))


def _provider(tx: Tx, scope: Scope, params: Params) -> tuple[str, Keys]:
    arn = text(params, "OpenIDConnectProviderArn") or "*"
    return arn, _tags(scope, providers.provider(tx, arn))


def _certificate(tx: Tx, scope: Scope, params: Params) -> tuple[str, Keys]:
    name = text(params, "ServerCertificateName") or "*"
    found = certificates.server(tx, scope.account, name)
    path = "/" if found is None else found.path
    return model.arn("server-certificate", scope.account, path, name if found is None else found.name), _tags(
        scope, found
    )


def _role(tx: Tx, scope: Scope, params: Params) -> tuple[str, Keys]:
    name = text(params, "RoleName") or "*"
    found = entities.role(tx, scope.account, name)
    if found is None:
        return model.arn("role", scope.account, "/", name), {}
    return model.arn("role", scope.account, found.path, found.name), resource_tags(found.tags)


def _created(operation: str, kind: str, member: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        resource = model.arn(kind, scope.account, text(params, "Path") or "/", text(params, member) or "*")
        return (Check(f"iam:{operation}", resource, request_tags(params)),)

    return checks


def _on_member(operation: str, member: str) -> Access:
    return lambda scope, params: (Check(f"iam:{operation}", text(params, member) or "*"),)


def _create_provider(scope: Scope, params: Params) -> Iterable[Check]:
    url = text(params, "Url").removeprefix("https://").rstrip("/") or "*"
    resource = model.arn("oidc-provider", scope.account, "/", url)
    return (Check("iam:CreateOpenIDConnectProvider", resource, request_tags(params)),)


def _create_linked(scope: Scope, params: Params) -> Iterable[Check]:
    service, suffix = text(params, "AWSServiceName") or "*", text(params, "CustomSuffix")
    name = linked.SERVICES.get(service, ("*",))[0] + (f"_{suffix}" if suffix else "")
    resource = model.arn("role", scope.account, f"{linked.PATH}{service}/", name)
    return (Check("iam:CreateServiceLinkedRole", resource, {"iam:AWSServiceName": service}),)


def _deletion(scope: Scope, params: Params) -> Iterable[Check]:
    path = text(params, "DeletionTaskId").removeprefix("task/").rpartition("/")[0] or "*"
    resource = f"arn:{scope.partition}:iam::{scope.account}:role/{path}"
    return (Check("iam:GetServiceLinkedRoleDeletionStatus", resource),)
