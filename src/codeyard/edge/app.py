"""The outermost ASGI application: which door a request goes to. What no other door claims is an AWS call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from codeyard.edge.asgi import ASGIScope, Receive, Send, reply
from codeyard.edge.express import AtOnce
from codeyard.wire.http import HttpAnswer

App = Callable[[ASGIScope, Receive, Send], Awaitable[None]]


class Front:
    """Routes by host and path, in the order of docs/architecture.md: admin socket, console, git, fixed paths, AWS."""

    def __init__(
        self,
        *,
        aws: App,
        git: App,
        admin: App,
        console: App | None,
        console_hosts: frozenset[str],
        at_once: AtOnce = lambda scope, body, answer: False,
    ) -> None:
        self._aws, self._git, self._admin, self._at_once = aws, git, admin, at_once
        self._console, self._console_hosts = console, console_hosts
        self._fixed: dict[str, Callable[[], tuple[str, bytes]]] = {}
        self.serving = False

    def serve_fixed(self, path: str, content: Callable[[], tuple[str, bytes]]) -> None:
        """Answer GET `path` with (content type, body), to anybody."""
        self._fixed[path] = content

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Hand the request to its door."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        await self._door(scope)(scope, receive, send)

    def answer_at_once(self, scope: ASGIScope, body: bytes, answer: Callable[[HttpAnswer], None]) -> bool:
        """Take a cheap call the short way and give its answer to `answer`; False for everything else."""
        return self._door(scope) is self._aws and self._at_once(scope, body, answer)

    def _door(self, scope: ASGIScope) -> App:
        path = scope["path"]
        if scope.get("state", {}).get("admin"):  # set by the protocol of DIR/admin.sock alone
            return self._admin
        if self._console is not None and _host(scope) in self._console_hosts:
            return self._console
        if path.startswith("/v1/repos/"):
            return self._git
        if path in ("/healthz", "/readyz"):
            return self._health
        if path in self._fixed and scope["method"] in ("GET", "HEAD"):
            return self._file
        return self._aws

    async def _health(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        ready = scope["path"] == "/healthz" or self.serving
        await reply(send, 200 if ready else 503, [("content-type", "text/plain")], b"ok\n" if ready else b"starting\n")

    async def _file(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        kind, body = self._fixed[scope["path"]]()
        await reply(send, 200, [("content-type", kind), ("x-content-type-options", "nosniff")], body)


def _host(scope: ASGIScope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1").rsplit(":", 1)[0].lower())
    return ""


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
