"""Who is signed in: sessions and one-time links, kept in memory, so that a restart signs everybody out."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass

from codeyard.contract import Clock, Ids, Principal

HOUR = 3_600_000_000
SESSION_FOR = 12 * HOUR
LINK_FOR = HOUR // 12


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in principal; `csrf` must come back with every change."""

    principal: Principal
    csrf: str
    until: int


class Sessions:
    """Opens, finds and ends sessions. Secrets are kept as hashes, compared in constant time by being keys."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._links: dict[str, tuple[Principal, int]] = {}

    def open(self, principal: Principal) -> str:
        """Begin a session; the cookie's value."""
        secret, csrf = self._ids.bytes(32).hex(), self._ids.bytes(16).hex()
        with self._lock:
            self._drop_old()
            self._open[_digest(secret)] = Session(principal, csrf, self._clock.now() + SESSION_FOR)
        return secret

    def find(self, secret: str) -> Session | None:
        """The session of a cookie, while it lasts."""
        found = self._open.get(_digest(secret)) if secret else None
        return found if found is not None and found.until > self._clock.now() else None

    def end(self, secret: str) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(_digest(secret), None)

    def link(self, principal: Principal) -> str:
        """A token that signs in once within five minutes."""
        token = self._ids.bytes(24).hex()
        with self._lock:
            self._drop_old()
            self._links[_digest(token)] = (principal, self._clock.now() + LINK_FOR)
        return token

    def redeem(self, token: str) -> Principal | None:
        """Use up a one-time token."""
        with self._lock:
            found = self._links.pop(_digest(token), None)
        return found[0] if found is not None and found[1] > self._clock.now() else None

    def _drop_old(self) -> None:
        now = self._clock.now()
        self._open = {key: session for key, session in self._open.items() if session.until > now}
        self._links = {key: link for key, link in self._links.items() if link[1] > now}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def same(given: str, expected: str) -> bool:
    """Whether two tokens are equal, in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())
