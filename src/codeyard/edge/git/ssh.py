"""The git door over SSH: `git clone ssh://KEYID@HOST:PORT/v1/repos/NAME`, for IAM users by their SSH public keys.

The user name is the key's id; nothing but git's three services can be executed. It lives in a thread with a loop of
its own, so that ciphers never keep the HTTP doors waiting, and begins at the first connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from codeyard.contract import Clock, Ids, Sealer
from codeyard.edge.git.pump import Gate
from codeyard.edge.git.ssh_keys import host_keys
from codeyard.edge.git.ssh_session import Session
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway
from codeyard.gateway.ports import Identity

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger(__name__)

# What is offered: no SHA-1, no CBC; the client chooses the first of its own that is here.
_ALGORITHMS = {
    "kex_algs": ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
                 "diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
                        "aes256-ctr", "aes128-ctr"],
    "mac_algs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
    "signature_algs": ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"],
}  # fmt: skip
_LOGIN_S = 30
_ALIVE_S, _ALIVE_TIMES = 30, 4
_WINDOW = 4 * 1024 * 1024
_CONNECTIONS, _STRANGERS = 256, 64  # open at a time; those of them that have not said who they are


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
        self._sock = sock
        self._loop = asyncio.new_event_loop()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="git-ssh", daemon=True)
        self.open: set[asyncssh.SSHServerConnection] = set()
        self.strangers = 0

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """End every connection, and the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join(timeout=10)
        self._sock.close()
        self.pool.close()

    def _stop(self) -> None:
        if self._stopping is not None:
            self._stopping.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self.pulls, self.arrivals, self.pushes = Gate(48, 24), Gate(64, 16), Gate(8, 4)
        accepting = self._loop.create_task(self._accept())
        await self._stopping.wait()
        accepting.cancel()
        for connection in list(self.open):
            connection.abort()
        left = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accept(self) -> None:
        self._sock.setblocking(False)
        options: Any = None
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(0.05)  # out of descriptors: breathe, then accept again
                continue
            if options is None:
                options = await self._loop.run_in_executor(None, self._options)
            if len(self.open) >= _CONNECTIONS or self.strangers >= _STRANGERS:
                connection.close()
                continue
            self._loop.create_task(self._open(connection, options)).add_done_callback(_ended)

    async def _open(self, connection: socket.socket, options: Any) -> None:
        import asyncssh

        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.strangers += 1
        try:
            await asyncssh.run_server(connection, options=options)
        except (OSError, asyncssh.Error):
            connection.close()
        finally:
            self.strangers -= 1

    def _options(self) -> Any:
        """All that a connection is set up with; the first asks for it, since the library and its keys take a while."""
        import asyncssh

        door = self

        class Server(asyncssh.SSHServer):
            """One connection. That it is the key's owner is shown here; who that is, each command asks anew."""

            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self._conn = conn
                door.open.add(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                door.open.discard(self._conn)

            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                found = await door.pool.run(lambda: door.identity.ssh_key(username))
                return found is not None and asyncssh.import_public_key(found[1]).public_data == key.public_data

        async def process(one: asyncssh.SSHServerProcess[bytes]) -> None:
            await Session(door, one).run()

        return asyncssh.SSHServerConnectionOptions(
            server_factory=Server,
            process_factory=process,
            server_host_keys=host_keys(self.kit.data_dir / "ssh"),
            encoding=None,
            password_auth=False,
            kbdint_auth=False,
            agent_forwarding=False,
            allow_pty=False,
            line_editor=False,
            allow_scp=False,
            compression_algs=None,
            login_timeout=_LOGIN_S,
            keepalive_interval=_ALIVE_S,
            keepalive_count_max=_ALIVE_TIMES,
            window=_WINDOW,
            server_version="Codeyard",
            **_ALGORITHMS,
        )


def _ended(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            log.error("fault at the SSH door", exc_info=error)
