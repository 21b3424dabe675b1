"""Ciphertext blobs of symmetric keys. They say themselves which key and which generation of its material opens them.

Each blob is encrypted with AES-256-GCM under a key of its own, derived from the material and a random salt, so that
random nonces never wear a key out. The additional data is the blob's head and the encryption context.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codeyard.contract import Ids

_MAGIC = b"\x01CYK"
_SALT, _NONCE, _TAG = 16, 12, 16
_HEAD = len(_MAGIC) + 16 + 32
_SHORTEST = _HEAD + _SALT + _NONCE + _TAG + 1
_PURPOSE = b"codeyard kms ciphertext 1"


@dataclass(frozen=True, slots=True)
class Label:
    """What a blob says of itself."""

    key_id: str
    material_id: str


def label_of(blob: bytes) -> Label | None:
    """The key and material that a blob names; None for what is no blob of ours."""
    if len(blob) < _SHORTEST or not blob.startswith(_MAGIC):
        return None
    at = len(_MAGIC)
    return Label(str(uuid.UUID(bytes=bytes(blob[at : at + 16]))), blob[at + 16 : _HEAD].hex())


def seal(material: bytes, label: Label, plain: bytes, context: Mapping[str, str], ids: Ids) -> bytes:
    """The blob of a plaintext, bound to its encryption context."""
    head = _MAGIC + uuid.UUID(label.key_id).bytes + bytes.fromhex(label.material_id)
    salt, nonce = ids.bytes(_SALT), ids.bytes(_NONCE)
    return head + salt + nonce + _cipher(material, salt).encrypt(nonce, plain, _bound(head, context))


def unseal(material: bytes, blob: bytes, context: Mapping[str, str]) -> bytes:
    """The plaintext; ValueError when the material, the context or a single bit is not the one it was sealed with."""
    head, rest = blob[:_HEAD], blob[_HEAD:]
    salt, nonce, body = rest[:_SALT], rest[_SALT : _SALT + _NONCE], rest[_SALT + _NONCE :]
    try:
        return _cipher(material, salt).decrypt(nonce, body, _bound(head, context))
    except InvalidTag:
        raise ValueError("the blob does not open") from None


def _cipher(material: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(material, _PURPOSE + salt, hashlib.sha256))


def _bound(head: bytes, context: Mapping[str, str]) -> bytes:
    """The head and the context in one unambiguous form: pairs in order of key, each text behind its length."""
    texts = [text.encode("utf-8", "surrogatepass") for pair in sorted(context.items()) for text in pair]
    return head + b"".join(len(text).to_bytes(4, "big") + text for text in texts)
