"""The short way: a cheap read whose request came in one piece is answered inside the protocol's own callback.

A task, its events and an ASGI exchange cost more than such a read does. What the application does not answer at once
(`AtOnce` returns None) goes the ordinary way, as if it had never been asked.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from codeyard.edge.asgi import raw_headers
from codeyard.wire.http import HttpAnswer

AtOnce = Callable[[MutableMapping[str, Any], bytes], HttpAnswer | None]
LARGEST = 64 * 1024

_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def response(answer: HttpAnswer, defaults: list[tuple[bytes, bytes]], *, head_only: bool, keep_alive: bool) -> bytes:
    """A whole answer as bytes on the wire."""
    assert isinstance(answer.body, bytes)
    headers = raw_headers(answer.status, answer.headers, len(answer.body)) + defaults
    headers += [] if keep_alive else [(b"connection", b"close")]
    lines = [b"%b: %b\r\n" % pair for pair in headers]
    return b"".join((_STATUS[answer.status], *lines, b"\r\n", b"" if head_only else answer.body))
