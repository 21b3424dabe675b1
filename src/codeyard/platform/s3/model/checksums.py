"""Checksums: which one a request names, whether it matches, and how those of parts become the object's."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.platform.s3.errors import s3_error

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
UNBUILT = ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
DEFAULT = "CRC64NVME"
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
HEADER = "x-amz-checksum-"
WIDTH = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}


def member(algorithm: str) -> str:
    """The name of the shape member that carries an algorithm's value."""
    return "Checksum" + algorithm


def stated(req: Mapping[str, Any], trailers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that the request names with a value, by algorithm; at most one may be."""
    if any(req.get(member(name)) for name in UNBUILT) or req.get("ChecksumAlgorithm") in UNBUILT:
        raise s3_error("NotImplemented", "This checksum algorithm is not implemented")
    found = {name: str(req[member(name)]) for name in ALGORITHMS if req.get(member(name))}
    lowered = {name.lower(): value for name, value in trailers.items()}
    for name in ALGORITHMS:
        if HEADER + name.lower() in lowered:
            found[name] = lowered[HEADER + name.lower()].strip()
    if len(found) > 1:
        raise s3_error(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    for name, value in found.items():
        _check_form(name, value)
    return found


def chosen(req: Mapping[str, Any], given: Mapping[str, str], default: str = DEFAULT) -> str:
    """The algorithm to keep: the one with a value, else the one asked for, else the default."""
    asked = str(req.get("ChecksumAlgorithm") or "")
    return next(iter(given), asked if asked in ALGORITHMS else default)


def verify(given: Mapping[str, str], taken: Mapping[str, str]) -> None:
    """BadDigest when a stated checksum is not what was received."""
    for name, value in given.items():
        if taken[name] != value:
            raise s3_error("BadDigest", f"The {name} you specified did not match the calculated checksum.")


def verify_md5(header: str | None, md5: bytes) -> None:
    """InvalidDigest or BadDigest when Content-MD5 is malformed or wrong."""
    if not header:
        return
    try:
        wanted = base64.b64decode(header, validate=True)
    except binascii.Error:
        raise s3_error("InvalidDigest") from None
    if len(wanted) != 16:
        raise s3_error("InvalidDigest")
    if wanted != md5:
        raise s3_error("BadDigest", "The Content-MD5 you specified did not match what we received.")


def text(raw: bytes) -> str:
    """A digest as S3 writes it."""
    return base64.b64encode(raw).decode("ascii")


def upload_type(algorithm: str, asked: str | None) -> str:
    """FULL_OBJECT or COMPOSITE of a multipart upload; InvalidRequest for a pair that S3 does not have."""
    default = FULL if algorithm == "CRC64NVME" else COMPOSITE
    kind = asked or default
    impossible = (algorithm.startswith("SHA") and kind == FULL) or (algorithm == "CRC64NVME" and kind == COMPOSITE)
    if impossible:
        raise s3_error(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    return kind


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """The checksum of checksums: over the parts' raw values, with their number."""
    from codeyard.storage.digests import new

    digest = new(algorithm.lower())
    for part in parts:
        digest.update(base64.b64decode(part))
    return f"{text(digest.digest())}-{len(parts)}"


def multipart_etag(etags: Sequence[str]) -> str:
    """MD5 of the parts' MD5s, with their number."""
    joined = b"".join(bytes.fromhex(etag) for etag in etags)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(etags)}"


def _check_form(algorithm: str, value: str) -> None:
    try:
        raw = base64.b64decode(value.partition("-")[0], validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != WIDTH[algorithm]:
        raise s3_error("InvalidRequest", f"Value for {HEADER}{algorithm.lower()} header is invalid.")
