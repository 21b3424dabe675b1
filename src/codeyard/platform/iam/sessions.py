"""Temporary credentials: the session token is a sealed blob that holds the whole session, so nothing is looked up."""

from __future__ import annotations

import base64
import binascii
import datetime
from dataclasses import dataclass, fields, replace
from typing import Any

from codeyard.contract import Clock, Ids, Principal, Sealer
from codeyard.platform.iam.model import SECRET, access_key_id
from codeyard.storage import dumps, loads

_CONTEXT = "sts.session"
_TUPLES = ("session_policies", "transitive")


@dataclass(frozen=True, slots=True)
class SessionPrincipal(Principal):
    """A principal with what only STS asks of it: which of its tags pass on when it assumes another role, the unique id
    of the user who vouches for a federated one, and the provider whose token a role was assumed with."""

    transitive: tuple[str, ...] = ()
    issuer_id: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """An opened session token."""

    secret: str
    principal: SessionPrincipal


def session_of(principal: Principal) -> SessionPrincipal:
    """The principal as a session's."""
    if isinstance(principal, SessionPrincipal):
        return principal
    return SessionPrincipal(**{one.name: getattr(principal, one.name) for one in fields(Principal)})


class Sessions:
    """Mints temporary keys and opens their tokens."""

    def __init__(self, clock: Clock, ids: Ids, sealer: Sealer) -> None:
        self._clock, self._ids, self._sealer = clock, ids, sealer

    def mint(self, principal: Principal, duration_s: int) -> tuple[SessionPrincipal, dict[str, Any]]:
        """Fresh keys for the principal: it as their holder, and STS's Credentials."""
        now = self._clock.now()
        key = access_key_id(self._ids, "ASIA", principal.account)
        expires = (now // 1_000_000 + duration_s) * 1_000_000
        holder = replace(session_of(principal), access_key_id=key, issued_at=now, expires_at=expires)
        secret = self._ids.token(40, SECRET)
        sealed = self._sealer.seal(_pack(secret, holder), _CONTEXT)
        token = base64.b64encode(sealed).decode("ascii")
        return holder, {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": datetime.datetime.fromtimestamp(expires // 1_000_000, datetime.UTC),
        }

    def open(self, key: str, token: str) -> Session | None:
        """The session of a token, None unless it is one of ours for that key."""
        try:
            sealed = base64.b64decode(token, validate=True)
            raw = loads(self._sealer.open(sealed, _CONTEXT))
        except (ValueError, binascii.Error):
            return None
        session = _unpack(raw)
        return session if session.principal.access_key_id == key else None


def _pack(secret: str, holder: SessionPrincipal) -> bytes:
    facts = {one.name: getattr(holder, one.name) for one in fields(holder)}
    return dumps({"secret": secret, "principal": facts}).encode("utf-8")


def _unpack(raw: dict[str, Any]) -> Session:
    facts = dict(raw["principal"])
    for name in _TUPLES:
        facts[name] = tuple(facts[name])
    facts["tags"] = tuple((key, value) for key, value in facts["tags"])
    return Session(raw["secret"], SessionPrincipal(**facts))
