"""What STS's operations need. Assuming a role is decided with its trust policy as the resource's own policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.platform.sts.model import Door


def access_table(door: Door) -> dict[str, Access]:
    """The table, over IAM's door to find trust policies."""
    return {
        "GetCallerIdentity": anywhere("sts:GetCallerIdentity"),
        "GetSessionToken": anywhere("sts:GetSessionToken"),
        "GetAccessKeyInfo": anywhere("sts:GetAccessKeyInfo"),
        "GetFederationToken": _federate,
        "AssumeRole": lambda scope, params: _assume(door, scope, params),
    }


def _assume(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    arn = text(params, "RoleArn") or "*"
    role = door.role(arn)
    trust, owner = (role.trust, role.account) if role is not None else (None, "")
    keys = _keys(door, scope, params)
    for key, value in role.tags if role is not None else ():
        keys[f"iam:ResourceTag/{key}"] = keys[f"aws:ResourceTag/{key}"] = value
    for action in _actions(scope, params, keys):
        yield Check(action, arn, keys, trust, owner)


def _actions(scope: Scope, params: Params, keys: dict[str, str | Sequence[str]]) -> Iterable[str]:
    yield "sts:AssumeRole"
    if "aws:TagKeys" in keys:
        yield "sts:TagSession"
    if text(params, "SourceIdentity") or scope.principal.source_identity:
        yield "sts:SetSourceIdentity"


def _keys(door: Door, scope: Scope, params: Params) -> dict[str, str | Sequence[str]]:
    keys: dict[str, str | Sequence[str]] = {}
    for key, member in (("sts:ExternalId", "ExternalId"), ("sts:RoleSessionName", "RoleSessionName")):
        if text(params, member):
            keys[key] = text(params, member)
    source = scope.principal.source_identity or text(params, "SourceIdentity")
    if source:
        keys["sts:SourceIdentity"] = source
    keys.update(request_tags(params))
    transitive = params.get("TransitiveTagKeys")
    named = [one for one in transitive if isinstance(one, str)] if isinstance(transitive, list) else []
    named += [key for key in door.transitive_tags(scope.principal) if key not in named]
    if named:
        keys["sts:TransitiveTagKeys"] = tuple(named)
    return keys


def _federate(scope: Scope, params: Params) -> Iterable[Check]:
    arn = f"arn:{scope.partition}:sts::{scope.account}:federated-user/{text(params, 'Name') or '*'}"
    keys = request_tags(params)
    yield Check("sts:GetFederationToken", arn, keys)
    if keys:
        yield Check("sts:TagSession", arn, keys)
