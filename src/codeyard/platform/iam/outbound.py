"""The other way round: tokens that this server signs for its own principals, and the pages that prove them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from codeyard.engine import Kit
from codeyard.platform.iam import jwt
from codeyard.platform.iam.store import settings
from codeyard.storage import Tx, dumps

PATH = "/.well-known/sts/"
SETTING = "outbound-federation"
_BY_ID = "outbound-issuer"
ALGORITHMS = ("RS256", "ES384")
_CONFIGURATION, _KEYS = "/.well-known/openid-configuration", "/.well-known/jwks.json"


class OutboundFederation:
    """Makes issuers, signs as them, serves what they publish."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._pages: dict[str, tuple[str, bytes]] = {}

    def fresh(self) -> dict[str, Any]:
        """The setting of a new issuer: its id and its sealed keys."""
        identifier = self._kit.ids.uuid()
        keys: dict[str, str] = {}
        for algorithm in ALGORITHMS:
            is_rsa = algorithm.startswith("RS")
            key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP384R1())
            plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            keys[algorithm] = base64.b64encode(self._kit.sealer.seal(plain, _context(identifier, algorithm))).decode()
        return {"id": identifier, "enabled": True, "keys": keys}

    def issuer(self, setting: Mapping[str, Any]) -> str:
        """The issuer's URL."""
        return f"{self._kit.settings.base_url}{PATH}{setting['id']}"

    def put(self, tx: Tx, account: str, setting: Mapping[str, Any]) -> None:
        """Keep an account's issuer, to be found by its id as well."""
        settings.put(tx, account, SETTING, dict(setting))
        settings.put(tx, account, _BY_ID, setting["id"])

    def sign(self, setting: Mapping[str, Any], algorithm: str, claims: Mapping[str, Any]) -> str:
        """A token of these claims."""
        return jwt.sign(claims, self._key(setting, algorithm), algorithm, _key_id(setting, algorithm))

    def setting(self, account: str) -> dict[str, Any] | None:
        """The account's issuer where it signs tokens."""
        found: dict[str, Any] | None = self._kit.db.read(lambda tx: settings.get(tx, account, SETTING))
        return found if found is not None and found["enabled"] else None

    def page(self, path: str) -> tuple[str, bytes] | None:
        """(content type, body) of an issuer's page; None where there is none."""
        if path in self._pages:
            return self._pages[path]
        found = self._page(path)
        if found is not None:  # an issuer's keys stay: its pages are written once
            self._pages[path] = found
        return found

    def _page(self, path: str) -> tuple[str, bytes] | None:
        identifier, _, _ = path.removeprefix(PATH).partition("/")
        found = self._kit.db.read(lambda tx: _setting(tx, identifier))
        if found is None:
            return None
        rest = path.removeprefix(PATH + identifier)
        if rest == _CONFIGURATION:
            return "application/json", dumps(self._configuration(found)).encode()
        if rest == _KEYS:
            keys = [jwt.public_jwk(self._key(found, name), name, _key_id(found, name)) for name in ALGORITHMS]
            return "application/json", dumps({"keys": keys}).encode()
        return None

    def _configuration(self, setting: Mapping[str, Any]) -> dict[str, Any]:
        issuer = self.issuer(setting)
        return {
            "issuer": issuer,
            "jwks_uri": issuer + _KEYS,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "claims_supported": ["iss", "aud", "sub", "exp", "iat", "jti"],
        }

    def _key(self, setting: Mapping[str, Any], algorithm: str) -> jwt.PrivateKey:
        sealed = base64.b64decode(setting["keys"][algorithm])
        plain = self._kit.sealer.open(sealed, _context(setting["id"], algorithm))
        key = load_der_private_key(plain, None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return key


def _setting(tx: Tx, identifier: str) -> dict[str, Any] | None:
    account = settings.account_with(tx, _BY_ID, identifier) if identifier else None
    found: dict[str, Any] | None = settings.get(tx, account, SETTING) if account is not None else None
    return found


def _key_id(setting: Mapping[str, Any], algorithm: str) -> str:
    return f"{setting['id'][:8]}-{algorithm.lower()}"


def _context(identifier: str, algorithm: str) -> str:
    return f"iam.outbound-key:{identifier}:{algorithm}"
