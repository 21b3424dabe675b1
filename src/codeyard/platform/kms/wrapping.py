"""How key material travels when it is imported: RSAES-OAEP alone, or an AES key wrap under it. Pure."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import padding

from codeyard.platform.kms.asymmetric import oaep
from codeyard.platform.kms.errors import bad_ciphertext

OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
KEY_WRAP = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")


def unwrap(private: Any, algorithm: str, wrapped: bytes) -> bytes:
    """The material; InvalidCiphertextException for what does not open."""
    padded: padding.OAEP = oaep(algorithm)
    try:
        if algorithm in OAEP:
            material: bytes = private.decrypt(wrapped, padded)
            return material
        size = private.key_size // 8
        return keywrap.aes_key_unwrap_with_padding(private.decrypt(wrapped[:size], padded), wrapped[size:])
    except (ValueError, keywrap.InvalidUnwrap):
        raise bad_ciphertext() from None
