"""uvicorn's HTTP protocol with bounds of our own: the size of a head, the time it may take, and who is calling."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

from httptools import parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from codeyard.edge.express import LARGEST, AtOnce, Owed, response
from codeyard.edge.inbound import STALLED
from codeyard.wire.http import HttpAnswer

MAX_HEAD = 64 * 1024  # session tokens and presigned links of 16 KiB and more are usual
HEAD_WITHIN_S = 30.0
BODY_PIECE_WITHIN_S = 30.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 31\r\nconnection: close\r\n\r\nThe request's head is too large"
)


class YardProtocol(HttpToolsProtocol):
    """One connection. What came over the admin socket says so in the request's state, and nothing else does.

    A request that came in one piece is offered to `at_once` first.
    """

    def __init__(self, *, admin: bool, app_state: dict[str, Any], at_once: AtOnce | None = None, **more: Any) -> None:
        super().__init__(app_state={**app_state, "admin": True} if admin else app_state, **more)
        self._admin, self._at_once = admin, None if admin else at_once
        self._held: list[bytes] | None = None
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
        self._let_go()
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

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of its head. Those behind a body are dropped: they were not there when the request was judged."""
        if not self._in_head:
            self._head_bytes += len(name) + len(value) + 4
            if self._head_bytes > MAX_HEAD:
                self.transport.close()
            return
        if name.lower() == b"host" and any(known == b"host" for known, _ in self.headers):
            raise ValueError("a request for two hosts")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is there. Its body may be too: it is waited for as long as this piece of data lasts."""
        self._in_head = False
        if self._at_once is not None and self._is_alone():
            self._held = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        """It is whole: taken the short way, or the ordinary one."""
        if self._held is not None and self._taken(b"".join(self._held)):
            return
        self._let_go()
        super().on_message_complete()

    def _is_alone(self) -> bool:
        """Whether nothing stands before this request, and nobody waits for leave to send its body."""
        free = self.cycle is None or self.cycle.response_complete
        return free and not self.pipeline and not self.expect_100_continue and not self.flow.write_paused

    def _taken(self, body: bytes) -> bool:
        """Whether the application answers this request the short way: now, or once its writes are durable."""
        assert self._at_once is not None
        scope: Any = self.scope
        url = parse_url(self.url)
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        scope["path"] = url.path.decode("ascii")
        keep = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        before, owed = self.cycle, cast("RequestResponseCycle", Owed())
        self.cycle, owed.keep_alive = owed, keep
        if len(body) <= LARGEST and self._at_once(scope, body, partial(self._answer, owed, scope["method"] == "HEAD")):
            self._held = None
            return True
        self.cycle = before
        return False

    def _answer(self, owed: RequestResponseCycle, head_only: bool, answer: HttpAnswer) -> None:
        owed.response_complete = True
        if owed.disconnected:
            return
        defaults = self.server_state.default_headers
        self.transport.write(response(answer, defaults, head_only=head_only, keep_alive=owed.keep_alive))
        if not owed.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _let_go(self) -> None:
        """Hand what was held to the application."""
        held, self._held = self._held, None
        if held is not None:
            super().on_headers_complete()
            for body in held:
                super().on_body(body)

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
