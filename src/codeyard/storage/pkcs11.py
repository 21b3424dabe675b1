"""A root key that is an AES key of a PKCS#11 token, named by a URI of RFC 7512. It never leaves the token.

The token encrypts and decrypts the keyring by AES-GCM, which every current HSM and SoftHSM has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from codeyard.contract import Ids
from codeyard.storage.keys import NONCE
from codeyard.storage.roots import RootKeyError, read_private

_PATH, _QUERY = {"token", "serial", "object", "id", "type"}, {"module-path", "pin-source"}
_EXAMPLE = "pkcs11:token=NAME;object=LABEL?module-path=/path/of/module.so&pin-source=file:/path/of/pin"


class TokenRoot:
    """Implements RootKey by a token. Each use is a session of its own."""

    def __init__(self, uri: str, ids: Ids) -> None:
        self.name, self._ids = uri, ids
        self._parts = _parse(uri)
        with self._key():  # a token that is not there, or a wrong PIN, is told now
            pass

    def wrap(self, plain: bytes, context: str) -> bytes:
        """Nonce and ciphertext."""
        nonce = self._ids.bytes(NONCE)
        with self._key() as key:
            return nonce + bytes(key.encrypt(plain, **_gcm(nonce, context)))

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The bytes back; ValueError where the token says that they are not its own."""
        import pkcs11

        with self._key() as key:
            try:
                return bytes(key.decrypt(wrapped[NONCE:], **_gcm(wrapped[:NONCE], context)))
            except pkcs11.PKCS11Error:
                raise ValueError("the token does not open this") from None

    @contextmanager
    def _key(self) -> Iterator[Any]:
        try:
            import pkcs11
        except ImportError:
            raise RootKeyError("a root key in a token needs python-pkcs11: pip install 'codeyard[pkcs11]'") from None
        given = self._parts
        pin = read_private(Path(given["pin-source"].removeprefix("file:"))) if "pin-source" in given else None
        wanted = {"token_label": given.get("token"), "token_serial": given.get("serial", "").encode() or None}
        try:
            token = pkcs11.lib(given["module-path"]).get_token(**wanted)
            with token.open(user_pin=pin) as session:
                yield _find(session, given)
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise RootKeyError(f"the token of the root key refuses: {type(error).__name__} ({_EXAMPLE})") from None


def _find(session: Any, given: dict[str, str]) -> Any:
    """The one AES key that is meant; one that could be read out of its token is refused."""
    import pkcs11

    found = list(session.get_objects(_template(given)))
    if len(found) != 1:
        raise RootKeyError(f"{len(found)} AES keys of the token answer to the URI of the root key; it must be one")
    if found[0][pkcs11.Attribute.EXTRACTABLE] or not found[0][pkcs11.Attribute.SENSITIVE]:
        raise RootKeyError("the root key could leave its token: make one that is sensitive and not extractable")
    return found[0]


def _template(given: dict[str, str]) -> dict[Any, Any]:
    from pkcs11 import Attribute, KeyType, ObjectClass

    template: dict[Any, Any] = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
    if "object" in given:
        template[Attribute.LABEL] = given["object"]
    if "id" in given:
        template[Attribute.ID] = given["id"].encode("latin-1")
    return template


def _gcm(nonce: bytes, context: str) -> dict[str, Any]:
    from pkcs11 import GCMParams, Mechanism

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, context.encode(), 128)}


def _parse(uri: str) -> dict[str, str]:
    """The URI's attributes; RootKeyError for one that is not known here, and for a PIN in the URI itself."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    found: dict[str, str] = {}
    for text, known, between in ((path, _PATH, ";"), (query, _QUERY, "&")):
        for name, _, value in (one.partition("=") for one in text.split(between) if one):
            if name == "pin-value":
                raise RootKeyError(
                    "a PIN on a command line is seen by everybody: put it into a file, and name that by pin-source"
                )
            if name not in known or name in found:
                raise RootKeyError(f"the URI's attribute {name!r} is not known here or is there twice ({_EXAMPLE})")
            found[name] = unquote(value, "latin-1" if name == "id" else "utf-8")
    if (
        "module-path" not in found
        or not {"object", "id"} & set(found)
        or found.get("type", "secret-key") != "secret-key"
    ):
        raise RootKeyError(f"the URI of the root key names a module and a secret key: {_EXAMPLE}")
    return found
