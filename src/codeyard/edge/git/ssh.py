"""The git door over SSH: `git clone ssh://KEYID@HOST:PORT/v1/repos/NAME`, for IAM users by their SSH public keys.

The user name is the key's id; nothing but git's own services can be executed. It lives in a thread with a loop of
its own, so that ciphers never keep the HTTP doors waiting, and begins at the first connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from codeyard.contract import Clock, Ids, Sealer
from codeyard.edge.git.pump import Gate
from codeyard.edge.git.push import Pushes
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway
from codeyard.gateway.attempts import Attempts
from codeyard.gateway.ports import Identity

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger(__name__)

_BREATH_S = 0.05
_BY_APPLICATION = 11  # RFC 4250, 4.2.2
_CONNECTIONS = 256  # open at a time
_STRANGERS, _STRANGERS_EACH = 64, 16  # of those that have not said who they are: in all, and from one address


class SshSettings(Protocol):
    """Where this server is reached by HTTP."""

    @property
    def endpoint(self) -> str: ...

    @property
    def public_url(self) -> str: ...


class SshKit(Protocol):
    """What the door needs of the program's kit."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def sealer(self) -> Sealer: ...

    @property
    def settings(self) -> SshSettings: ...


class GitSsh:
    """Listens on a socket; each connection is one user's, each channel of it one git command."""

    def __init__(self, gateway: Gateway, identity: Identity, region: str, kit: SshKit, sock: socket.socket) -> None:
        self.gateway, self.identity, self.region, self.kit = gateway, identity, region, kit
        self.pool = Pool("git-ssh", 16)
        self.pulls, self.pushes = Gate(48, 24), Pushes(gateway, self.pool, kit.data_dir / "git" / "incoming")
        self._sock = sock
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._making = asyncio.Lock()
        self._thread = threading.Thread(target=self._run, name="git-ssh", daemon=True)
        self.open: set[asyncssh.SSHServerConnection] = set()
        self._strangers: Counter[str] = Counter()
        self._made: tuple[Any, Any] | None = None
        self.attempts = Attempts(kit.clock)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """End every connection, and the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=10)
        self._sock.close()
        self.pool.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        accepting = self._loop.create_task(self._accept())
        await self._stopping.wait()
        accepting.cancel()
        for connection in list(self.open):
            connection.disconnect(_BY_APPLICATION, "The server stops.")
        left = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accept(self) -> None:
        self._sock.setblocking(False)
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(_BREATH_S)  # out of descriptors: breathe, then accept again
                continue
            each = self._strangers[address[0]]
            if len(self.open) >= _CONNECTIONS or self._strangers.total() >= _STRANGERS or each >= _STRANGERS_EACH:
                connection.close()
                continue
            self._loop.create_task(self._open(connection, address[0])).add_done_callback(_ended)

    async def _open(self, connection: socket.socket, address: str) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._strangers[address] += 1
        admitted = None
        try:
            server, options = await self._ready()
            admitted = await server.serve(self, connection, options)
        finally:
            if admitted is None:
                connection.close()
            self._strangers[address] -= 1
            self._strangers += Counter()
        if admitted is not None:
            await admitted.until_idle()

    async def _ready(self) -> tuple[Any, Any]:
        """The library and what connections are set up with, once; a fault is the next connection's to try again."""
        async with self._making:
            if self._made is None:
                self._made = await self._loop.run_in_executor(None, self._make)
        return self._made

    def _make(self) -> tuple[Any, Any]:
        from codeyard.edge.git import ssh_server

        return ssh_server, ssh_server.options(self)


def _ended(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            log.error("fault at the SSH door", exc_info=error)
