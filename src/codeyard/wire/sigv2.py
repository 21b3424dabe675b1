"""Signature Version 2 in the query: what `aws s3 presign` and the SDKs still make for S3 where no region forbids it.

Only links are read, never an Authorization header; only S3 accepts them.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from codeyard.contract import AwsError
from codeyard.wire.http import Head

_NAMES = frozenset({"AWSAccessKeyId", "Signature", "Expires"})
# The parts of a query that belong to the resource; the rest of it is not signed.
_SUB_RESOURCES = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    ]
)


@dataclass(frozen=True, slots=True)
class SignedLink:
    """What a link claims about its signer."""

    access_key: str
    signature: str
    expires: str
    session_token: str
    presigned: bool = True
    service: str = "s3"
    region: str = ""


def read(head: Head) -> SignedLink | None:
    """The signature of a link, None where the query has none; AccessDenied where it is incomplete."""
    if "AWSAccessKeyId=" not in head.query:
        return None
    given = dict(_pairs(head.query))
    if not given.keys() >= _NAMES:
        raise _denied("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
    token = given.get("x-amz-security-token") or head.headers.get("x-amz-security-token", "")
    return SignedLink(given["AWSAccessKeyId"], given["Signature"], given["Expires"], token)


def unfolded(head: Head) -> Head:
    """The head with those headers that the link carries in its query; what was really sent goes first."""
    carried = {name.lower(): value for name, value in _pairs(head.query) if _carries(name.lower())}
    return head._replace(headers={**carried, **head.headers})


def verify(signed: SignedLink, secret: str, head: Head, now_us: int, *, bucket: str | None = None) -> bytes:
    """Nothing (there is no signing key), where the unfolded head was signed with `secret` and is still in time.

    `bucket` is the one that the host names: it is signed as the path's first part.
    """
    expires = signed.expires
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise _denied("Invalid date (should be seconds since epoch)")
    if now_us > int(expires) * 1_000_000:
        raise _denied("Request has expired")
    text = string_to_sign(head, expires, f"/{bucket}{head.path}" if bucket else head.path)
    expected = base64.b64encode(hmac.digest(secret.encode(), _raw(text), "sha1"))
    if not hmac.compare_digest(expected, signed.signature.encode("utf-8", "replace")):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise AwsError("SignatureDoesNotMatch", message, status=403)
    return b""


def string_to_sign(head: Head, expires: str, path: str) -> str:
    """Method, the three headers, x-amz headers and resource, as the signer wrote them."""
    lines = [head.method, head.headers.get("content-md5", ""), head.headers.get("content-type", ""), expires]
    lines += [f"{name}:{head.headers[name].strip()}" for name in sorted(head.headers) if name.startswith("x-amz-")]
    parts = sorted((name, value) for name, value in _parts(head.query) if name in _SUB_RESOURCES)
    signed = "&".join([name if value is None else f"{name}={_as_sent(value)}" for name, value in parts])
    return "\n".join([*lines, f"{path}?{signed}" if signed else path])


def _carries(name: str) -> bool:
    return name.startswith("x-amz-") or name in ("content-md5", "content-type")


def _parts(query: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if part:
            found.append((name, value if equals else None))
    return found


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(unquote(name), unquote(value or "")) for name, value in _parts(query)]


def _as_sent(value: str) -> str:
    """A value of the query, unquoted, in the form of the rest of the head: one character for each byte."""
    return unquote_to_bytes(value.encode("latin-1", "replace")).decode("latin-1")


def _raw(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)
