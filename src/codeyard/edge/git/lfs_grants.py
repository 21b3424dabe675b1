"""What Git LFS's clients carry to transfers and from SSH: a sealed grant, short-lived and narrow.

A grant says who asked, and for what. It gives no right of its own: each use is judged again by the caller's policies.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from codeyard.contract import Clock, Principal, Sealer

LIFETIME_S = 900
_CONTEXT = "git-lfs-grant"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what. `use` is get, put or verify for one object, or download or upload for a session over SSH."""

    use: str
    principal: Principal
    region: str
    repository: str
    repository_id: str = ""
    oid: str = ""
    size: int = 0
    ref: str = ""
    expires: int = 0

    def for_use(self, use: str) -> Grant:
        """The same for another use."""
        return replace(self, use=use)


class Grants:
    """Seals grants and opens them."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer, self._clock = sealer, clock

    def seal(self, grant: Grant) -> str:
        """The grant as text for a URL or a header; it ends with the lifetime, and with the caller's own session."""
        ends = self._clock.now() + LIFETIME_S * 1_000_000
        known = grant.principal.expires_at
        plain = orjson.dumps(asdict(replace(grant, expires=ends if known is None else min(ends, known))))
        return base64.urlsafe_b64encode(self._sealer.seal(plain, _CONTEXT)).rstrip(b"=").decode()

    def open(self, text: str) -> Grant | None:
        """The grant, or None where the text was altered or its time is over."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            said: dict[str, Any] = orjson.loads(self._sealer.open(sealed, _CONTEXT))
        except (binascii.Error, ValueError):
            return None
        grant = Grant(**{**said, "principal": _principal(said["principal"])})
        return grant if self._clock.now() < grant.expires else None

    def authenticate(self, principal: Principal, region: str, repository: str, operation: str, base: str) -> bytes:
        """What `git-lfs-authenticate REPOSITORY upload|download` prints over SSH; `base` is the server's HTTPS address.

        The requests that follow with the header are judged as the caller's, wherever they come from.
        """
        token = self.seal(Grant(operation, principal, region, repository))
        return orjson.dumps(
            {
                "href": f"{base}/v1/repos/{repository}/info/lfs",
                "header": {"Authorization": f"Bearer {token}"},
                "expires_in": LIFETIME_S,
            }
        )


def _principal(said: dict[str, Any]) -> Principal:
    policies, tags = tuple(said["session_policies"]), tuple((key, value) for key, value in said["tags"])
    return Principal(**{**said, "session_policies": policies, "tags": tags})
