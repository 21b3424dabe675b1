"""Tags of objects and buckets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from codeyard.platform.s3.errors import s3_error

OBJECT_LIMIT, BUCKET_LIMIT = 10, 50
GOOD = re.compile(r"[\w\s+\-=.:/@]*\Z")


def from_header(text: str | None) -> dict[str, str]:
    """The tags of an x-amz-tagging header."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise s3_error(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL "
            "query parameters without tag name duplicates.",
        ) from None
    return checked([{"Key": key, "Value": value} for key, value in pairs], OBJECT_LIMIT)


def from_set(tagging: Mapping[str, Any], limit: int) -> dict[str, str]:
    """The tags of a Tagging document."""
    return checked(tagging.get("TagSet") or [], limit)


def checked(tags: Sequence[Mapping[str, Any]], limit: int) -> dict[str, str]:
    """Tags as a dict; InvalidTag (BadRequest for too many) when they break S3's rules."""
    if len(tags) > limit:
        what = "Object" if limit == OBJECT_LIMIT else "Bucket"
        raise s3_error("InvalidTag", f"{what} tags cannot be greater than {limit}")
    found: dict[str, str] = {}
    for tag in tags:
        key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
        if key in found:
            raise s3_error("InvalidTag", "Cannot provide multiple Tags with the same key")
        if not 0 < len(key) <= 128 or not GOOD.match(key):
            raise s3_error("InvalidTag", "The TagKey you have provided is invalid")
        if key.startswith("aws:"):
            raise s3_error("InvalidTag", "System tags cannot be added/updated by requester")
        if len(value) > 256 or not GOOD.match(value):
            raise s3_error("InvalidTag", "The TagValue you have provided is invalid")
        found[key] = value
    return found


def as_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a TagSet, in key order."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
