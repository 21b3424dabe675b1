"""The root key, and where it may be: a file, an environment variable, a credential of systemd, a PKCS#11 token.

It opens one thing, the keyring (storage/keyring.py), and is used when the server starts, not afterwards.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Protocol

from codeyard.contract import Ids
from codeyard.storage.keys import KEY_BYTES, RootSealer, subkey

DEFAULT_VARIABLE, DEFAULT_FILE = "CODEYARD_ROOT_KEY", "root.key"
FORMS = "file:PATH, env:NAME, credential:NAME or pkcs11:URI"
Environment = MutableMapping[str, str]


class RootKeyError(Exception):
    """The data cannot be opened; the text says in one line why, and what to do. It shows no key."""


class RootKey(Protocol):
    """Wraps what the keyring holds. `name` is its source, as users write it."""

    name: str

    def wrap(self, plain: bytes, context: str) -> bytes:
        """The bytes, readable only through `unwrap` with the same context."""

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The bytes back; ValueError when this key, the context or the bytes are not those of the wrapping."""


class HeldRoot:
    """A root key of 32 bytes in this process's memory."""

    def __init__(self, name: str, key: bytes, ids: Ids) -> None:
        self.name, self.key = name, key
        self._sealer = RootSealer(subkey(key, "keyring"), ids)

    def wrap(self, plain: bytes, context: str) -> bytes:
        """AES-256-GCM under a subkey."""
        return self._sealer.seal(plain, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The bytes back."""
        return self._sealer.open(wrapped, context)


def source_of(given: str, data_dir: Path, environment: Environment) -> str:
    """The source that is meant: the one given, else CODEYARD_ROOT_KEY where it is set, else DIR/root.key."""
    if given.startswith("file:"):
        return f"file:{Path(given[5:]).absolute()}"
    if given:
        return given
    return f"env:{DEFAULT_VARIABLE}" if environment.get(DEFAULT_VARIABLE) else f"file:{data_dir / DEFAULT_FILE}"


def root_key(source: str, ids: Ids, environment: Environment) -> RootKey:
    """The root key of a source; RootKeyError where there is none, or where others may read it."""
    scheme, _, rest = source.partition(":")
    if scheme == "pkcs11":
        from codeyard.storage.pkcs11 import TokenRoot

        return TokenRoot(source, ids)
    if scheme not in _READERS or not rest:
        raise RootKeyError(f"a root key is named by where it is: {FORMS}. What was given is none of these")
    return HeldRoot(source, _decode(_READERS[scheme](rest, environment), source), ids)


def file_of(source: str) -> Path | None:
    """The file of a source that is one."""
    return Path(source[5:]) if source.startswith("file:") else None


def read_private(path: Path) -> str:
    """A file's text; RootKeyError where it is not there, or where others than its owner and group may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise RootKeyError(f"there is no file {path}. A root key is 32 bytes: openssl rand -hex 32") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RootKeyError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from None
    if mode & 0o027:
        raise RootKeyError(f"{path} is open to others (mode {mode & 0o777:04o}): chmod 600 {path}")
    return text.strip()


def _of_file(path: str, environment: Environment) -> str:
    return read_private(Path(path))


def _of_variable(name: str, environment: Environment) -> str:
    """The variable's value, which is taken out of the environment: no child process inherits it."""
    text = environment.pop(name, "").strip()
    if not text:
        raise RootKeyError(f"the environment variable {name} is not set")
    return text


def _of_credential(name: str, environment: Environment) -> str:
    """A credential that systemd passes to its service: https://systemd.io/CREDENTIALS/."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise RootKeyError(f"systemd passes no credentials here: LoadCredentialEncrypted={name} in the unit does that")
    if "/" in name:
        raise RootKeyError("the name of a credential has no slash")
    return read_private(Path(folder, name))


_READERS: dict[str, Callable[[str, Environment], str]] = {
    "file": _of_file,
    "env": _of_variable,
    "credential": _of_credential,
}


def _decode(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise RootKeyError(f"the root key of {source} must be 32 bytes in hex or base64: openssl rand -hex 32")
    return key
