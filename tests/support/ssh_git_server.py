"""An SSH server of strangers in this process: it runs git's two pack programs for one key, and nothing else."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

_PROGRAMS = ("git-upload-pack", "git-receive-pack")


@contextmanager
def ssh_git_server(folder: Path) -> Iterator[tuple[int, str]]:
    """A server for the time of a block: its port, and the ssh command of one whose key it knows."""
    key, host = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    key.write_public_key(folder / "key.pub")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opening = asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=str(folder / "key.pub"),
        process_factory=_run, encoding=None,
    )  # fmt: skip
    server = asyncio.run_coroutine_threadsafe(_open(opening), loop).result(60)
    try:
        port = server.get_port()
        known = host.export_public_key().decode()
        (folder / "known").write_text(f"[127.0.0.1]:{port} {known}")
        yield port, f"ssh -F none -i {folder}/key -o UserKnownHostsFile={folder}/known -o BatchMode=yes"
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def _open(opening: Any) -> asyncssh.SSHAcceptor:
    found: asyncssh.SSHAcceptor = await opening
    return found


async def _run(process: asyncssh.SSHServerProcess[bytes]) -> None:
    asked = shlex.split(process.command or "")
    if not asked or asked[0] not in _PROGRAMS:
        process.exit(127)
        return
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*asked, stdin=pipe, stdout=pipe, stderr=pipe)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())
    await process.wait_closed()
