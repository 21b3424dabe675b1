"""Small ASGI vocabulary: the request's head, its body as chunks, and the two ways of answering."""

from __future__ import annotations

import asyncio
import contextlib
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
            raise too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def too_large(limit: int) -> AwsError:
    """What a body beyond its bound is answered with."""
    return AwsError("RequestEntityTooLargeException", f"The body is larger than {limit} bytes.", status=413)


async def reply(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """Answer with bytes."""
    await send({"type": "http.response.start", "status": status, "headers": raw_headers(status, headers, len(body))})
    await send({"type": "http.response.body", "body": body})


async def reply_then(
    send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes, rest: Awaitable[object]
) -> None:
    """Answer with bytes, and end the exchange only after `rest`: the connection closes behind it."""
    raw = [*raw_headers(status, headers, len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await rest
    await send({"type": "http.response.body", "body": b""})


def raw_headers(status: int, headers: Iterable[tuple[str, str]], length: int) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with a body of `length` bytes, as ASGI takes them."""
    raw = [_raw(name, value) for name, value in headers]
    if status not in (204, 304) and not any(name == b"content-length" for name, _ in raw):
        raw.append((b"content-length", b"%d" % length))
    return raw


def _raw(name: str, value: str) -> tuple[bytes, bytes]:
    """A header without what would end it: no answer may write headers of its own."""
    clean = value if value.isprintable() else "".join([c if c.isprintable() else " " for c in value])
    return name.lower().encode("latin-1"), clean.encode("latin-1", "replace")


async def reply_stream(
    send: Send,
    status: int,
    headers: Iterable[tuple[str, str]],
    parts: AsyncIterator[bytes],
    receive: Receive | None = None,
) -> None:
    """Answer with a stream; `send` waits while the client does not read. With `receive`, it ends when the client
    leaves, even where the next part is long in coming."""
    raw = [_raw(name, value) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    if receive is None:
        await _pump(send, parts)
        return
    pump, left = asyncio.ensure_future(_pump(send, parts)), asyncio.ensure_future(gone(receive))
    try:
        await asyncio.wait({pump, left}, return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()
    finally:
        for task in (pump, left):
            task.cancel()
        await asyncio.gather(pump, left, return_exceptions=True)


async def _pump(send: Send, parts: AsyncIterator[bytes]) -> None:
    try:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(parts, "aclose", None)
        if close is not None:
            await close()


async def gone(receive: Receive) -> None:
    """Returns once the client has left (or the answer is complete)."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def from_thread(iterator: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A blocking iterator as an asynchronous one, each step in a thread; what it holds is let go at the end."""
    loop = asyncio.get_running_loop()
    try:
        while (part := await loop.run_in_executor(None, next, iterator, None)) is not None:
            yield part
    finally:
        with contextlib.suppress(ValueError):  # its last step still runs in the thread: it ends with that
            getattr(iterator, "close", lambda: None)()
