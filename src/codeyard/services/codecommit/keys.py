"""KMS keys that callers name for repositories: looked at through KMS, as the caller, and refused in CodeCommit's words.

Git repositories are not encrypted under KMS keys yet, so that even a key that could be used is not accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from codeyard.contract import AwsError, Context, not_implemented

_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "NotFoundException": "EncryptionKeyNotFoundException",
        "InvalidArnException": "EncryptionKeyInvalidIdException",
        "ValidationException": "EncryptionKeyInvalidIdException",
        "AccessDeniedException": "EncryptionKeyAccessDeniedException",
        "AccessDenied": "EncryptionKeyAccessDeniedException",
        "DependencyTimeoutException": "EncryptionKeyUnavailableException",
        "KMSInternalException": "EncryptionKeyUnavailableException",
    }
)
_STATES: Mapping[str, str] = MappingProxyType(
    {"Disabled": "EncryptionKeyDisabledException", "PendingDeletion": "EncryptionKeyDisabledException"}
)


def check_key(ctx: Context, key_id: str, operation: str) -> None:
    """Raise what is wrong with the key, or, where nothing is, that repositories cannot be encrypted under it."""
    try:
        key = ctx.forward().call("kms", "DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    except AwsError as error:
        code = _REFUSALS.get(error.code)
        if code is None:
            raise
        raise AwsError(code, error.message) from error
    _check_usable(key)
    raise not_implemented("codecommit", f"{operation} with kmsKeyId")


def _check_usable(key: Mapping[str, Any]) -> None:
    if key["KeySpec"] != "SYMMETRIC_DEFAULT" or key["KeyUsage"] != "ENCRYPT_DECRYPT":
        raise AwsError("EncryptionKeyInvalidUsageException", f"{key['Arn']} is not a symmetric key for encryption.")
    if key["KeyState"] != "Enabled":
        code = _STATES.get(key["KeyState"], "EncryptionKeyUnavailableException")
        raise AwsError(code, f"{key['Arn']} is {key['KeyState']}.")
