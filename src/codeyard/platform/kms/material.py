"""Key material as bytes: made, named, recognised, and given its public half.

Symmetric and HMAC keys are their raw bytes; private keys are PKCS#8 in DER.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa

from codeyard.contract import Ids
from codeyard.platform.kms.specs import SPECS, Spec

_DER = serialization.Encoding.DER
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
_MLDSA: dict[int, Any] = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey, 87: mldsa.MLDSA87PrivateKey}
_MLKEM: dict[int, Any] = {768: mlkem.MLKEM768PrivateKey, 1024: mlkem.MLKEM1024PrivateKey}


def generate(spec: Spec, ids: Ids) -> bytes:
    """New material of a spec."""
    if not spec.asymmetric:
        return ids.bytes(spec.size)
    return encoded(_generate_pair(spec))


def _generate_pair(spec: Spec) -> Any:
    if spec.family == "rsa":
        return rsa.generate_private_key(65537, spec.size)
    if spec.family == "ecc":
        return ec.generate_private_key(_CURVES[spec.name]())
    if spec.family == "mldsa":
        return _MLDSA[spec.size].generate()
    if spec.family == "mlkem":
        return _MLKEM[spec.size].generate()
    return ed25519.Ed25519PrivateKey.generate()


def encoded(private: Any) -> bytes:
    """A private key's material."""
    form: bytes = private.private_bytes(_DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return form


def private_key(material: bytes) -> Any:
    """The private key of material that this service made or has checked before."""
    return serialization.load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)


def public_der(material: bytes) -> bytes:
    """The public half, as a SubjectPublicKeyInfo in DER."""
    form: bytes = private_key(material).public_key().public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return form


def material_id(key_id: str, material: bytes) -> str:
    """The name of this material within its key: the same for the same bytes, telling nothing of them."""
    return hmac.digest(material, b"codeyard kms material " + key_id.encode(), hashlib.sha256).hex()


def checked(material: bytes, spec: Spec) -> bytes:
    """Imported material in the form that is kept; ValueError where it is not of the spec."""
    if not spec.asymmetric:
        if len(material) != spec.size:
            raise ValueError(f"{spec.name} needs {spec.size} bytes")
        return material
    try:
        private = serialization.load_der_private_key(material, None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    if not is_of(private, spec):
        raise ValueError(f"the private key is not of {spec.name}")
    return encoded(private)


def is_of(key: Any, spec: Spec) -> bool:
    """Whether a private or public key is of the spec."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return spec.family == "rsa" and key.key_size == spec.size
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return spec.family == "ecc" and isinstance(key.curve, _CURVES[spec.name])
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return spec.family == "ed25519"
    pair = {"mldsa": _MLDSA, "mlkem": _MLKEM}.get(spec.family)
    return pair is not None and isinstance(key, pair[spec.size])


def spec_of_pair(name: str) -> Spec | None:
    """The spec of a data key pair, None for one that cannot be made here."""
    found = SPECS.get(name)
    return found if found is not None and found.asymmetric and found.family != "mldsa" else None
