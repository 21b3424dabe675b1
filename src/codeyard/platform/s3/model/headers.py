"""What a PUT says about its object besides the bytes: system headers, user metadata, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import sse

SYSTEM = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
DEFAULT_TYPE = "binary/octet-stream"
METADATA_BYTES = 2048
STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
)


def refuse_unbuilt(req: Mapping[str, Any]) -> None:
    """NotImplemented for customers' own keys, object lock and cold storage: never a made-up success."""
    if req.get("SSECustomerAlgorithm") or req.get("SSECustomerKey"):
        raise s3_error("NotImplemented", "Encryption with customer-provided keys (SSE-C) is not implemented")
    if req.get("ObjectLockMode") or req.get("ObjectLockRetainUntilDate") or req.get("ObjectLockLegalHoldStatus"):
        raise s3_error("NotImplemented", "Object Lock is not implemented")
    if req.get("WriteOffsetBytes") is not None:
        raise s3_error("NotImplemented", "Appending to objects is not implemented")
    if str(req.get("StorageClass") or "STANDARD") not in STORAGE_CLASSES:
        raise s3_error("NotImplemented", "This storage class is not implemented")


def refuse_acl(req: Mapping[str, Any], ownership: str) -> None:
    """ACLs do not decide anything here: only those that say what holds anyway are taken."""
    grants = any(
        req.get(name) for name in ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP", "GrantWrite")
    )
    acl = str(req.get("ACL") or "private")
    if grants or acl not in ("private", "bucket-owner-full-control", "bucket-owner-read"):
        if ownership == "BucketOwnerEnforced":
            raise s3_error("AccessControlListNotSupported")
        raise s3_error("NotImplemented", "Access control lists other than private are not implemented")


def from_request(req: Mapping[str, Any]) -> dict[str, Any]:
    """What to keep of a PUT's headers; MetadataTooLarge over 2 KB of user metadata."""
    kept: dict[str, Any] = {name: _said(name, req[name]) for name in SYSTEM if req.get(name)}
    if isinstance(kept.get("Expires"), datetime):
        kept["Expires"] = _http_date(kept["Expires"])
    if kept.get("ContentEncoding"):
        codings = [one.strip() for one in str(kept["ContentEncoding"]).split(",")]
        kept["ContentEncoding"] = ",".join(one for one in codings if one and one != "aws-chunked")
        if not kept["ContentEncoding"]:
            del kept["ContentEncoding"]
    kept.setdefault("ContentType", DEFAULT_TYPE)
    given = (req.get("Metadata") or {}).items()
    metadata = {_said("Metadata", str(key)).lower(): _said("Metadata", str(value)) for key, value in given}
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > METADATA_BYTES:
        raise s3_error("MetadataTooLarge")
    if metadata:
        kept["Metadata"] = metadata
    if req.get("StorageClass") and req["StorageClass"] != "STANDARD":
        kept["StorageClass"] = req["StorageClass"]
    return kept


def for_answer(kept: Mapping[str, Any], req: Mapping[str, Any]) -> dict[str, Any]:
    """The kept headers as members of a GET's answer, with the request's response-* overrides."""
    found = {name: value for name, value in kept.items() if name != sse.STORED}
    for asked, name in OVERRIDES.items():
        if req.get(asked):
            found[name] = _said(asked, req[asked])
    if isinstance(found.get("Expires"), str):
        try:
            found["Expires"] = parsedate_to_datetime(found["Expires"])
        except ValueError:
            del found["Expires"]
    found.setdefault("Metadata", {})
    return found


def _said(name: str, value: Any) -> Any:
    """A value that a header can hold; what would end the header, or speak to a terminal, is refused."""
    if isinstance(value, str) and any(ord(one) < 32 or ord(one) == 127 for one in value):
        raise s3_error("InvalidArgument", f"{name} holds a control character")
    return value


def _http_date(value: datetime) -> str:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return format_datetime(aware.astimezone(UTC), usegmt=True)
