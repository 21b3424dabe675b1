"""Server-side encryption: what a request or its bucket asks for, and how an answer tells what holds. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeyard.platform.s3.errors import s3_error
from codeyard.storage import dumps, loads

AES, KMS = "AES256", "aws:kms"
OWN_KEY = "alias/aws/s3"
STORED = "SSE"  # the name under which an object's kept headers hold what its bytes are locked by


@dataclass(frozen=True, slots=True)
class Wanted:
    """A KMS key to lock an object by; `extra` is the request's own encryption context."""

    key_id: str
    bucket_key: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def context(self, bucket: str, key: str) -> dict[str, str]:
        """The encryption context of an object: its ARN, or its bucket's where a bucket key is wanted."""
        place = bucket if self.bucket_key else f"{bucket}/{key}"
        return {**self.extra, "aws:s3:arn": f"arn:aws:s3:::{place}"}

    def stored(self, arn: str, sealed: bytes) -> dict[str, Any]:
        """What is kept of it with the object."""
        text = base64.b64encode(sealed).decode()
        return {"key": arn, "sealed": text, "bucket_key": self.bucket_key, "extra": dict(self.extra)}


def wanted(req: Mapping[str, Any], default: str | None) -> Wanted | None:
    """The KMS key that a new object is to be locked by; None where S3's own encryption (AES256) is all."""
    algorithm, key_id = req.get("ServerSideEncryption"), req.get("SSEKMSKeyId")
    if algorithm not in (None, AES, KMS):
        raise s3_error("NotImplemented", f"Encryption with {algorithm} is not implemented")
    if algorithm != KMS and (key_id or req.get("SSEKMSEncryptionContext")):
        raise s3_error(
            "InvalidArgument",
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
            "aws:kms",
        )
    if algorithm == KMS:
        return Wanted(str(key_id or OWN_KEY), bool(req.get("BucketKeyEnabled")), _extra(req))
    kept = loads(default) if default and algorithm is None else {}
    if kept.get("algorithm") != KMS:
        return None
    by_bucket = req.get("BucketKeyEnabled")
    return Wanted(kept["key"] or OWN_KEY, kept["bucket_key"] if by_bucket is None else bool(by_bucket))


def _extra(req: Mapping[str, Any]) -> dict[str, str]:
    given = req.get("SSEKMSEncryptionContext")
    if not given:
        return {}
    try:
        found = json.loads(base64.b64decode(str(given), validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise s3_error("InvalidArgument", "The x-amz-server-side-encryption-context header is not valid.")
    return found


def of_stored(kept: Mapping[str, Any]) -> Wanted | None:
    """What an object, or an upload, is locked by; None for AES256."""
    found = kept.get(STORED)
    return None if found is None else Wanted(found["key"], found["bucket_key"], found["extra"])


def sealed_in(kept: Mapping[str, Any]) -> bytes:
    """The sealed key of the object's bytes."""
    return base64.b64decode(kept[STORED]["sealed"])


def members(kept: Mapping[str, Any]) -> dict[str, Any]:
    """How an answer tells what an object is encrypted by."""
    by = of_stored(kept)
    if by is None:
        return {"ServerSideEncryption": AES}
    found: dict[str, Any] = {"ServerSideEncryption": KMS, "SSEKMSKeyId": by.key_id}
    return {**found, "BucketKeyEnabled": True} if by.bucket_key else found


def default_from(configuration: Mapping[str, Any]) -> str | None:
    """What a bucket keeps of PutBucketEncryption: None for AES256."""
    rules = configuration.get("Rules") or []
    if len(rules) != 1:
        raise s3_error("MalformedXML")
    found = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
    algorithm, key = found.get("SSEAlgorithm", AES), found.get("KMSMasterKeyID")
    if algorithm not in (AES, KMS):
        raise s3_error("NotImplemented", f"Encryption with {algorithm} is not implemented")
    if algorithm == AES and key:
        raise s3_error(
            "InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
        )
    if algorithm == AES:
        return None
    return dumps({"algorithm": KMS, "key": key or "", "bucket_key": bool(rules[0].get("BucketKeyEnabled"))})


def rule_of(default: str | None) -> dict[str, Any]:
    """A bucket's default as GetBucketEncryption tells it."""
    kept = loads(default) if default else {"algorithm": AES, "key": "", "bucket_key": False}
    by: dict[str, Any] = {"SSEAlgorithm": kept["algorithm"]}
    if kept["key"]:
        by["KMSMasterKeyID"] = kept["key"]
    return {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": kept["bucket_key"]}
