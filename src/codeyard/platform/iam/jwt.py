"""JSON Web Tokens (RFC 7519) as far as identity providers use them: RSA and ECDSA signatures, compact form. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from codeyard.storage import dumps, loads

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Mapping[str, tuple[str, type[ec.EllipticCurve], int]] = {
    "ES256": ("P-256", ec.SECP256R1, 32),
    "ES384": ("P-384", ec.SECP384R1, 48),
    "ES512": ("P-521", ec.SECP521R1, 66),
}
_SMALLEST_RSA = 2048
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token taken apart; nothing about it is proven yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """How it says that it is signed."""
        return str(self.header.get("alg", ""))

    @property
    def key_id(self) -> str:
        """Whose key it says signed it."""
        return str(self.header.get("kid", ""))


def read(token: str) -> Jwt | None:
    """The token's parts; None where it is no token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims, signature = (_decoded(part) for part in parts)
        told, claimed = loads(header), loads(claims)
    except (ValueError, binascii.Error):
        return None
    if not isinstance(told, dict) or not isinstance(claimed, dict):
        return None
    return Jwt(told, claimed, token.rpartition(".")[0].encode("ascii"), signature)


def is_signed_by(token: Jwt, jwk: Mapping[str, Any]) -> bool:
    """Whether this public key signed the token, by the algorithm that fits the key's own kind."""
    if jwk.get("alg") not in (None, token.algorithm):
        return False
    try:
        if token.algorithm[:2] == "RS" and token.algorithm[2:] in _HASHES:
            _rsa_key(jwk).verify(token.signature, token.signed, padding.PKCS1v15(), _HASHES[token.algorithm[2:]])
            return True
        if token.algorithm in _CURVES:
            key, raw = _ec_key(jwk, token.algorithm), _to_der(token)
            key.verify(raw, token.signed, ec.ECDSA(_HASHES[token.algorithm[2:]]))
            return True
    except (InvalidSignature, KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return False
    return False


def sign(claims: Mapping[str, Any], key: PrivateKey, algorithm: str, key_id: str) -> str:
    """A token of these claims."""
    header = {"alg": algorithm, "kid": key_id, "typ": "JWT"}
    body = f"{_encoded(dumps(header).encode())}.{_encoded(dumps(dict(claims)).encode())}"
    digest = _HASHES[algorithm[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        return f"{body}.{_encoded(key.sign(body.encode(), padding.PKCS1v15(), digest))}"
    width = _CURVES[algorithm][2]
    r, s = decode_dss_signature(key.sign(body.encode(), ec.ECDSA(digest)))
    return f"{body}.{_encoded(r.to_bytes(width, 'big') + s.to_bytes(width, 'big'))}"


def public_jwk(key: PrivateKey, algorithm: str, key_id: str) -> dict[str, str]:
    """The public half of a key, as a JSON Web Key."""
    shared = {"use": "sig", "alg": algorithm, "kid": key_id}
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_numbers = key.public_key().public_numbers()
        size = key.key_size // 8
        return {"kty": "RSA", **shared, "n": _number(rsa_numbers.n, size), "e": _number(rsa_numbers.e, 3)}
    name, _, width = _CURVES[algorithm]
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": name, **shared, "x": _number(numbers.x, width), "y": _number(numbers.y, width)}


def _rsa_key(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    n, e = (int.from_bytes(_decoded(jwk[name]), "big") for name in ("n", "e"))
    if jwk.get("kty") != "RSA" or n.bit_length() < _SMALLEST_RSA:
        raise ValueError("no RSA key that counts")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _ec_key(jwk: Mapping[str, Any], algorithm: str) -> ec.EllipticCurvePublicKey:
    name, curve, _ = _CURVES[algorithm]
    if jwk.get("kty") != "EC" or jwk.get("crv") != name:
        raise ValueError("another curve")
    x, y = (int.from_bytes(_decoded(jwk[part]), "big") for part in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, curve()).public_key()


def _to_der(token: Jwt) -> bytes:
    width, raw = _CURVES[token.algorithm][2], token.signature
    if len(raw) != 2 * width:
        raise ValueError("a signature of another length")
    return encode_dss_signature(int.from_bytes(raw[:width], "big"), int.from_bytes(raw[width:], "big"))


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _number(value: int, width: int) -> str:
    return _encoded(value.to_bytes(width, "big"))
