"""One git command over SSH: a fetch, a push or an archive, through the gateway like any call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shlex
from collections.abc import AsyncIterator, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

from codeyard.contract import AwsError, Origin, Principal
from codeyard.edge.git.lfs_grants import Grants
from codeyard.edge.git.pump import Pump, patient
from codeyard.edge.git.push import MAX_PUSH, read_head
from codeyard.gateway import Invocation
from codeyard.git.command import is_protocol
from codeyard.git.names import ZERO
from codeyard.git.packscan import PackScanner
from codeyard.git.pktline import ProtocolError, PushHead, PushParser, pkt, service_line

if TYPE_CHECKING:
    import asyncssh

    from codeyard.edge.git.ssh import GitSsh

log = logging.getLogger(__name__)

_READ = 256 * 1024
_PATH = re.compile(r"/?v1/repos/([\w.-]{1,100}?)(?:\.git)?/?\Z", re.ASCII)
_ONLY = (
    "Only git's commands are served here: git-upload-pack, git-receive-pack, git-upload-archive, git-lfs-authenticate."
)


class Session:
    """A channel on which a client asked for something to be executed."""

    def __init__(self, door: GitSsh, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._door, self._process = door, process
        self._services: Mapping[str, Any] = {
            "git-upload-pack": self._pull,
            "git-upload-archive": self._pull,
            "git-receive-pack": self._push,
            "git-lfs-authenticate": self._large,
        }

    async def run(self) -> None:
        """Do it, and end the channel; a refusal is told in words, a fault of ours without its trace."""
        status = 128
        try:
            service, repository, more = self._asked()
            self._principal = await self._caller()
            await self._services[service](more or service.removeprefix("git-"), repository)
            status = 0
        except AwsError as error:
            await self._say(error.message or error.code)
        except ProtocolError as error:
            await self._say(str(error))
        except (ConnectionError, TimeoutError, OSError):
            pass  # the client left or sleeps
        except Exception:  # a fault of ours must still be an answer, without its trace
            log.exception("fault at the SSH door")
            await self._say("An internal fault.")
        with contextlib.suppress(ConnectionError, OSError):
            self._process.exit(status)

    def _asked(self) -> tuple[str, str, str]:
        """(the service, the repository, what is wanted of Git LFS)."""
        command = self._process.command
        if command is None or self._process.subsystem is not None:
            raise ProtocolError(_ONLY)
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if len(words) == 3 and words[0] == "git":
            words = [f"git-{words[1]}", words[2]]
        wanted = ""
        match words:
            case ["git-lfs-authenticate" as service, path, ("download" | "upload") as wanted]:
                pass
            case [("git-upload-pack" | "git-receive-pack" | "git-upload-archive") as service, path]:
                pass
            case _:
                raise ProtocolError(_ONLY)
        found = _PATH.match(path)
        if found is None:
            raise AwsError("RepositoryDoesNotExistException", "There is no such repository.")
        return service, found.group(1), wanted

    async def _caller(self) -> Principal:
        """Whose key it is, as long as that is active: a connection outlives many a change."""
        key_id = str(self._process.get_extra_info("username"))
        found = await self._door.pool.run(lambda: self._door.identity.ssh_key(key_id))
        if found is None:
            raise AwsError("AccessDeniedException", "The SSH key is not active any more.", status=403)
        return found[0]

    async def _pull(self, service: str, repository: str) -> None:
        params = {"session": service, "protocolVersion": self._protocol() if service == "upload-pack" else ""}
        inv = self._invocation("GitPull", repository, params)
        async with self._door.pulls.enter(repository):
            answer = await self._door.pool.run(lambda: self._door.gateway.invoke(inv))
            await Pump(answer["pipe"], self._body(), self._left).run(self._send, [])

    async def _push(self, service: str, repository: str) -> None:
        asked = self._invocation("GitPush", repository, {"advertise": True})
        offered = await self._door.pool.run(lambda: self._door.gateway.invoke(asked))
        await self._write(offered["pipe"].removeprefix(service_line("git-receive-pack")))
        parser, body = PushParser(), self._body()
        try:
            head = await read_head(parser, body)
        except ProtocolError:
            if parser.taken:
                raise
            return  # it saw what there is, and has nothing to send
        if not head.commands:
            return
        ask = partial(self._invocation, "GitPush", repository)
        await self._door.pushes.take(ask, head, parser.head, _pack(head, parser.beyond, body), self._send)

    async def _large(self, operation: str, repository: str) -> None:
        """Say where Git LFS goes on over HTTPS; what it then asks for is judged there, as the same caller's."""
        settings = self._door.kit.settings
        base = (settings.public_url or settings.endpoint).rstrip("/")
        grants = Grants(self._door.kit.sealer, self._door.kit.clock)
        await self._write(grants.authenticate(self._principal, self._door.region, repository, operation, base))

    def _invocation(self, operation: str, repository: str, params: Mapping[str, Any]) -> Invocation:
        connection, principal = self._process.channel.get_connection(), self._principal
        host, port = connection.get_extra_info("sockname")[:2]
        origin = Origin(
            source_ip=connection.get_extra_info("peername")[0],
            user_agent=str(connection.get_extra_info("client_version") or ""),
            secure=True,
            endpoint=f"ssh://{host}:{port}",
            protocol="git",
        )
        named = {"repositoryName": repository, "transport": "SSH", **params}
        request_id = self._door.kit.ids.uuid()
        return Invocation(
            "codecommit", operation, named, principal, principal.account, self._door.region, request_id, origin
        )

    def _protocol(self) -> str:
        text = str(self._process.env.get("GIT_PROTOCOL", ""))
        return text if is_protocol(text) else ""

    async def _body(self) -> AsyncIterator[bytes]:
        async for chunk in patient(self._chunks()):
            yield chunk

    async def _chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._process.stdin.read(_READ):
            yield chunk

    async def _left(self) -> MutableMapping[str, Any]:
        await self._process.channel.wait_closed()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        """Send one ASGI message of a git answer: only bodies have bytes here."""
        if body := message.get("body"):
            await self._write(body)

    async def _write(self, data: bytes) -> None:
        self._process.stdout.write(data)
        await self._process.stdout.drain()

    async def _say(self, words: str) -> None:
        """Tell the user: by git's own error line, which git shows, and beside it for whoever is no git."""
        with contextlib.suppress(ConnectionError, OSError):
            if str(self._process.command or "").startswith("git"):
                await self._write(pkt(f"ERR {words}"[:60_000].encode()))
            else:
                self._process.stderr.write(f"{words}\n".encode())
                await self._process.stderr.drain()


async def _pack(head: PushHead, begun: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pack behind the commands (`begun` came with them) and no more: the client waits, and closes nothing."""
    if all(command.new == ZERO for command in head.commands):
        return
    scanner, loop, size = PackScanner(), asyncio.get_running_loop(), 0

    async def look(chunk: bytes) -> bool:
        nonlocal size
        size += len(chunk)
        if size > MAX_PUSH:
            raise ProtocolError("the push is larger than 4 GB")
        return await loop.run_in_executor(None, scanner.feed, chunk)

    over = await look(begun)
    yield begun
    while not over:
        try:
            chunk = await anext(body)
        except StopAsyncIteration:
            raise ConnectionError("the push ends before its pack does") from None
        over = await look(chunk)
        yield chunk
