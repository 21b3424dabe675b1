"""Signatures in git objects: what was signed, and whether a signature by an SSH key (RSA) is right. Pure.

The format is OpenSSH's PROTOCOL.sshsig: a blob that names its key and a namespace, which is `git` for git's objects.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

MAX_SIGNATURE = 64 * 1024
_MAGIC, _NAMESPACE = b"SSHSIG", b"git"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_KINDS = ((_BEGIN, "ssh"), (b"-----BEGIN PGP ", "openpgp"), (b"-----BEGIN SIGNED MESSAGE-----", "x509"))
_HASHES = {b"rsa-sha2-256": hashes.SHA256, b"rsa-sha2-512": hashes.SHA512}


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature (`ssh`, `openpgp`, `x509` or `unknown`) and the bytes that it is of."""

    kind: str
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SshSignature:
    """An SSH signature, taken apart. `key` is the public key as OpenSSH encodes it; nobody vouches for it yet."""

    key: bytes
    namespace: bytes
    reserved: bytes
    digest: bytes
    algorithm: bytes
    value: bytes


def of_commit(content: bytes) -> Signed | None:
    """The signature of a commit, given its whole content; None where it is not signed."""
    head, blank, message = content.partition(b"\n\n")
    kept, signature, other = list[bytes](), list[bytes](), list[bytes]()
    into = kept
    for line in head.split(b"\n"):
        word, _, rest = line.partition(b" ")  # a line that goes on begins with a space, so its word is empty
        if word:
            into = {b"gpgsig": signature, b"gpgsig-sha256": other}.get(word, kept)
        into.append(line if into is kept else rest)
    if not signature:
        return None
    text = b"\n".join(signature)
    kind = next((kind for begin, kind in _KINDS if text.startswith(begin)), "unknown")
    return Signed(kind, b"\n".join(kept) + blank + message, text)


def read_ssh(signature: bytes) -> SshSignature | None:
    """Take an armoured SSH signature apart; None where it is not well formed."""
    text = signature.strip()
    if len(text) > MAX_SIGNATURE or not (text.startswith(_BEGIN) and text.endswith(_END)):
        return None
    try:
        blob = base64.b64decode(b"".join(text[len(_BEGIN) : -len(_END)].split()), validate=True)
        if blob[:10] != _MAGIC + struct.pack(">I", 1):
            return None
        key, namespace, reserved, digest, inner = _strings(blob[10:], 5)
        algorithm, value = _strings(inner, 2)
    except (binascii.Error, ValueError):
        return None
    return SshSignature(key, namespace, reserved, digest, algorithm, value)


def is_right(payload: bytes, found: SshSignature) -> bool:
    """Whether the signature's own key (RSA, by SHA-2) signed the payload for git."""
    named, scheme = found.digest.decode("ascii", "replace"), _HASHES.get(found.algorithm)
    if named not in ("sha256", "sha512") or scheme is None or found.namespace != _NAMESPACE:
        return False
    parts = (found.namespace, found.reserved, found.digest, hashlib.new(named, payload).digest())
    message = _MAGIC + b"".join(struct.pack(">I", len(part)) + part for part in parts)
    try:
        key = load_ssh_public_key(b"ssh-rsa " + base64.b64encode(found.key))
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(found.value, message, padding.PKCS1v15(), scheme())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _strings(blob: bytes, count: int) -> list[bytes]:
    """That many length-prefixed strings, which are all that there is; ValueError otherwise."""
    found, at = list[bytes](), 0
    for _ in range(count):
        if len(blob) < at + 4:
            raise ValueError("cut short")
        (length,) = struct.unpack_from(">I", blob, at)
        if len(blob) < at + 4 + length:
            raise ValueError("cut short")
        found.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(blob):
        raise ValueError("more than that")
    return found
