"""The condition keys of KMS: what the key, the call and the request answer to a policy's questions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import Params, Scope, text
from codeyard.platform.kms.model import Found

Keys = dict[str, str | Sequence[str]]
# Members of requests and the condition keys that they answer.
_MEMBERS = {
    "SigningAlgorithm": "kms:SigningAlgorithm",
    "MacAlgorithm": "kms:MacAlgorithm",
    "MessageType": "kms:MessageType",
    "KeyAgreementAlgorithm": "kms:KeyAgreementAlgorithm",
    "EncapsulationAlgorithm": "kms:EncapsulationAlgorithm",
    "KeyPairSpec": "kms:DataKeyPairSpec",
    "WrappingAlgorithm": "kms:WrappingAlgorithm",
    "WrappingKeySpec": "kms:WrappingKeySpec",
    "ExpirationModel": "kms:ExpirationModel",
    "PendingWindowInDays": "kms:ScheduleKeyDeletionPendingWindowInDays",
    "RotationPeriodInDays": "kms:RotationPeriodInDays",
    "BypassPolicyLockoutSafetyCheck": "kms:BypassPolicyLockoutSafetyCheck",
    "GranteePrincipal": "kms:GranteePrincipal",
    "RetiringPrincipal": "kms:RetiringPrincipal",
}
_NEW_KEY = {"KeySpec": "kms:KeySpec", "KeyUsage": "kms:KeyUsage", "Origin": "kms:KeyOrigin"}
_DEFAULTS = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS"}


def of_call(scope: Scope) -> Keys:
    """Who calls, and through which service."""
    keys: Keys = {"kms:CallerAccount": scope.principal.account} if scope.principal.account else {}
    if scope.via:
        host = scope.via[-1].removesuffix(".amazonaws.com")
        keys["kms:ViaService"] = f"{host}.{scope.region}.amazonaws.com"
    return keys


def of_key(found: Found, alias: str) -> Keys:
    """What the key is; `alias` is the one that the request named, if it did."""
    key = found.key
    keys: Keys = {
        "kms:KeySpec": key.spec,
        "kms:KeyUsage": key.usage,
        "kms:KeyOrigin": key.origin,
        "kms:MultiRegion": "false",
        "kms:ResourceAliases": found.aliases,
        **{f"aws:ResourceTag/{name}": value for name, value in key.tags.items()},
    }
    return {**keys, "kms:RequestAlias": alias} if alias else keys


def of_new_key(params: Params) -> Keys:
    """What a key is to become."""
    keys: Keys = {condition: text(params, member) or _DEFAULTS[member] for member, condition in _NEW_KEY.items()}
    if older := text(params, "CustomerMasterKeySpec"):
        keys["kms:KeySpec"] = text(params, "KeySpec") or older
    return {**keys, "kms:MultiRegion": "true" if params.get("MultiRegion") is True else "false"}


def of_request(params: Params) -> Keys:
    """What a request asks for."""
    keys: Keys = {}
    for member, condition in _MEMBERS.items():
        value = params.get(member)
        if isinstance(value, bool):
            keys[condition] = "true" if value else "false"
        elif isinstance(value, str | int):
            keys[condition] = str(value)
    return keys


def of_grant(params: Params) -> Keys:
    """What a grant is to allow."""
    operations = params.get("Operations")
    named = [one for one in operations if isinstance(one, str)] if isinstance(operations, list | tuple) else []
    keys: Keys = {"kms:GrantOperations": named, "kms:GrantIsForAWSResource": "false"}
    for kind in ("EncryptionContextEquals", "EncryptionContextSubset"):
        if context(constraints_in(params), kind):
            keys["kms:GrantConstraintType"] = kind
    return keys


def constraints_in(params: Params) -> Mapping[str, Any]:
    """A request's grant constraints, empty where it has none that can be read."""
    found = params.get("Constraints")
    return found if isinstance(found, Mapping) else {}


def context(params: Params, member: str = "EncryptionContext") -> dict[str, str]:
    """A request's encryption context, as far as it can be read."""
    found = params.get(member)
    if not isinstance(found, Mapping):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def of_context(pairs: Mapping[str, str]) -> Keys:
    """The condition keys of an encryption context."""
    keys: Keys = {f"kms:EncryptionContext:{key}": value for key, value in pairs.items()}
    return {**keys, "kms:EncryptionContextKeys": list(pairs)} if pairs else keys
