"""uvicorn's HTTP protocol with bounds of our own: the size of a head, the time it may take, and who is calling."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from codeyard.edge.inbound import STALLED

MAX_HEAD = 64 * 1024  # session tokens and presigned links of 16 KiB and more are usual
HEAD_WITHIN_S = 30.0
BODY_PIECE_WITHIN_S = 30.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 31\r\nconnection: close\r\n\r\nThe request's head is too large"
)


class YardProtocol(HttpToolsProtocol):
    """One connection. What came over the admin socket says so in the request's state, and nothing else does."""

    def __init__(self, *, admin: bool, app_state: dict[str, Any], **more: Any) -> None:
        super().__init__(app_state={**app_state, "admin": True} if admin else app_state, **more)
        self._admin = admin
        self._in_head, self._head_bytes, self._head_since = True, 0, self.loop.time()
        self._heard = self._head_since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection; one whose other side has gone already has no address and is dropped."""
        super().connection_made(transport)
        if self.client is None and not self._admin:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse; refuse a head beyond its bound."""
        if self.client is None and not self._admin:
            return
        begun, self._heard = self._head_since, self.loop.time()
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # A piece in which a request begins may hold the end of the one before: only further pieces count.
            self._head_bytes += len(data) if begun == self._head_since else 0
            if self._head_bytes > MAX_HEAD:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head_bytes, self._head_since = True, 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        super().on_headers_complete()

    def expire(self) -> None:
        """Close the connection where a head has been too long in coming; tell the reader of a body that stalls."""
        now, cycle = self.loop.time(), self.cycle
        if self._in_head:
            if now - self._head_since > HEAD_WITHIN_S:
                self.transport.close()
        elif cycle is not None and self._starves(cycle) and now - self._heard > BODY_PIECE_WITHIN_S:
            cycle.scope["state"][STALLED] = True
            cycle.message_event.set()

    def _starves(self, cycle: RequestResponseCycle) -> bool:
        waits = cycle.more_body and not cycle.response_complete and not cycle.waiting_for_100_continue
        return waits and not self.flow.read_paused
