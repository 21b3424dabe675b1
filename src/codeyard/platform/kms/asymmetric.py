"""Public-key operations: encrypt, sign, agree, encapsulate. Bytes in, bytes out; `cryptography` does the work."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from codeyard.platform.kms import material
from codeyard.platform.kms.errors import bad_ciphertext, invalid, wrong_usage
from codeyard.platform.kms.specs import Spec

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1": hashes.SHA1,
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
RAW, DIGEST, MU = "RAW", "DIGEST", "EXTERNAL_MU"


def oaep(algorithm: str) -> padding.OAEP:
    """The padding of an algorithm's name that ends with its hash."""
    digest = _HASHES[algorithm.rpartition("_")[2]]
    return padding.OAEP(padding.MGF1(digest()), digest(), None)


def encrypt(secret: bytes, algorithm: str, plain: bytes) -> bytes:
    """RSAES-OAEP under the public half; ValidationException for more than the key holds."""
    public: rsa.RSAPublicKey = material.private_key(secret).public_key()
    digest = _HASHES[algorithm.rpartition("_")[2]]()
    most = public.key_size // 8 - 2 * digest.digest_size - 2
    if len(plain) > most:
        raise invalid(
            f"Algorithm {algorithm} and key spec RSA_{public.key_size} cannot encrypt data larger than {most} bytes."
        )
    return public.encrypt(plain, oaep(algorithm))


def decrypt(secret: bytes, algorithm: str, blob: bytes) -> bytes:
    """The plaintext; InvalidCiphertextException for anything that does not open."""
    try:
        plain: bytes = material.private_key(secret).decrypt(blob, oaep(algorithm))
    except ValueError:
        raise bad_ciphertext() from None
    return plain


def sign(secret: bytes, spec: Spec, algorithm: str, kind: str, message: bytes) -> bytes:
    """The signature over a message, its digest, or ML-DSA's mu."""
    key = material.private_key(secret)
    made: bytes
    if spec.family == "rsa":
        padded, digest = _rsa(algorithm, kind, message)
        made = key.sign(message, padded, digest)
    elif spec.family == "ecc":
        made = key.sign(message, ec.ECDSA(_digest(algorithm, kind, message)))
    elif kind == MU:
        mu = _mu(spec, message)
        made = key.sign_mu(mu)
    else:
        made = key.sign(_whole(algorithm, kind, message))
    return made


def verifies(secret: bytes, spec: Spec, algorithm: str, kind: str, message: bytes, signature: bytes) -> bool:
    """Whether the signature is one over the message."""
    key = material.private_key(secret).public_key()
    try:
        if spec.family == "rsa":
            key.verify(signature, message, *_rsa(algorithm, kind, message))
        elif spec.family == "ecc":
            key.verify(signature, message, ec.ECDSA(_digest(algorithm, kind, message)))
        elif kind == MU:
            mu = _mu(spec, message)
            key.verify_mu(signature, mu)
        else:
            key.verify(signature, _whole(algorithm, kind, message))
    except InvalidSignature:
        return False
    return True


def _rsa(algorithm: str, kind: str, message: bytes) -> tuple[Any, Any]:
    digest = _digest(algorithm, kind, message)
    if "PKCS1" in algorithm:
        return padding.PKCS1v15(), digest
    inner = _HASHES[algorithm.rpartition("_")[2]]()
    return padding.PSS(padding.MGF1(inner), inner.digest_size), digest


def _digest(algorithm: str, kind: str, message: bytes) -> Any:
    if kind == MU:
        raise invalid(f"MessageType EXTERNAL_MU is not valid for {algorithm}.")
    digest = _HASHES[algorithm.rpartition("_")[2]]()
    if kind == RAW:
        return digest
    if len(message) != digest.digest_size:
        raise invalid(f"Digest is invalid length for algorithm {algorithm}.")
    return utils.Prehashed(digest)


def _mu(spec: Spec, message: bytes) -> bytes:
    if spec.family != "mldsa" or len(message) != 64:
        raise invalid("MessageType EXTERNAL_MU needs an ML-DSA key and 64 bytes.")
    return message


def _whole(algorithm: str, kind: str, message: bytes) -> bytes:
    if kind != RAW:
        raise invalid(f"MessageType {kind} is not valid for {algorithm}.")
    return message


def agree(secret: bytes, spec: Spec, public_der: bytes) -> bytes:
    """The ECDH secret with somebody's public key, which must lie on the same curve."""
    try:
        public = serialization.load_der_public_key(public_der)
    except (ValueError, UnsupportedAlgorithm):
        raise invalid("The public key is not valid.") from None
    if not material.is_of(public, spec) or not isinstance(public, ec.EllipticCurvePublicKey):
        raise wrong_usage(f"The public key is not on the curve of {spec.name}.")
    shared: bytes = material.private_key(secret).exchange(ec.ECDH(), public)
    return shared


def encapsulate(secret: bytes) -> tuple[bytes, bytes]:
    """(shared secret, its ciphertext) under an ML-KEM key."""
    shared, sealed = material.private_key(secret).public_key().encapsulate()
    return shared, sealed


def decapsulate(secret: bytes, sealed: bytes) -> bytes:
    """The shared secret; InvalidCiphertextException for a ciphertext of a wrong form."""
    try:
        shared: bytes = material.private_key(secret).decapsulate(sealed)
    except ValueError:
        raise bad_ciphertext() from None
    return shared
