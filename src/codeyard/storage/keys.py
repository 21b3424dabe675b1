"""The root key and what hangs under it: data keys of blobs, and small secrets sealed at rest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codeyard.contract import Ids

ENVIRONMENT = "CODEYARD_ROOT_KEY"
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
    """AES-256-GCM under one subkey of the root; the context is bound as additional data."""

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


class RootKey:
    """A MasterKey from 32 bytes. Its own text form never shows them."""

    def __init__(self, root: bytes, ids: Ids) -> None:
        if len(root) != KEY_BYTES:
            raise ValueError(f"the root key must be {KEY_BYTES} bytes")
        self._root, self._ids = root, ids
        self._wrapping = RootSealer(self._subkey("data keys"), ids)

    def wrap(self, data_key: bytes, context: str) -> bytes:
        """The data key under the root."""
        return self._wrapping.seal(data_key, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The data key back."""
        return self._wrapping.open(wrapped, context)

    def sealer(self) -> RootSealer:
        """The Sealer for small secrets, under a subkey of its own."""
        return RootSealer(self._subkey("secrets"), self._ids)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for a purpose (cookie signing, tokens): the same at every start."""
        return self._subkey("derived:" + purpose)

    def _subkey(self, purpose: str) -> bytes:
        return hmac.new(self._root, b"codeyard v1 " + purpose.encode(), hashlib.sha256).digest()


def load_master_key(data_dir: Path, ids: Ids, environment: Mapping[str, str] = os.environ) -> RootKey:
    """The root key of the environment, else of DIR/root.key (made at the first start, mode 0600)."""
    stated = environment.get(ENVIRONMENT, "").strip()
    if stated:
        return RootKey(_decode(stated), ids)
    path = data_dir / "root.key"
    if not path.exists():
        _make(path, ids.bytes(KEY_BYTES))
    return RootKey(_decode(path.read_text(encoding="ascii").strip()), ids)


def _decode(text: str) -> bytes:
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("the root key must be 32 bytes in hex or base64")
    return key


def _make(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, key.hex().encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process made it first: its key counts
    finally:
        os.unlink(temporary)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames and new names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
