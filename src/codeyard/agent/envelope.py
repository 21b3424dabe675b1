"""Opens a signed deployment specification: PKCS#7 signedData, checked against the signer that the host has pinned.

Only what the server writes is read (DER, one signer, RSA with SHA-256, signed attributes); all else is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_SEQUENCE, _SET, _OCTETS, _OID, _CONTEXT_0 = 0x30, 0x31, 0x04, 0x06, 0xA0


class EnvelopeError(ValueError):
    """The envelope is not what the pinned signer signed."""


def open_envelope(payload: str, certificate: str) -> bytes:
    """The content of a PEM envelope; EnvelopeError unless the pinned certificate's key signed it."""
    try:
        content, attributes, signature = _read(_der(payload))
        digest = _digest_in(attributes)
    except (IndexError, ValueError, StopIteration) as error:
        raise EnvelopeError("The deployment specification is not a signed envelope") from error
    if not hmac.compare_digest(hashlib.sha256(content).digest(), digest):
        raise EnvelopeError("The deployment specification is not what was signed")
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise EnvelopeError("The pinned signer has no RSA key")
    try:
        key.verify(signature, _as_set(attributes), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise EnvelopeError("The deployment specification was signed by another than the pinned signer") from error
    return content


def _der(payload: str) -> bytes:
    lines = [line for line in payload.split("\n") if line and not line.startswith("-----")]
    return base64.b64decode("".join(lines), validate=False)


def _read(der: bytes) -> tuple[bytes, bytes, bytes]:
    """Content, the encoded signed attributes, and the signature."""
    kind, wrapped = _children(_only(der, _SEQUENCE))
    if kind != (_OID, _SIGNED_DATA):
        raise EnvelopeError("The envelope holds no signed data")
    parts = list(_children(_only(wrapped[1], _SEQUENCE)))
    encapsulated = list(_children(parts[2][1]))
    content = _only(encapsulated[1][1], _OCTETS)
    signers = list(_children(parts[-1][1]))
    if parts[-1][0] != _SET or len(signers) != 1:
        raise EnvelopeError("The envelope must have one signer")
    info = list(_children(signers[0][1]))
    attributes = next(value for tag, value in info if tag == _CONTEXT_0)
    signature = next(value for tag, value in info if tag == _OCTETS)
    return content, attributes, signature


def _digest_in(attributes: bytes) -> bytes:
    for _, attribute in _children(attributes):
        (_, oid), (_, values) = _children(attribute)
        if oid == _MESSAGE_DIGEST:
            return _only(values, _OCTETS)
    raise EnvelopeError("The envelope has no digest")


def _as_set(attributes: bytes) -> bytes:
    size = len(attributes)
    if size < 0x80:
        return bytes([_SET, size]) + attributes
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([_SET, 0x80 | len(length)]) + length + attributes


def _only(der: bytes, tag: int) -> bytes:
    ((found, value),) = _children(der)
    if found != tag:
        raise ValueError("another element was expected")
    return value


def _children(der: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("a length of that form is not read")
            length, at = int.from_bytes(der[at : at + count], "big"), at + count
        if at + length > len(der):
            raise ValueError("an element is cut off")
        yield tag, der[at : at + length]
        at += length
