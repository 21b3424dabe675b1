"""Values at rest under a key of KMS: what Parameter Store, Secrets Manager and others keep.

The key service is called through the gateway as whoever the client is, so that key policies, grants and the trail
hold. A small value may be encrypted by the key itself; a longer one under a data key that the key wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codeyard.contract import AwsError, Client

_BY_KEY, _BY_DATA_KEY = b"\x02", b"\x03"
_NONCE = 12


def is_enveloped(sealed: bytes) -> bool:
    """Whether the value is one of this module's, and not one that the root key sealed by itself."""
    return sealed[:1] in (_BY_KEY, _BY_DATA_KEY)


def seal_small(client: Client, key_id: str, plain: bytes, context: Mapping[str, str]) -> bytes:
    """At most 4096 bytes, encrypted by the key itself."""
    asked = {"KeyId": key_id, "Plaintext": plain, "EncryptionContext": dict(context)}
    return _BY_KEY + bytes(client.call("kms", "Encrypt", asked)["CiphertextBlob"])


def seal(
    client: Client, random: Callable[[int], bytes], key_id: str, plain: bytes, context: Mapping[str, str]
) -> bytes:
    """Any number of bytes, encrypted under a fresh data key of the key; `random` gives bytes fit for keys."""
    return seal_named(client, random, key_id, plain, context)[1]


def seal_named(
    client: Client, random: Callable[[int], bytes], key_id: str, plain: bytes, context: Mapping[str, str]
) -> tuple[str, bytes]:
    """As `seal`, and the ARN of the key that was meant."""
    asked = {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
    made = client.call("kms", "GenerateDataKey", asked)
    wrapped, nonce = bytes(made["CiphertextBlob"]), random(_NONCE)
    head = _BY_DATA_KEY + len(wrapped).to_bytes(2, "big") + wrapped
    return str(made["KeyId"]), head + nonce + AESGCM(made["Plaintext"]).encrypt(nonce, plain, head)


def unseal(client: Client, sealed: bytes, context: Mapping[str, str]) -> bytes:
    """The value back; KMS's own AwsError where the key, its policy or the context does not allow it."""
    if sealed[:1] == _BY_KEY:
        return _decrypted(client, sealed[1:], context)
    end = 3 + int.from_bytes(sealed[1:3], "big")
    head, nonce, body = sealed[:end], sealed[end : end + _NONCE], sealed[end + _NONCE :]
    data_key = _decrypted(client, head[3:], context)
    try:
        return AESGCM(data_key).decrypt(nonce, body, head)
    except InvalidTag:
        raise AwsError("InvalidCiphertextException", "") from None


def _decrypted(client: Client, blob: bytes, context: Mapping[str, str]) -> bytes:
    asked = {"CiphertextBlob": blob, "EncryptionContext": dict(context)}
    return bytes(client.call("kms", "Decrypt", asked)["Plaintext"])
