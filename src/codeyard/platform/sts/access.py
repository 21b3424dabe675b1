"""What STS's operations need. Assuming a role is decided with its trust policy as the resource's own policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text
from codeyard.platform.sts.model import WEB_TOKEN_S, Door


def access_table(door: Door) -> dict[str, Access]:
    """The table, over IAM's door to find trust policies."""
    return {
        "GetCallerIdentity": anywhere("sts:GetCallerIdentity"),
        "GetSessionToken": anywhere("sts:GetSessionToken"),
        "GetAccessKeyInfo": anywhere("sts:GetAccessKeyInfo"),
        "DecodeAuthorizationMessage": anywhere("sts:DecodeAuthorizationMessage"),
        "GetWebIdentityToken": _web_token,
        "GetFederationToken": _federate,
        "AssumeRole": lambda scope, params: _assume(door, scope, params),
        "AssumeRoleWithWebIdentity": lambda scope, params: _web_identity(door, scope, params),
    }


def _assume(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    arn = text(params, "RoleArn") or "*"
    role = door.role(arn)
    trust, owner = (role.trust, role.account) if role is not None else (None, "")
    keys = _keys(door, scope, params)
    for key, value in role.tags if role is not None else ():
        keys[f"iam:ResourceTag/{key}"] = keys[f"aws:ResourceTag/{key}"] = value
    if door.mfa.is_right(scope.principal, text(params, "SerialNumber"), text(params, "TokenCode")):
        keys |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    for action in _actions(scope, params, keys):
        yield Check(action, arn, keys, trust, owner)


def _web_identity(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    """The token says which tags and which source identity the session shall have."""
    arn, who = text(params, "RoleArn") or "*", scope.principal
    role = door.role(arn)
    keys: dict[str, str | Sequence[str]] = {"sts:RoleSessionName": text(params, "RoleSessionName")}
    keys |= {f"aws:RequestTag/{key}": value for key, value in who.tags}
    if who.tags:
        keys |= {"aws:TagKeys": [key for key, _ in who.tags], "sts:TransitiveTagKeys": door.transitive_tags(who)}
    if who.source_identity:
        keys["sts:SourceIdentity"] = who.source_identity
    for key, value in role.tags if role is not None else ():
        keys[f"iam:ResourceTag/{key}"] = keys[f"aws:ResourceTag/{key}"] = value
    trust, owner = (role.trust, role.account) if role is not None else (None, "")
    wanted = ("sts:AssumeRoleWithWebIdentity", who.tags and "sts:TagSession")
    for action in (*wanted, who.source_identity and "sts:SetSourceIdentity"):
        if action:
            yield Check(str(action), arn, keys, trust, owner)


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


def _web_token(scope: Scope, params: Params) -> Iterable[Check]:
    listed = params.get("Audience")
    audience = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    keys: dict[str, str | Sequence[str]] = {
        "sts:IdentityTokenAudience": audience,
        "sts:SigningAlgorithm": text(params, "SigningAlgorithm"),
        "sts:DurationSeconds": str(params.get("DurationSeconds") or WEB_TOKEN_S),
    }
    tags = request_tags(params)
    yield Check("sts:GetWebIdentityToken", "*", keys | tags)
    if tags:
        yield Check("sts:TagGetWebIdentityToken", "*", keys | tags)
