"""Names of buckets, keys and versions, and the times S3 shows."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from codeyard.platform.s3.errors import s3_error

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
KEY_BYTES = 1024
NULL = "null"
VERSION_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"


def check_bucket_name(name: str) -> None:
    """InvalidBucketName unless the name follows S3's rules."""
    good = BUCKET.match(name) and not ADDRESS.match(name) and ".." not in name
    if not good or name.startswith(PREFIXES) or name.endswith(SUFFIXES):
        raise s3_error("InvalidBucketName")


def storable(text: str) -> bool:
    """Whether a row can hold the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_key(key: str) -> None:
    """KeyTooLongError over 1,024 bytes; a NUL cannot be stored."""
    if len(key.encode("utf-8", "surrogatepass")) > KEY_BYTES:
        raise s3_error("KeyTooLongError")
    if not key or not storable(key):
        raise s3_error("InvalidArgument", "Object key is not valid")


def parse_copy_source(source: str) -> tuple[str, str, str]:
    """(bucket, key, version id or "") of an x-amz-copy-source."""
    path, _, query = source.partition("?versionId=")
    path = unquote(path).lstrip("/")
    bucket, _, key = path.partition("/")
    if not bucket or not key or not storable(path):
        raise s3_error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return bucket, key, unquote(query)


def encoded(text: str, encoding: str | None) -> str:
    """The text as a listing shows it: percent-encoded when the caller asked for `url`."""
    return quote(text, safe="/*-._") if encoding == "url" else text


def sequencer(us: int, seq: int) -> str:
    """Orders the events of one key: longer or greater in hex is later."""
    return f"{us:014X}{seq & 0xFFFF:04X}"
