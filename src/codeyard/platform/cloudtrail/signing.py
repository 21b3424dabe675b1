"""The RSA keys that digests are signed with: one at a time for a year, kept sealed, their public halves for ever."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from codeyard.engine import Kit
from codeyard.platform.cloudtrail.store import keys

SECOND = 1_000_000
DAY = 86_400 * SECOND
LIFE, RENEW = 365 * DAY, 30 * DAY
_BITS = 2048


class Signing:
    """Signs as CloudTrail does: RSASSA-PKCS1-v1_5 over SHA-256."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._opened: dict[str, rsa.RSAPrivateKey] = {}

    def current(self) -> str:
        """The fingerprint of the key to sign with; a new key where there is none, or its time is nearly over."""
        now = self._kit.clock.now()
        found = self._kit.db.read(keys.newest)
        if found is not None and found.until - now > RENEW:
            return str(found.fingerprint)
        made = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        return self._kit.db.write(lambda tx: self._keep(tx, made, now))

    def _keep(self, tx: Any, key: rsa.RSAPrivateKey, now: int) -> str:
        found = keys.newest(tx)
        if found is not None and found.until - now > RENEW:  # another process was quicker
            return str(found.fingerprint)
        public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        fingerprint = hashlib.sha256(public).hexdigest()[:32]
        private = self._kit.sealer.seal(plain, _context(fingerprint))
        start = now - now % SECOND
        keys.add(tx, fingerprint=fingerprint, public=public, private=private, start=start, until=start + LIFE)
        return fingerprint

    def sign(self, fingerprint: str, text: bytes) -> str:
        """The signature by a key, in hex."""
        return self._key(fingerprint).sign(text, padding.PKCS1v15(), hashes.SHA256()).hex()

    def _key(self, fingerprint: str) -> rsa.RSAPrivateKey:
        if fingerprint not in self._opened:
            row = self._kit.db.read(lambda tx: keys.by_fingerprint(tx, fingerprint))
            plain = self._kit.sealer.open(bytes(row.private), _context(fingerprint))
            loaded: Any = serialization.load_der_private_key(plain, None)
            self._opened[fingerprint] = loaded
        return self._opened[fingerprint]

    def within(self, start: int, end: int) -> list[Any]:
        """Rows of the keys that were in use within a span of time; the current one is made where that has come."""
        if end >= self._kit.clock.now() - SECOND:
            self.current()
        return self._kit.db.read(lambda tx: keys.within(tx, start, end))


def _context(fingerprint: str) -> str:
    return f"cloudtrail:key:{fingerprint}"
