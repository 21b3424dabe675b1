"""KMS keys of repositories: asked of KMS as the caller, so that key policies, grants and the trail hold.

A repository's files are encrypted under a secret; the key wraps the secret, with the repository's id as context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from codeyard.contract import AwsError, Context

_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "NotFoundException": "EncryptionKeyNotFoundException",
        "InvalidArnException": "EncryptionKeyInvalidIdException",
        "ValidationException": "EncryptionKeyInvalidIdException",
        "AccessDeniedException": "EncryptionKeyAccessDeniedException",
        "AccessDenied": "EncryptionKeyAccessDeniedException",
        "DisabledException": "EncryptionKeyDisabledException",
        "KMSInvalidStateException": "EncryptionKeyUnavailableException",
        "DependencyTimeoutException": "EncryptionKeyUnavailableException",
        "KMSInternalException": "EncryptionKeyUnavailableException",
        "InvalidCiphertextException": "EncryptionIntegrityChecksFailedException",
        "IncorrectKeyException": "EncryptionIntegrityChecksFailedException",
    }
)
_STATES: Mapping[str, str] = MappingProxyType(
    {"Disabled": "EncryptionKeyDisabledException", "PendingDeletion": "EncryptionKeyDisabledException"}
)


class Lock(NamedTuple):
    """What a repository is kept under: a key's ARN, the secret of its files, and the secret as the key wraps it."""

    key: str
    secret: bytes
    wrapped: bytes


def lock(ctx: Context, repository_id: str, key_id: str) -> Lock:
    """A new secret under the key; one of the Encryption exceptions where the key cannot be used for that."""
    with _told():
        _check_usable(_describe(ctx, key_id))
        asked = {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": _context(repository_id)}
        made = ctx.forward().call("kms", "GenerateDataKey", asked)
    return Lock(made["KeyId"], bytes(made["Plaintext"]), bytes(made["CiphertextBlob"]))


def relock(ctx: Context, repository_id: str, wrapped: bytes, key_id: str) -> tuple[str, bytes]:
    """The secret under another key: its ARN, and the secret as it wraps it."""
    context = _context(repository_id)
    with _told():
        _check_usable(_describe(ctx, key_id))
        asked = {"SourceEncryptionContext": context, "DestinationEncryptionContext": context}
        made = ctx.forward().call("kms", "ReEncrypt", {"CiphertextBlob": wrapped, "DestinationKeyId": key_id, **asked})
    return made["KeyId"], bytes(made["CiphertextBlob"])


def unlock(ctx: Context, repository_id: str, key: str, wrapped: bytes) -> bytes:
    """The secret of a repository's files; one of the Encryption exceptions where the caller may not have it now."""
    asked = {"CiphertextBlob": wrapped, "KeyId": key, "EncryptionContext": _context(repository_id)}
    with _told():
        return bytes(ctx.forward().call("kms", "Decrypt", asked)["Plaintext"])


def _context(repository_id: str) -> dict[str, str]:
    return {"aws:codecommit:id": repository_id}


def _describe(ctx: Context, key_id: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = ctx.forward().call("kms", "DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    return found


@contextmanager
def _told() -> Iterator[None]:
    """KMS's refusals in CodeCommit's words."""
    try:
        yield
    except AwsError as error:
        code = _REFUSALS.get(error.code)
        if code is None:
            raise
        if "pending deletion" in error.message:
            code = _STATES["PendingDeletion"]
        raise AwsError(code, error.message) from error


def _check_usable(key: Mapping[str, Any]) -> None:
    if key["KeySpec"] != "SYMMETRIC_DEFAULT" or key["KeyUsage"] != "ENCRYPT_DECRYPT":
        raise AwsError("EncryptionKeyInvalidUsageException", f"{key['Arn']} is not a symmetric key for encryption.")
    if key["KeyState"] != "Enabled":
        code = _STATES.get(key["KeyState"], "EncryptionKeyUnavailableException")
        raise AwsError(code, f"{key['Arn']} is {key['KeyState']}.")
