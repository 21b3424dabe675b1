"""Whoever brings a token of an OIDC provider: the token is proven, its claims become condition keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from codeyard.contract import AwsError, Clock, Principal
from codeyard.platform.iam import jwt
from codeyard.platform.iam.issuers import Issuers
from codeyard.platform.iam.model import provider_arn
from codeyard.platform.iam.store import providers
from codeyard.platform.iam.store.providers import Provider
from codeyard.storage import Database

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/.+")
_TAGS, _SOURCE = "https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity"
_LEEWAY = 5  # seconds by which clocks may differ
_NOT_A_TOKEN = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
Tags = tuple[tuple[str, str], ...]
Claims = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class WebIdentity(Principal):
    """Whoever a proven token speaks of. `role_arn` is the provider's ARN, `name` the token's subject, `tags` those
    that the token asks for its session, `claims` what it says under the names of condition keys."""

    issuer: str = ""
    audience: str = ""
    claims: Claims = ()
    transitive: tuple[str, ...] = ()


class WebIdentities:
    """Proves tokens against the providers of the account whose role is asked for."""

    def __init__(self, db: Database, clock: Clock, issuers: Issuers) -> None:
        self._db, self._clock, self._issuers = db, clock, issuers

    def principal(self, role_arn: str, token: str) -> WebIdentity:
        """The bearer of a token; raises InvalidIdentityToken, ExpiredTokenException or IDPCommunicationError."""
        named, found = _ROLE.fullmatch(role_arn), jwt.read(token)
        if named is None:
            raise AwsError("ValidationError", f"{role_arn} is invalid", status=400)
        if found is None:
            raise _invalid(_NOT_A_TOKEN)
        provider = self._provider(named.group(1), found.claims.get("iss"))
        if not jwt.is_signed_by(found, self._issuers.key(provider, found.key_id)):
            raise _invalid("The token's signature is not valid.")
        self._refuse_untimely(found.claims)
        return _identity(provider, found.claims)

    def _provider(self, account: str, issuer: Any) -> Provider:
        if not isinstance(issuer, str) or not issuer.startswith("https://"):
            raise _invalid("Issuer must be a valid URL")
        url = issuer.removeprefix("https://").rstrip("/")
        found = self._db.read(lambda tx: providers.provider(tx, provider_arn(account, url)))
        if found is None:
            raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
        return found

    def _refuse_untimely(self, claims: Mapping[str, Any]) -> None:
        now, expires = self._clock.now() // 1_000_000, claims.get("exp")
        if not _is_number(expires):
            raise _invalid("Missing a required claim: exp")
        if now >= expires + _LEEWAY:
            message = f"Token expired: current date/time {now} must be before the expiration date/time {expires:.0f}"
            raise AwsError("ExpiredTokenException", message)
        begins = claims.get("nbf", claims.get("iat"))
        if not _is_number(claims.get("iat")):
            raise _invalid("Missing a required claim: iat")
        if not _is_number(begins) or now < begins - _LEEWAY:
            raise _invalid("Token is not yet valid")


def _identity(provider: Provider, claims: Mapping[str, Any]) -> WebIdentity:
    subject, audience = claims.get("sub"), _audience(provider, claims)
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise _invalid("Missing a required claim: sub")
    tags, transitive = _session_tags(claims.get(_TAGS))
    source = claims.get(_SOURCE)
    return WebIdentity(
        "webidentity",
        provider.account,
        provider.arn,
        principal_id=f"{provider.arn}:{audience}:{subject}",
        name=subject,
        role_arn=provider.arn,
        tags=tags,
        source_identity=source if isinstance(source, str) else "",
        issuer=provider.url,
        audience=audience,
        claims=_claims(claims, audience),
        transitive=transitive,
    )


def _audience(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Whom the token is for: the party that it was given to (azp) where it says so, else one of its audiences."""
    told = claims.get("azp") or claims.get("aud")
    listed = told if isinstance(told, list) else [told]
    found = next((one for one in listed if isinstance(one, str) and one in provider.clients), None)
    if found is None:
        raise _invalid("Incorrect token audience")
    return found


def _claims(claims: Mapping[str, Any], audience: str) -> Claims:
    """Texts, numbers, truths and lists of these; `oaud` is the audience where `aud` stands for azp."""
    found = {name: values for name, value in claims.items() if (values := _values(value))}
    if "azp" in found:
        found["oaud"] = found.get("aud", ())
    found["aud"] = (audience,)
    return tuple((name, values) for name, values in found.items() if name not in (_TAGS, _SOURCE))


def _values(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, str | int | float):
        return (str(value),)
    if isinstance(value, list):
        return tuple(text for one in value if not isinstance(one, list) for text in _values(one))
    return ()


def _session_tags(told: Any) -> tuple[Tags, tuple[str, ...]]:
    if told is None:
        return (), ()
    try:
        tags = tuple((str(key), str(value)) for key, (value,) in told["principal_tags"].items())
        return tags, tuple(str(key) for key in told.get("transitive_tag_keys", ()))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _invalid(f"The claim {_TAGS} is malformed") from None


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityTokenException", message)
