"""The short way: a cheap read whose request came in one piece is answered inside the protocol's own callback.

A task, its events and an ASGI exchange cost more than such a read does. What the application does not answer at once
(`AtOnce` returns None) goes the ordinary way, as if it had never been asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from codeyard.wire.http import HttpAnswer

AtOnce = Callable[[MutableMapping[str, Any], bytes], HttpAnswer | None]
LARGEST = 64 * 1024

_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n" for one in HTTPStatus}


def response(
    answer: HttpAnswer, defaults: Iterable[tuple[bytes, bytes]], *, head_only: bool, keep_alive: bool
) -> bytes:
    """A whole answer as bytes on the wire."""
    assert isinstance(answer.body, bytes)
    lines = [_STATUS[answer.status]]
    named = False
    for name, value in answer.headers:
        lines.append(f"{name}: {_printable(value)}\r\n")
        named = named or name.lower() == "content-length"
    if not named and answer.status not in (204, 304):
        lines.append(f"content-length: {len(answer.body)}\r\n")
    if not keep_alive:
        lines.append("connection: close\r\n")
    lines += [f"{name.decode('latin-1')}: {value.decode('latin-1')}\r\n" for name, value in defaults]
    lines.append("\r\n")
    return "".join(lines).encode("latin-1", "replace") + (b"" if head_only else answer.body)


def _printable(value: str) -> str:
    """A header's value without what would end it: no answer may write headers of its own."""
    return value if value.isprintable() else "".join([c if c.isprintable() else " " for c in value])
