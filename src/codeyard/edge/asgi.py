"""Small ASGI vocabulary: the request's head, its body as chunks, and the two ways of answering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.wire.http import Head

ASGIScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 16 * 1024 * 1024


def head_of(scope: ASGIScope) -> Head:
    """The request's head as the wire reads it: raw path and query, lower-case headers, duplicates joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path = scope.get("raw_path") or scope["path"].encode()
    return Head(
        scope["method"],
        path.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        scope["scheme"],
    )


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The body, chunk by chunk; ConnectionError when the client leaves early."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        if body := message.get("body"):
            yield body
        if not message.get("more_body"):
            return


async def bounded_body(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body; RequestEntityTooLarge (413) beyond the limit."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks(receive):
        size += len(chunk)
        if size > limit:
            raise AwsError("RequestEntityTooLargeException", f"The body is larger than {limit} bytes.", status=413)
        parts.append(chunk)
    return b"".join(parts)


async def reply(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """Answer with bytes."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if not any(name == b"content-length" for name, _ in raw) and status not in (204, 304):
        raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def reply_stream(
    send: Send, status: int, headers: Iterable[tuple[str, str]], parts: AsyncIterator[bytes]
) -> None:
    """Answer with a stream; `send` waits while the client does not read."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    async for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def from_thread(iterator: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A blocking iterator as an asynchronous one, each step in a thread."""
    loop = asyncio.get_running_loop()
    while (part := await loop.run_in_executor(None, next, iterator, None)) is not None:
        yield part
