"""Rolling keys up under a delimiter, page by page, without reading the keys that a common prefix hides."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from codeyard.platform.s3.errors import s3_error

Fetch = Callable[[str, bool, int, Any], Iterable[Any]]


@dataclass(slots=True)
class Page:
    """One page: rows and common prefixes, and where the next begins ("" when this was the last)."""

    rows: list[Any] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""


def after_prefix(prefix: str) -> str | None:
    """The smallest text greater than everything that begins with the prefix; None when there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that hides the key, or None."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def roll(fetch: Fetch, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """A page of at most `limit` entries whose keys come after `after`.

    `fetch(key, inclusive, count, row)` gives up to `count` rows of the prefix in key order, from the key on; `row` is
    the last one that it gave, where the next is simply the one behind it.
    """
    page = Page()
    hidden = common_prefix(after, prefix, delimiter) if after.startswith(prefix) else None
    start, inclusive = (after, False)
    if hidden is not None and after == hidden:
        following = after_prefix(hidden)
        if following is None:
            return page
        start, inclusive = following, True
    if limit == 0:
        return page
    row: Any = None
    while True:
        want = limit - len(page.rows) - len(page.prefixes) + 1
        got = list(fetch(start, inclusive, want, row))
        jump = _fill(page, got, prefix, delimiter, limit)
        if page.truncated or (jump is None and len(got) < want):
            return page
        if jump is None:
            row = got[-1]
            start, inclusive = row.key, False
            continue
        following = after_prefix(jump)
        if following is None:
            return page
        start, inclusive, row = following, True, None


def _fill(page: Page, got: list[Any], prefix: str, delimiter: str, limit: int) -> str | None:
    """Add rows until the page is full; the common prefix to jump behind, when the rows ended within one."""
    newest: str | None = None
    for row in got:
        group = common_prefix(row.key, prefix, delimiter)
        if group is not None and page.prefixes and page.prefixes[-1] == group:
            continue
        if len(page.rows) + len(page.prefixes) >= limit:
            page.truncated = True
            return None
        newest = group
        if group is None:
            page.rows.append(row)
            page.last = row.key
        else:
            page.prefixes.append(group)
            page.last = group
    return newest


def to_token(key: str) -> str:
    """An opaque continuation token."""
    return base64.urlsafe_b64encode(b"1" + key.encode()).decode()


def from_token(token: str) -> str:
    """The key within a continuation token; InvalidArgument when it is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(token.encode())
        if raw[:1] == b"1":
            return raw[1:].decode()
    except (binascii.Error, ValueError):
        pass
    raise s3_error("InvalidArgument", "The continuation token provided is incorrect")
