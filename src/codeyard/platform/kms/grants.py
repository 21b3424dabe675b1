"""What a grant allows to whom, and which grants its holder may pass on. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from codeyard.contract import AwsError, Principal
from codeyard.platform.kms.errors import invalid
from codeyard.platform.kms.model import Grant, Key
from codeyard.platform.kms.specs import AGREE, ENCAPSULATE, ENCRYPT, MAC, SIGN

EQUALS, SUBSET, SOURCE = "EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"
# Constraints on the encryption context say nothing of these.
_WITHOUT_CONTEXT = frozenset({"DescribeKey", "RetireGrant"})
_ALWAYS = frozenset({"DescribeKey", "CreateGrant", "RetireGrant"})
_PAIRS = {"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}
_BY_USAGE: Mapping[str, frozenset[str]] = {
    SIGN: frozenset({"Sign", "Verify", "GetPublicKey"}),
    MAC: frozenset({"GenerateMac", "VerifyMac"}),
    AGREE: frozenset({"DeriveSharedSecret", "GetPublicKey"}),
    ENCAPSULATE: frozenset({"Encapsulate", "Decapsulate", "GetPublicKey"}),
}
_ENCRYPTION = frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"})
_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:(iam::\d{12}:(root|(user|role)/\S+)|sts::\d{12}:(assumed-role|federated-user)/\S+)"
)


def names_of(principal: Principal) -> frozenset[str]:
    """The names by which a grant may mean this caller."""
    if principal.kind == "service":
        return frozenset((principal.name,))
    return frozenset(name for name in (principal.arn, principal.role_arn) if name)


def allows(
    grants: Iterable[Grant], who: Principal, operation: str, context: Mapping[str, str], source_arn: str = ""
) -> bool:
    """Whether one of the grants lets the caller do this with that encryption context."""
    names = names_of(who)
    return any(
        one.grantee in names and operation in one.operations and _holds(one.constraints, operation, context, source_arn)
        for one in grants
    )


def _holds(constraints: Mapping[str, Any], operation: str, context: Mapping[str, str], source_arn: str) -> bool:
    if operation in _WITHOUT_CONTEXT or operation == "CreateGrant":
        return True
    if EQUALS in constraints and dict(constraints[EQUALS]) != dict(context):
        return False
    if SUBSET in constraints and not constraints[SUBSET].items() <= context.items():
        return False
    return SOURCE not in constraints or constraints[SOURCE] == source_arn


def may_pass_on(
    grants: Iterable[Grant], who: Principal, operations: Collection[str], constraints: Mapping[str, Any]
) -> bool:
    """Whether a grant lets the caller make one of these operations and constraints: never wider than its own."""
    names = names_of(who)
    return any(
        one.grantee in names
        and "CreateGrant" in one.operations
        and set(operations) <= set(one.operations)
        and _no_wider(one.constraints, constraints)
        for one in grants
    )


def _no_wider(own: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if SOURCE in own and new.get(SOURCE) != own[SOURCE]:
        return False
    if EQUALS in own:
        return bool(new.get(EQUALS) == own[EQUALS])
    if SUBSET in own:
        narrowed = new.get(EQUALS) or new.get(SUBSET) or {}
        return bool(own[SUBSET].items() <= narrowed.items())
    return True


def may_retire(grant: Grant, who: Principal) -> bool:
    """Whether the caller may retire the grant by the grant's own word."""
    names = names_of(who)
    return grant.retiring in names or (grant.grantee in names and "RetireGrant" in grant.operations)


def check_operations(key: Key, operations: Iterable[str]) -> None:
    """Raise for operations that a key of this usage does not have."""
    possible = _possible(key)
    for one in operations:
        if one not in possible:
            raise invalid(f"Grant operation {one} is not valid for a key with usage {key.usage} and spec {key.spec}.")


def _possible(key: Key) -> frozenset[str]:
    if key.usage != ENCRYPT:
        return _BY_USAGE[key.usage] | _ALWAYS
    if not key.symmetric:
        return _ENCRYPTION | _ALWAYS | {"GetPublicKey"}
    return _ENCRYPTION | _ALWAYS | _PAIRS | {"GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}


def check_constraints(key: Key, constraints: Mapping[str, Any]) -> None:
    """Raise for constraints that no use of the key could meet."""
    if EQUALS in constraints and SUBSET in constraints:
        raise invalid("A grant can have either EncryptionContextEquals or EncryptionContextSubset.")
    if (EQUALS in constraints or SUBSET in constraints) and not key.symmetric:
        raise invalid("Constraints on the encryption context need a symmetric encryption key.")


def check_principal(arn: str) -> None:
    """Raise InvalidArnException for what names no principal."""
    if _PRINCIPAL.fullmatch(arn) is None:
        raise AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {arn}")
