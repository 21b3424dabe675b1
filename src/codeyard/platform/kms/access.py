"""What each operation of KMS needs: the action on the key that is meant, with the key's own policy and its grants.

A key's policy is always part of the question; identity policies count where it delegates to the account. The checks
carry KMS's condition keys, so that policies can speak of the encryption context, the calling service and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import Access, AwsError, Check, Params, Scope, request_tags, text
from codeyard.engine import Kit
from codeyard.platform.kms import ciphertext, conditions, finding, grants, store, tokens
from codeyard.platform.kms.conditions import Keys
from codeyard.platform.kms.finding import ManagedKeys, Reference
from codeyard.platform.kms.model import Found, Grant

# Uses of a key: every form of KeyId, other accounts' keys too; with the member that holds an encryption context.
_USES = {
    "Encrypt": "EncryptionContext",
    "Decrypt": "EncryptionContext",
    "GenerateDataKey": "EncryptionContext",
    "GenerateDataKeyWithoutPlaintext": "EncryptionContext",
    "GenerateDataKeyPair": "EncryptionContext",
    "GenerateDataKeyPairWithoutPlaintext": "EncryptionContext",
    "Sign": "",
    "Verify": "",
    "GenerateMac": "",
    "VerifyMac": "",
    "GetPublicKey": "",
    "DeriveSharedSecret": "",
    "Encapsulate": "",
    "Decapsulate": "",
    "DescribeKey": "",
}
# Operations on keys by id or ARN; those of other accounts only where AWS says so.
_ABROAD = ("ListGrants", "RevokeGrant", "GetKeyRotationStatus", "GetKeyLastUsage")
_AT_HOME = (
    "CancelKeyDeletion",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "GetParametersForImport",
    "ImportKeyMaterial",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListResourceTags",
    "PutKeyPolicy",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
)
_ON_NOTHING = ("GenerateRandom", "ListAliases", "ListKeys", "ListRetirableGrants")
_WITH_ALGORITHM = frozenset(
    name for name, member in _USES.items() if member and not name.startswith("GenerateDataKeyPair")
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one key. `granted` says whether a grant answers it, beside the operation's own name."""

    action: str
    given: str
    context: Mapping[str, str] = field(default_factory=dict)
    keys: Keys = field(default_factory=dict)
    abroad: bool = True
    granted: Callable[[tuple[Grant, ...]], bool] | None = None


