"""Passwords at rest: scrypt, and the comparison that takes as long whether or not there is a hash."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading

from codeyard.contract import Ids

_N, _R, _P = 1 << 14, 8, 1
_NOBODY = "scrypt$14$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


class Passwords:
    """Hashes and verifies; few at a time, since each takes 16 MB and tens of milliseconds."""

    def __init__(self, ids: Ids, at_once: int = 2) -> None:
        self._ids, self._gate = ids, threading.BoundedSemaphore(at_once)

    def hash(self, password: str) -> str:
        """A salted hash for the store."""
        salt = self._ids.bytes(16)
        return f"scrypt$14${_text(salt)}${_text(self._scrypt(password, salt))}"

    def verify(self, password: str, stored: str) -> bool:
        """Whether the password is the stored one's; an empty `stored` costs the same and is never right."""
        _, _, salt, digest = (stored or _NOBODY).split("$")
        found = self._scrypt(password, base64.b64decode(salt))
        return hmac.compare_digest(found, base64.b64decode(digest)) and bool(stored)

    def _scrypt(self, password: str, salt: bytes) -> bytes:
        with self._gate:
            return hashlib.scrypt(
                password.encode("utf-8", "surrogatepass"), salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20, dklen=32
            )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
