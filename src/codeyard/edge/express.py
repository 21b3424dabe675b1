"""The short way: a cheap call whose request came in one piece is answered without an ASGI exchange.

A task, its events and that exchange cost more than such a call does. What the application does not take (`AtOnce`
returns False) goes the ordinary way, as if it had never been asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from codeyard.edge.asgi import raw_headers
from codeyard.wire.http import HttpAnswer

AtOnce = Callable[[MutableMapping[str, Any], bytes, Callable[[HttpAnswer], None]], bool]
LARGEST = 64 * 1024

_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def response(answer: HttpAnswer, defaults: list[tuple[bytes, bytes]], *, head_only: bool, keep_alive: bool) -> bytes:
    """A whole answer as bytes on the wire."""
    assert isinstance(answer.body, bytes)
    headers = raw_headers(answer.status, answer.headers, len(answer.body)) + defaults
    headers += [] if keep_alive else [(b"connection", b"close")]
    lines = [b"%b: %b\r\n" % pair for pair in headers]
    return b"".join((_STATUS[answer.status], *lines, b"\r\n", b"" if head_only else answer.body))


class Owed:
    """What stands in for uvicorn's exchange while an answer is owed: requests behind it wait their turn."""

    def __init__(self) -> None:
        self.response_complete, self.disconnected = False, False
        self.keep_alive, self.more_body, self.waiting_for_100_continue = True, False, False
        self.message_event = asyncio.Event()
