"""One port for TLS and plain HTTP: the first byte of a connection decides (0x16 opens a TLS handshake)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import uvicorn

from codeyard.edge.express import AtOnce
from codeyard.edge.protocol import YardProtocol
from codeyard.edge.ready import wake

_TLS_HANDSHAKE = b"\x16"
_FIRST_BYTE_WITHIN_S = 30.0
_TICK_S = 0.1
_HANDSHAKE_WITHIN_S = 15.0
_SWEEP_EVERY_TICKS = 50  # uvicorn ticks ten times a second
_LOOK_EVERY_TICKS = 10


class Acceptor:
    """Accepts on one socket and hands each connection to the HTTP protocol, wrapped in TLS when it asks for it."""

    def __init__(self, sock: socket.socket, make: Callable[[], Any], tls: ssl.SSLContext | None, plain: bool) -> None:
        self._sock, self._make, self._tls, self._plain = sock, make, tls, plain
        self._pending: set[asyncio.Task[None]] = set()
        self._task = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Stop accepting; connections that are already open go on."""
        self._task.cancel()
        for task in self._pending:
            task.cancel()
        self._sock.close()

    async def wait_closed(self) -> None:
        """Wait until the accept loop has ended."""
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(0.05)  # out of descriptors: breathe, then accept again
                continue
            task = loop.create_task(self._open(connection))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _open(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            first = await asyncio.wait_for(_peek(connection), _FIRST_BYTE_WITHIN_S)
            secure = first == _TLS_HANDSHAKE
            if not first or (secure and self._tls is None) or (not secure and not self._plain):
                connection.close()
                return
            patience = {"ssl_handshake_timeout": _HANDSHAKE_WITHIN_S} if secure else {}
            await loop.connect_accepted_socket(self._make, connection, ssl=self._tls if secure else None, **patience)
        except (OSError, TimeoutError):
            connection.close()


async def _peek(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            readable = loop.create_future()
            loop.add_reader(connection.fileno(), wake, readable)
            try:
                await readable
            finally:
                loop.remove_reader(connection.fileno())


class YardServer(uvicorn.Server):
    """uvicorn's server over our acceptors. `ready` is called once it serves, `stopping` when it is to end.

    `look` is called every second to look for new certificates, with True where SIGHUP asked for it.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listeners: list[tuple[socket.socket, bool]],
        tls: ssl.SSLContext | None,
        ready: Callable[[], None],
        stopping: Callable[[], None] = lambda: None,
        at_once: AtOnce | None = None,
        look: Callable[[bool], None] = lambda asked: None,
    ) -> None:
        super().__init__(config)
        self._listeners, self._tls, self._ready, self._stopping = listeners, tls, ready, stopping
        self._at_once, self._look, self._asked = at_once, look, False
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Ask it to end, from any thread; it does so at once, not at its next tick."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """Tick until it is to end."""
        self._loop = asyncio.get_running_loop()
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of the calls that wait for something, then close as uvicorn does, but for its pause of 0.1 s."""
        self._stopping()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0.005)  # those that are idle are gone then
        try:
            await asyncio.wait_for(self._wait_tasks_to_complete(), self.config.timeout_graceful_shutdown)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, and let the caller go on: uvicorn would raise the signal again and end there."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept on every (socket, plain HTTP allowed) pair."""
        await self.lifespan.startup()
        self.servers = [
            Acceptor(s, partial(self._protocol, s.family == socket.AF_UNIX), self._tls, plain)  # type: ignore[misc]
            for s, plain in self._listeners
        ]
        self.started = True
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's housekeeping, and ours: heads that never end, certificates that have been replaced."""
        if self._asked or counter % _LOOK_EVERY_TICKS == 0:
            asked, self._asked = self._asked, False
            self._look(asked)
        if counter % _SWEEP_EVERY_TICKS == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, YardProtocol):
                    connection.expire()
        return await super().on_tick(counter)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def _protocol(self, admin: bool) -> YardProtocol:
        return YardProtocol(
            admin=admin,
            at_once=self._at_once,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening, non-blocking socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as problem:
        sock.close()
        hint = ": ports below 1024 need root or CAP_NET_BIND_SERVICE" if isinstance(problem, PermissionError) else ""
        raise OSError(f"port {port}: {problem.strerror or problem}{hint}") from None
    sock.listen(1024)
    sock.setblocking(False)
    return sock
