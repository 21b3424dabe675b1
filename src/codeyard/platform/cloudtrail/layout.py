"""How what a trail delivers is called and written: log files, digests, and the text that a digest's signature is over.

After AWS's user guide, "CloudTrail log file examples" and "CloudTrail digest file structure". Pure.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.formats.moments import iso_z, moment
from codeyard.platform.cloudtrail.model import Trail

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ALGORITHM = "SHA256withRSA"


def home(trail: Trail) -> str:
    """The beginning of every key of the trail's account."""
    return f"{trail.prefix}AWSLogs/{trail.account}/"


def log_key(trail: Trail, region: str, now: int, random: str) -> str:
    """The key of a log file made now."""
    at = moment(now)
    name = f"{trail.account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{random}.json.gz"
    return f"{home(trail)}CloudTrail/{region}/{at:%Y/%m/%d}/{name}"


def digest_key(trail: Trail, region: str, end: int) -> str:
    """The key of the digest that ends at a time."""
    at, whose = moment(end), f"{trail.account}_CloudTrail-Digest_{region}_{trail.name}_{trail.region}"
    return f"{home(trail)}CloudTrail-Digest/{region}/{at:%Y/%m/%d}/{whose}_{at:%Y%m%dT%H%M%SZ}.json.gz"


def log_text(records: Sequence[str]) -> bytes:
    """A log file's content, from records in JSON."""
    return ('{"Records":[' + ",".join(records) + "]}").encode("utf-8")


def packed(content: bytes) -> bytes:
    """The same bytes whenever it is packed: what is delivered twice is one file."""
    return gzip.compress(content, mtime=0)


def sha256(content: bytes) -> str:
    """The hash by which digests name a content."""
    return hashlib.sha256(content).hexdigest()


def digest_text(
    trail: Trail,
    region: str,
    span: tuple[int, int],
    fingerprint: str,
    previous: Mapping[str, Any] | None,
    files: Sequence[Any],
) -> tuple[str, bytes]:
    """(key, content) of the digest over files that were delivered within a span of time.

    `files` are rows with bucket, key, hash, oldest and newest; `previous` is what is kept of the digest before.
    """
    start, end = span
    before, key = previous or {}, digest_key(trail, region, end)
    content = {
        "awsAccountId": trail.account,
        "digestStartTime": iso_z(start),
        "digestEndTime": iso_z(end),
        "digestS3Bucket": trail.bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": ALGORITHM,
        "newestEventTime": iso_z(max(one.newest for one in files)) if files else None,
        "oldestEventTime": iso_z(min(one.oldest for one in files)) if files else None,
        "previousDigestS3Bucket": before.get("bucket"),
        "previousDigestS3Object": before.get("key"),
        "previousDigestHashValue": before.get("hash"),
        "previousDigestHashAlgorithm": "SHA-256" if previous else None,
        "previousDigestSignature": before.get("signature"),
        "logFiles": [_named(one) for one in files],
    }
    return key, json.dumps(content, separators=(",", ":")).encode()


def _named(file: Any) -> dict[str, str]:
    return {
        "s3Bucket": file.bucket,
        "s3Object": file.key,
        "hashValue": file.hash,
        "hashAlgorithm": "SHA-256",
        "newestEventTime": iso_z(file.newest),
        "oldestEventTime": iso_z(file.oldest),
    }


def signed_text(end: int, bucket: str, key: str, content: bytes, previous: Mapping[str, Any] | None) -> bytes:
    """What a digest's signature is over; the digest before belongs to it, so that none can be exchanged."""
    before = previous["signature"] if previous else "null"
    return f"{iso_z(end)}\n{bucket}/{key}\n{sha256(content)}\n{before}".encode()