class Doorkeeper:
    """Finds the keys that requests mean and writes the checks."""

    def __init__(self, kit: Kit, managed: ManagedKeys) -> None:
        self._kit, self._managed = kit, managed

    def table(self) -> dict[str, Access]:
        """The access table."""
        found: dict[str, Access] = {name: self._use(name, member) for name, member in _USES.items()}
        found |= {name: self._manage(name, abroad=True) for name in _ABROAD}
        found |= {name: self._manage(name, abroad=False) for name in _AT_HOME}
        found |= {name: _everywhere(name) for name in _ON_NOTHING}
        return found | {
            "CreateKey": _create_key,
            "CreateAlias": self._create_alias,
            "UpdateAlias": self._update_alias,
            "DeleteAlias": self._delete_alias,
            "CreateGrant": self._create_grant,
            "RetireGrant": self._retire_grant,
            "ReEncrypt": self._re_encrypt,
        }

    def _check(self, scope: Scope, ask: Ask) -> Check:
        """The check of one question about the key that is meant."""
        return self._answered(scope, ask, *self._meant(scope, ask.given))

    def _meant(self, scope: Scope, given: str) -> tuple[Reference | None, Found | None]:
        """What a request points at, and what is there."""
        at = finding.reference(given, scope.account, scope.region)
        return at, self._look(at, scope) if at is not None else None

    def _answered(self, scope: Scope, ask: Ask, at: Reference | None, found: Found | None) -> Check:
        """The check of one question; a key that is not there leaves it to the identity policies."""
        keys: Keys = {**conditions.of_call(scope), **conditions.of_context(ask.context), **ask.keys}
        if at is None or found is None:
            return Check(f"kms:{ask.action}", _unknown(scope, ask.given, at), keys)
        keys = {**keys, **conditions.of_key(found, at.alias)}
        key = found.key
        if key.account != scope.account and not ask.abroad:
            return Check(f"kms:{ask.action}", key.arn, keys, shown=_unknown(scope, ask.given, at))
        if ask.granted is not None:
            granted = ask.granted(found.grants)
        else:
            granted = grants.allows(found.grants, scope.principal, ask.action, ask.context, scope.source_arn)
        shown = _unknown(scope, ask.given, at) if key.account != scope.account else ""
        return Check(f"kms:{ask.action}", key.arn, keys, key.policy, granted=granted, shown=shown)

    def _look(self, at: Reference, scope: Scope) -> Found | None:
        if at.region != scope.region:
            return None
        self._managed.ensure(at, scope.account, scope.region)

        def read(tx: Any) -> Found | None:
            key = finding.look_up(tx, at)
            return None if key is None else finding.with_names(tx, key)

        return self._kit.db.read(read)

    def _use(self, operation: str, context_member: str) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            context = conditions.context(params, context_member) if context_member else {}
            keys = conditions.of_request(params)
            if operation in _WITH_ALGORITHM:
                keys["kms:EncryptionAlgorithm"] = text(params, "EncryptionAlgorithm") or "SYMMETRIC_DEFAULT"
            given = text(params, "KeyId")
            if operation == "Decrypt" and not given:
                given = self._named_in(params)
            return (self._check(scope, Ask(operation, given, context, keys)),)

        return checks

    def _manage(self, operation: str, *, abroad: bool) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            keys: Keys = {**conditions.of_request(params), **request_tags(_tags_in(params))}
            return (self._check(scope, Ask(operation, text(params, "KeyId"), {}, keys, abroad)),)

        return checks

    def _named_in(self, params: Params) -> str:
        """The ARN of the key that a ciphertext names, whosever it is; empty where it names none."""
        blob = params.get("CiphertextBlob")
        label = ciphertext.label_of(bytes(blob)) if isinstance(blob, bytes | bytearray) else None
        key = None if label is None else self._kit.db.read(lambda tx: store.key(tx, label.key_id))
        return key.arn if key is not None else ""

    def _re_encrypt(self, scope: Scope, params: Params) -> Iterable[Check]:
        source = text(params, "SourceKeyId") or self._named_in(params)
        target = text(params, "DestinationKeyId")
        came, goes = (conditions.context(params, f"{one}EncryptionContext") for one in ("Source", "Destination"))
        meant = {given: self._meant(scope, given) for given in (source, target)}
        one, other = (meant[given][1] for given in (source, target))
        same = one is not None and other is not None and one.key.id == other.key.id
        asked = (("ReEncryptFrom", source, came, "Source"), ("ReEncryptTo", target, goes, "Destination"))
        for action, given, context, side in asked:
            algorithm = text(params, f"{side}EncryptionAlgorithm") or "SYMMETRIC_DEFAULT"
            keys: Keys = {"kms:EncryptionAlgorithm": algorithm, "kms:ReEncryptOnSameKey": "true" if same else "false"}
            yield self._answered(scope, Ask(action, given, context, keys), *meant[given])

    def _alias(self, scope: Scope, action: str, name: str) -> Check:
        return Check(f"kms:{action}", scope.arn("kms", name or "alias/*"), conditions.of_call(scope))

    def _create_alias(self, scope: Scope, params: Params) -> Iterable[Check]:
        yield self._alias(scope, "CreateAlias", text(params, "AliasName"))
        yield self._check(scope, Ask("CreateAlias", text(params, "TargetKeyId"), abroad=False))

    def _update_alias(self, scope: Scope, params: Params) -> Iterable[Check]:
        name = text(params, "AliasName")
        yield self._alias(scope, "UpdateAlias", name)
        yield from self._behind(scope, "UpdateAlias", name)
        yield self._check(scope, Ask("UpdateAlias", text(params, "TargetKeyId"), abroad=False))

    def _delete_alias(self, scope: Scope, params: Params) -> Iterable[Check]:
        name = text(params, "AliasName")
        yield self._alias(scope, "DeleteAlias", name)
        yield from self._behind(scope, "DeleteAlias", name)

    def _behind(self, scope: Scope, action: str, name: str) -> Iterable[Check]:
        """The check on the key that an alias stands for, where there is one."""
        alias = self._kit.db.read(lambda tx: store.alias(tx, scope.account, scope.region, name))
        if alias is not None:
            yield self._check(scope, Ask(action, alias.key_id, abroad=False))

    def _create_grant(self, scope: Scope, params: Params) -> Iterable[Check]:
        given = params.get("Operations")
        operations = [one for one in given if isinstance(one, str)] if isinstance(given, list | tuple) else []
        limits = conditions.constraints_in(params)

        def granted(held: tuple[Grant, ...]) -> bool:
            return grants.may_pass_on(held, scope.principal, operations, limits)

        keys = {**conditions.of_request(params), **conditions.of_grant(params)}
        keys["kms:GrantIsForAWSResource"] = "true" if scope.via else "false"
        return (self._check(scope, Ask("CreateGrant", text(params, "KeyId"), {}, keys, granted=granted)),)

    def _retire_grant(self, scope: Scope, params: Params) -> Iterable[Check]:
        grant = self._kit.db.read(lambda tx: store.grant(tx, self._grant_id(params)))
        if grant is None:
            return (self._check(scope, Ask("RetireGrant", text(params, "KeyId"))),)
        keys: Keys = {}
        for kind in ("EncryptionContextEquals", "EncryptionContextSubset"):
            if kind in grant.constraints:
                keys = {"kms:GrantConstraintType": kind, **conditions.of_context(grant.constraints[kind])}
        own = grants.may_retire(grant, scope.principal)
        key = self._kit.db.read(lambda tx: store.key(tx, grant.key_id))
        given = key.arn if key is not None else ""
        return (self._check(scope, Ask("RetireGrant", given, {}, keys, granted=lambda held: own)),)

    def _grant_id(self, params: Params) -> str:
        token = text(params, "GrantToken")
        if not token:
            return text(params, "GrantId")
        try:
            return tokens.granted_by(self._kit.sealer, token)
        except AwsError:  # the operation says so itself, to who may ask
            return ""


def _everywhere(operation: str) -> Access:
    return lambda scope, params: (Check(f"kms:{operation}", "*", conditions.of_call(scope)),)


def _create_key(scope: Scope, params: Params) -> Iterable[Check]:
    keys: Keys = {
        **conditions.of_call(scope),
        **conditions.of_request(params),
        **conditions.of_new_key(params),
        **request_tags(_tags_in(params)),
    }
    yield Check("kms:CreateKey", "*", keys)
    if params.get("Tags"):
        yield Check("kms:TagResource", "*", keys)


def _tags_in(params: Params) -> Params:
    """KMS calls a tag's members TagKey and TagValue."""
    given = params.get("Tags")
    pairs = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list | tuple) else []
    tags = [{"Key": one.get("TagKey"), "Value": one.get("TagValue")} for one in pairs]
    return {"Tags": tags, "TagKeys": params.get("TagKeys")}


def _unknown(scope: Scope, given: str, at: Reference | None) -> str:
    if at is not None:
        return at.arn
    return given if given.startswith("arn:") else scope.arn("kms", "key/*" if not given else f"key/{given}")
