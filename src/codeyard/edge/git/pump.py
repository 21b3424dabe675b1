"""The moving parts of the git door: places in line, a push as it arrives, a client joined to a git process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, MutableMapping
from pathlib import Path
from typing import IO, Any

from codeyard.contract import AwsError, GitPipe
from codeyard.edge.asgi import Receive, Send, reply
from codeyard.edge.git.relay import Said
from codeyard.edge.ready import Ready, wake
from codeyard.git.inflate import BadBody

PIPE = 1024 * 1024
IN_MEMORY = 1024 * 1024
STALL_S = 300.0
TEXT = ("content-type", "text/plain; charset=utf-8")


class Answer:
    """`send`, remembering whether the answer has begun: one that has can only be broken off."""

    def __init__(self, send: Send) -> None:
        self._send, self._begun = send, False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send one ASGI message."""
        self._begun = True
        await self._send(message)

    async def refuse(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer with a line of text, which git shows to its user."""
        if not self._begun:
            await reply(self._send, status, [TEXT, *headers], f"{message}\n".encode())


async def patient(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks; TimeoutError when the next one takes longer than five minutes."""
    while True:
        async with asyncio.timeout(STALL_S):
            try:
                part = await anext(parts)
            except StopAsyncIteration:
                return
        yield part


class Gate:
    """Admits so many at a time, in all and for one repository; says "Rate Exceeded" when the line is long."""

    def __init__(self, overall: int, each: int, waiting: int = 200) -> None:
        self._overall, self._each, self._waiting = overall, each, waiting
        self._inside: Counter[str] = Counter()
        self._in_line = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def enter(self, repository: str) -> AsyncIterator[None]:
        """Wait for a place."""
        await self._take(repository)
        try:
            yield
        finally:
            await asyncio.shield(self._leave(repository))

    async def _take(self, repository: str) -> None:
        if self._in_line >= self._waiting:
            raise AwsError("ThrottlingException", "Rate Exceeded", status=429)
        self._in_line += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._has_place(repository))
                self._inside[repository] += 1
        finally:
            self._in_line -= 1

    def _has_place(self, repository: str) -> bool:
        return self._inside.total() < self._overall and self._inside[repository] < self._each

    async def _leave(self, repository: str) -> None:
        async with self._changed:
            self._inside[repository] -= 1
            self._inside += Counter()
            self._changed.notify_all()


class Spool:
    """A push while it arrives: in memory when small, else in a file that has no name and vanishes with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    async def fill(self, taken: bytes, body: AsyncIterator[bytes]) -> None:
        """Take the whole body; writing happens in threads, and the client waits meanwhile."""
        loop = asyncio.get_running_loop()
        self._parts, self._size = [taken], len(taken)
        async for chunk in body:
            self._parts.append(chunk)
            self._size += len(chunk)
            if self._size > IN_MEMORY:
                await loop.run_in_executor(None, self._write)
        if self._file is not None:
            await loop.run_in_executor(None, self._write)

    def _write(self) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by __exit__
        self._file.write(b"".join(self._parts))
        self._parts, self._size = [], 0

    def content(self) -> bytes | IO[bytes]:
        """What arrived, from its start."""
        if self._file is None:
            return b"".join(self._parts)
        self._file.seek(0)
        return self._file


class Pump:
    """Joins a client to a git process: request in, answer out, each waiting for the slower side.

    The process dies with the client's connection, and a client that takes nothing for five minutes is given up.
    """

    def __init__(self, pipe: GitPipe, body: AsyncIterator[bytes], receive: Receive) -> None:
        self._pipe, self._body, self._receive = pipe, body, receive
        self._loop = asyncio.get_running_loop()

    async def run(self, send: Send, headers: list[tuple[str, str]]) -> None:
        """Spawn, pump, reap."""
        stdin, stdout, pack = self._pipe.start()
        _prepare(stdin, stdout, pack)
        feeding = self._loop.create_task(self._feed(stdin))
        said = Said(Ready(feeding), stdout.fileno(), None if pack is None else pack.fileno())
        complete = False
        try:
            await self._send_all(said, send, headers)
            complete = True
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError, BadBody):
                await feeding
            rest = await asyncio.shield(self._loop.run_in_executor(None, self._pipe.finish, complete))
        await send({"type": "http.response.body", "body": rest})

    @staticmethod
    async def _send_all(said: Said, send: Send, headers: list[tuple[str, str]]) -> None:
        begun = False
        async with contextlib.aclosing(said.pieces()) as pieces:
            async for piece in pieces:
                if not begun:
                    await begin(send, headers)
                begun = True
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not begun:
            await begin(send, headers)

    async def _feed(self, stdin: IO[bytes]) -> None:
        """Write the request to git; then wait for the client to leave, which ends this task with an error."""
        try:
            async for chunk in self._body:
                await self._write(stdin.fileno(), chunk)
        except BrokenPipeError:
            pass  # git has heard enough; its answer says why
        finally:
            stdin.close()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ConnectionError("the client left")

    async def _write(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                ready = self._loop.create_future()
                self._loop.add_writer(fd, wake, ready)
                try:
                    await ready
                finally:
                    self._loop.remove_writer(fd)


def _prepare(stdin: IO[bytes], stdout: IO[bytes], pack: IO[bytes] | None) -> None:
    for pipe in (stdin, stdout, pack):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    with contextlib.suppress(OSError):  # a wider pipe is only quicker; the kernel may refuse it
        fcntl.fcntl((pack or stdout).fileno(), fcntl.F_SETPIPE_SZ, PIPE)


async def begin(send: Send, headers: list[tuple[str, str]]) -> None:
    """Start a 200 answer."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
