"""One request's body on its way in: bounded in size and in patience, and known to be read to its end or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.edge.asgi import MAX_BODY, Receive, too_large
from codeyard.wire.http import Head

WHOLE_S = 300.0
STALLED = "stalled"
_SMALL = 1024 * 1024
_LINGER = 64 * 1024 * 1024


class Inbound:
    """Reads a body once. `state` is the request's: there the protocol notes that the client stalls."""

    def __init__(self, receive: Receive, head: Head, state: Mapping[str, Any] | None = None) -> None:
        self.receive = receive
        self._state = state or {}
        length = head.headers.get("content-length", "0")
        self.declared = int(length) if length.isascii() and length.isdigit() else 0
        self.complete = self.declared == 0 and "transfer-encoding" not in head.headers
        self._asks = head.headers.get("expect", "").lower() == "100-continue"
        self._stalled = False

    async def whole(self, limit: int = MAX_BODY) -> bytes:
        """All of it; RequestEntityTooLarge (413) beyond the limit, before anything is read where it is declared."""
        if self.complete:
            return b""
        if self.declared > limit:
            raise too_large(limit)
        first = await self._next()
        return first if self._ended() else await self._more(first, limit)

    def _ended(self) -> bool:
        return self.complete

    async def _more(self, first: bytes, limit: int) -> bytes:
        clock = asyncio.get_running_loop().time
        parts, size, deadline = [first], len(first), clock() + WHOLE_S
        async for piece in self.chunks():
            parts.append(piece)
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            if clock() > deadline:
                raise self._stall()
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Piece by piece; ConnectionError when the client leaves, RequestTimeout when it stalls."""
        while not self.complete:
            if piece := await self._next():
                yield piece

    @property
    def unsent(self) -> bool:
        """Whether nothing of it will come: the client waits for leave to send, or has stalled."""
        return self._stalled or self._asks

    async def settle(self) -> bool:
        """Read what little may be left, so that the connection can go on; whether that worked."""
        return self.complete or (not self.unsent and await self._drain(_SMALL, 2.0))

    async def linger(self) -> None:
        """Let a client that only listens once it has sent everything send more, within bounds."""
        await self._drain(_LINGER, 10.0)

    async def _drain(self, bound: int, seconds: float) -> bool:
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while not self.complete and size <= bound:
                    size += len(await self._next())
        except (TimeoutError, ConnectionError, AwsError):
            return False
        return self.complete

    async def _next(self) -> bytes:
        self._asks = False  # reading tells the client to go on
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        self.complete = not message.get("more_body")
        body: bytes = message.get("body", b"")
        if not body and not self.complete and self._state.get(STALLED):
            raise self._stall()
        return body

    def _stall(self) -> AwsError:
        self._stalled = True
        text = "Your socket connection to the server was not read from or written to within the timeout period."
        return AwsError("RequestTimeout", text, status=400)
