"""The outermost ASGI application: which door a request goes to. What no other door claims is an AWS call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from codeyard.edge.asgi import ASGIScope, Receive, Send, reply
from codeyard.edge.express import AtOnce
from codeyard.edge.webhooks import PREFIX as WEBHOOKS
from codeyard.wire.http import HttpAnswer

_BELOW = "/console"
_KNOWN = "/.well-known/"  # no bucket's name begins with a dot
App = Callable[[ASGIScope, Receive, Send], Awaitable[None]]


class Front:
    """Routes by host and path, in the order of docs/architecture.md: admin socket, console, git, webhooks, fixed, AWS.

    The console answers on its own hosts and, over TLS, below /console/ on every other (ADR 0009). `public_host` is
    what a proxy that ends TLS in front of us calls us: it counts as TLS.
    """

    def __init__(
        self,
        *,
        aws: App,
        git: App,
        webhooks: App,
        admin: App,
        console: App | None,
        console_hosts: frozenset[str],
        public_host: str = "",
        at_once: AtOnce = lambda scope, body, answer: False,
    ) -> None:
        self._aws, self._git, self._webhooks, self._admin, self._at_once = aws, git, webhooks, admin, at_once
        self._console, self._console_hosts, self._public_host = console, console_hosts, public_host
        self._fixed: dict[str, Callable[[], tuple[str, bytes]]] = {}
        self._trees: dict[str, Callable[[str], tuple[str, bytes] | None]] = {}
        self.serving = False

    def serve_fixed(self, path: str, content: Callable[[], tuple[str, bytes]]) -> None:
        """Answer GET `path` with (content type, body), to anybody."""
        self._fixed[path] = content

    def serve_below(self, prefix: str, page: Callable[[str], tuple[str, bytes] | None]) -> None:
        """Answer GET of paths below `prefix` with (content type, body), to anybody; 404 where it is None."""
        self._trees[prefix] = page

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
        if path.startswith(_BELOW) and self._console is not None and self._shares(scope):
            return self._console_below
        if path.startswith("/v1/repos/"):
            return self._git
        if path.startswith(WEBHOOKS):
            return self._webhooks
        if path in ("/healthz", "/readyz"):
            return self._health
        if path in self._fixed and scope["method"] in ("GET", "HEAD"):
            return self._file
        if path.startswith(_KNOWN) and scope["method"] in ("GET", "HEAD"):
            return self._page
        return self._aws

    def _shares(self, scope: ASGIScope) -> bool:
        """Whether it is for the console on the server's host: over TLS, to us or to our proxy, and no signed call."""
        private = scope["scheme"] == "https" or (self._public_host and _host(scope) == self._public_host)
        path = scope["path"]
        return bool(private and (path == _BELOW or path.startswith(f"{_BELOW}/")) and not _signed(scope))

    async def _console_below(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        assert self._console is not None
        if scope["path"] == _BELOW:
            await reply(send, 308, [("location", f"{_BELOW}/")], b"")
        else:
            await self._console({**scope, "root_path": _BELOW, "scheme": "https"}, receive, send)

    async def _health(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        ready = scope["path"] == "/healthz" or self.serving
        await reply(send, 200 if ready else 503, [("content-type", "text/plain")], b"ok\n" if ready else b"starting\n")

    async def _file(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        await _reply_typed(send, 200, *self._fixed[scope["path"]]())

    async def _page(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        found = next((page(scope["path"]) for at, page in self._trees.items() if scope["path"].startswith(at)), None)
        await _reply_typed(send, 200 if found else 404, *(found or ("text/plain", b"not found\n")))


async def _reply_typed(send: Send, status: int, kind: str, body: bytes) -> None:
    await reply(send, status, [("content-type", kind), ("x-content-type-options", "nosniff")], body)


def _host(scope: ASGIScope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1").rsplit(":", 1)[0].lower())
    return ""


def _signed(scope: ASGIScope) -> bool:
    return b"X-Amz-" in scope["query_string"] or any(name == b"authorization" for name, _ in scope["headers"])


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
