"""Conditional requests, in RFC 9110's order of precedence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codeyard.platform.s3.errors import s3_error


def etag_matches(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match list names the entity tag (or is `*`)."""
    if header.strip() == "*":
        return True
    listed = {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}
    return etag.strip('"') in listed


def check_read(
    etag: str,
    modified: datetime,
    if_match: str | None,
    if_none_match: str | None,
    if_modified: Any = None,
    if_unmodified: Any = None,
) -> None:
    """PreconditionFailed or NotModified when the conditions of a read do not hold."""
    if if_match:
        if not etag_matches(if_match, etag):
            raise s3_error("PreconditionFailed", Condition="If-Match")
    elif isinstance(if_unmodified, datetime) and modified > _aware(if_unmodified):
        raise s3_error("PreconditionFailed", Condition="If-Unmodified-Since")
    if if_none_match:
        if etag_matches(if_none_match, etag):
            raise s3_error("NotModified")
    elif isinstance(if_modified, datetime) and modified <= _aware(if_modified):
        raise s3_error("NotModified")


def check_copy(
    etag: str,
    modified: datetime,
    if_match: str | None,
    if_none_match: str | None,
    if_modified: Any = None,
    if_unmodified: Any = None,
) -> None:
    """PreconditionFailed when the conditions on a copy's source do not hold."""
    if if_match:
        failed = not etag_matches(if_match, etag)
    else:
        failed = isinstance(if_unmodified, datetime) and modified > _aware(if_unmodified)
    if if_none_match:
        failed = failed or etag_matches(if_none_match, etag)
    else:
        failed = failed or (isinstance(if_modified, datetime) and modified <= _aware(if_modified))
    if failed:
        raise s3_error("PreconditionFailed")


def check_write(current_etag: str | None, if_match: str | None, if_none_match: str | None) -> None:
    """The conditions of a write, against the current object's entity tag (None: there is no object)."""
    if if_none_match:
        if if_none_match.strip() != "*":
            raise s3_error("NotImplemented")
        if current_etag is not None:
            raise s3_error("PreconditionFailed", Condition="If-None-Match")
    if if_match:
        if current_etag is None:
            raise s3_error("NoSuchKey")
        if not etag_matches(if_match, current_etag):
            raise s3_error("PreconditionFailed", Condition="If-Match")


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
