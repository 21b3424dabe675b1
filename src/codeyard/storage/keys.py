"""The domain key and what hangs under it: data keys of blobs, and small secrets sealed at rest.

Above it stands the root key (storage/roots.py), which opens the keyring that holds it (storage/keyring.py).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codeyard.contract import Ids

KEY_BYTES = 32
NONCE = 12
VERSION = b"\x01"


class MasterKey(Protocol):
    """Wraps data keys; a key service may stand behind it."""

    def wrap(self, data_key: bytes, context: str) -> bytes:
        """The data key, readable only through `unwrap` with the same context."""

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The data key; ValueError when the context or the bytes are not what was wrapped."""


class RootSealer:
    """AES-256-GCM under one key; the context is bound as additional data."""

    def __init__(self, key: bytes, ids: Ids) -> None:
        self._cipher, self._ids = AESGCM(key), ids

    def seal(self, plain: bytes, context: str) -> bytes:
        """Version, nonce and ciphertext."""
        nonce = self._ids.bytes(NONCE)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plaintext; ValueError when the context or the bytes are wrong."""
        if sealed[:1] != VERSION or len(sealed) < 1 + NONCE + 16:
            raise ValueError("not a sealed value")
        try:
            return self._cipher.decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], context.encode())
        except InvalidTag:
            raise ValueError("the sealed value does not open") from None


class DomainKey:
    """A MasterKey from 32 bytes. Its own text form never shows them."""

    def __init__(self, key: bytes, ids: Ids) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a domain key has {KEY_BYTES} bytes")
        self._key, self._ids = key, ids
        self._wrapping = RootSealer(subkey(key, "data keys"), ids)

    def wrap(self, data_key: bytes, context: str) -> bytes:
        """The data key under the domain key."""
        return self._wrapping.seal(data_key, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The data key back."""
        return self._wrapping.open(wrapped, context)

    def sealer(self) -> RootSealer:
        """The Sealer for small secrets, under a subkey of its own."""
        return RootSealer(subkey(self._key, "secrets"), self._ids)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for a purpose (cookie signing, tokens): the same at every start."""
        return subkey(self._key, "derived:" + purpose)


def subkey(key: bytes, purpose: str) -> bytes:
    """The key for one purpose below a key: from it, neither the key nor another purpose's is found."""
    return hmac.new(key, b"codeyard v1 " + purpose.encode(), hashlib.sha256).digest()
