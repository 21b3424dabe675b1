"""Connections of the SSH door as asyncssh has them: who may log in, how many channels, how long nothing may happen.

Imported at the first connection only: the library takes a while.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import asyncssh
from asyncssh.constants import DISC_BY_APPLICATION, OPEN_RESOURCE_SHORTAGE
from asyncssh.process import SSHServerProcess

from codeyard.edge.git.ssh_keys import host_keys
from codeyard.edge.git.ssh_session import Session

if TYPE_CHECKING:
    from codeyard.edge.git.ssh import GitSsh

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
_IDLE_S = 600.0  # a connection on which no command runs is ended
_WINDOW = 2 * 1024 * 1024
_CHANNELS = 10  # at a time on a connection, as OpenSSH's MaxSessions


class Connection(asyncssh.SSHServer):
    """One connection. That it is the key's owner is shown here; who that is, each command asks anew."""

    def __init__(self, door: GitSsh) -> None:
        self._door = door
        self._user, self._channels, self._admitted = "", 0, False
        self._address = ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """It is open; who it is, is not known yet."""
        self._conn, self._address = conn, str(conn.get_extra_info("peername")[0])
        self._door.open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; one that never logged in counts as a wrong guess."""
        self._door.open.discard(self._conn)
        if self._user and not self._admitted:
            self._door.attempts.wrong(self._user, self._address)

    def begin_auth(self, username: str) -> bool:
        """Everybody has to show who they are."""
        self._user = username
        return True

    def public_key_auth_supported(self) -> bool:
        """By a key, and by nothing else."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is the one of that id, and active; who guessed too often waits."""
        if not self._door.attempts.may_try(username, self._address):
            return False
        found = await self._door.pool.run(lambda: self._door.identity.ssh_key(username))
        return found is not None and asyncssh.import_public_key(found[1]).public_data == key.public_data

    def auth_completed(self) -> None:
        """It has logged in."""
        self._admitted = True
        self._door.attempts.right(self._user, self._address)

    def session_requested(self) -> Any:
        """A channel for one command, while there are not too many."""
        if self._channels >= _CHANNELS:
            raise asyncssh.ChannelOpenError(OPEN_RESOURCE_SHORTAGE, "Too many commands at once.")
        self._channels += 1
        return SSHServerProcess(self._run, None, 3, False)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await Session(self._door, process).run()
        finally:
            self._channels -= 1

    async def until_idle(self) -> None:
        """Wait for its end; end it where no command has run for a while."""
        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    await self._conn.wait_closed()
                return
            except TimeoutError:
                if not self._channels:
                    self._conn.disconnect(DISC_BY_APPLICATION, "No command has run for ten minutes.")


def options(door: GitSsh) -> asyncssh.SSHServerConnectionOptions:
    """All that a connection is set up with."""
    return asyncssh.SSHServerConnectionOptions(
        server_factory=lambda: Connection(door),
        server_host_keys=host_keys(door.kit.data_dir / "ssh"),
        encoding=None,
        password_auth=False,
        kbdint_auth=False,
        agent_forwarding=False,
        allow_pty=False,
        line_editor=False,
        compression_algs=None,
        login_timeout=_LOGIN_S,
        keepalive_interval=_ALIVE_S,
        keepalive_count_max=_ALIVE_TIMES,
        window=_WINDOW,
        server_version="Codeyard",
        **_ALGORITHMS,
    )


async def serve(door: GitSsh, sock: Any, given: asyncssh.SSHServerConnectionOptions) -> Connection | None:
    """Let a connection log in; None where it did not."""
    try:
        conn = await asyncssh.run_server(sock, options=given)
    except (OSError, asyncssh.Error):
        return None
    return cast(Connection, conn.get_owner())
