"""Values of secrets at rest: under the KMS key that the secret names, called on the caller's behalf.

Before the sealed value stands a fingerprint of the plain one, sealed under the root key: by it a token that is used
again is recognised inside a transaction, where no key service may be called.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit, envelope
from codeyard.platform.secretsmanager.model import Secret, Version

_MARKED = b"\x04"
_FAILED = {
    "encrypt": ("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS "),
    "decrypt": ("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS "),
}
_CHECK = "key. Check that the KMS key is available, enabled, and not in an invalid state."


class Value(NamedTuple):
    """A new value, ready to be stored: as it was given, and sealed."""

    binary: bool
    plain: bytes
    stored: bytes


def seal(ctx: Context, kit: Kit, arn: str, key_id: str, token: str, value: tuple[bool, bytes]) -> Value:
    """The value under the key; EncryptionFailure where the key cannot be used."""
    plain = value[1]
    mark = kit.sealer.seal(hashlib.sha256(plain).digest(), _bound(arn, token))
    context = {"SecretARN": arn, "SecretVersionId": token}
    key = key_id or "alias/aws/secretsmanager"
    sealed = _told("encrypt", lambda: envelope.seal(ctx.forward(), kit.ids.bytes, key, plain, context))
    return Value(value[0], plain, _MARKED + len(mark).to_bytes(2, "big") + mark + sealed)


def unseal(ctx: Context, kit: Kit, secret: Secret, version: Version) -> bytes:
    """The plain value; DecryptionFailure where the key cannot be used."""
    if version.sealed[:1] != _MARKED:
        return kit.sealer.open(version.sealed, _bound(secret.arn, version.id))
    context = {"SecretARN": secret.arn, "SecretVersionId": version.id}
    return _told("decrypt", lambda: envelope.unseal(ctx.forward(), _split(version.sealed)[1], context))


def is_same(kit: Kit, secret: Secret, version: Version, value: Value) -> bool:
    """Whether the stored version holds this value."""
    if version.binary != value.binary:
        return False
    bound = _bound(secret.arn, version.id)
    if version.sealed[:1] != _MARKED:
        return hmac.compare_digest(kit.sealer.open(version.sealed, bound), value.plain)
    mark = kit.sealer.open(_split(version.sealed)[0], bound)
    return hmac.compare_digest(mark, hashlib.sha256(value.plain).digest())


def _split(stored: bytes) -> tuple[bytes, bytes]:
    end = 3 + int.from_bytes(stored[1:3], "big")
    return stored[3:end], stored[end:]


def _bound(arn: str, token: str) -> str:
    return f"secretsmanager:{arn}:{token}"


def _told(what: str, call: Callable[[], bytes]) -> bytes:
    """The key service's refusals as Secrets Manager tells them."""
    try:
        return call()
    except AwsError as error:
        if error.code == "AccessDeniedException":
            raise AwsError("AccessDeniedException", "Access to KMS is not allowed", status=403) from None
        if (error.status or 400) >= 500:
            raise
        code, said = _FAILED[what]
        raise AwsError(code, said + _CHECK) from None
