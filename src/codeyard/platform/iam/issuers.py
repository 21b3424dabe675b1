"""OIDC issuers as they answer: their certificates' thumbprints and the keys that their tokens are signed with.

An issuer's certificate must be good by the machine's own CAs, or lead up to the certificate of a thumbprint that the
account has set. Keys are kept for an hour; a key that is not known makes the issuer be asked again, at most twice a
minute.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError, Clock
from codeyard.outbound import Outbound, OutboundError, RefusedAddressError, Response
from codeyard.platform.iam.store.providers import Provider
from codeyard.storage import loads

_KEPT = 3600 * 1_000_000
_AGAIN = 30 * 1_000_000
_MOST_KEYS, _MOST_ISSUERS = 100, 1000
_CONFIGURATION = "/.well-known/openid-configuration"
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
_WRONG_THUMBPRINT = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
Jwk = Mapping[str, Any]


class Issuers:
    """Asks issuers, through the one client to the outside."""

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound, self._clock = outbound, clock
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, tuple[str, ...]], tuple[int, Mapping[str, Jwk]]] = {}

    def thumbprint(self, url: str) -> str:
        """The SHA-1 of the topmost certificate that the issuer shows."""
        try:
            return _sha1(self._outbound.chain(url)[-1])
        except (OutboundError, RefusedAddressError, IndexError) as problem:
            message = f"Could not reach the OpenID Connect provider: {problem}"
            raise AwsError("OpenIdIdpCommunicationErrorException", message) from None

    def key(self, provider: Provider, key_id: str) -> Jwk:
        """The public key of that id; InvalidIdentityToken where the issuer has none, or is not who it should be."""
        place, now = (provider.url, provider.thumbprints), self._clock.now()
        with self._lock:
            asked_at, known = self._keys.get(place, (now - _KEPT, {}))
            stale = now - asked_at >= (_KEPT if key_id in known else _AGAIN)
            if stale:
                if len(self._keys) >= _MOST_ISSUERS:
                    self._keys.clear()
                self._keys[place] = now, known  # whoever comes meanwhile does not ask as well
        if stale:
            known = self._fetch(provider)
            with self._lock:
                self._keys[place] = now, known
        if key_id not in known:
            raise AwsError("InvalidIdentityTokenException", _NO_KEY)
        return known[key_id]

    def _fetch(self, provider: Provider) -> Mapping[str, Jwk]:
        issuer = f"https://{provider.url}"
        told = _json(self._get(issuer + _CONFIGURATION, provider.thumbprints))
        where = told.get("jwks_uri")
        if str(told.get("issuer", "")).rstrip("/") != issuer or not isinstance(where, str):
            raise AwsError("InvalidIdentityTokenException", _NO_KEY)
        if not where.startswith("https://"):
            raise AwsError("InvalidIdentityTokenException", _NO_KEY)
        listed = _json(self._get(where, provider.thumbprints)).get("keys")
        keys = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        signing = [one for one in keys[:_MOST_KEYS] if one.get("use", "sig") == "sig"]
        return {str(one.get("kid", "")): one for one in signing}

    def _get(self, url: str, thumbprints: Sequence[str]) -> Response:
        try:
            try:
                answer = _call(self._outbound, url)
            except OutboundError as problem:
                if not isinstance(problem.__cause__, ssl.SSLCertVerificationError):
                    raise
                answer = _call(self._outbound.trusting(self._pinned(url, thumbprints)), url)
        except (OutboundError, RefusedAddressError) as problem:
            raise _unreachable(problem) from None
        if answer.status != 200 or not answer.complete:
            raise _unreachable(f"it answered {answer.status}")
        return answer

    def _pinned(self, url: str, thumbprints: Sequence[str]) -> ssl.SSLContext:
        """A context that trusts just the certificate that a thumbprint names, if the host shows it."""
        for one in reversed(self._outbound.chain(url)):
            if _sha1(one) in thumbprints:
                return _context(one)
        raise AwsError("InvalidIdentityTokenException", _WRONG_THUMBPRINT)


def _call(outbound: Outbound, url: str) -> Response:
    return outbound.request("GET", url, timeout=5.0, max_bytes=262_144, redirects=0)


def _context(anchor: bytes) -> ssl.SSLContext:
    """A context that trusts this certificate alone, be it a root's or not."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    found.load_verify_locations(cadata=anchor)
    return found


def _sha1(certificate: bytes) -> str:
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()


def _unreachable(why: object) -> AwsError:
    return AwsError("IDPCommunicationErrorException", f"Could not reach the identity provider: {why}")


def _json(answer: Response) -> Mapping[str, Any]:
    try:
        found = loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise AwsError("InvalidIdentityTokenException", _NO_KEY)
    return found
