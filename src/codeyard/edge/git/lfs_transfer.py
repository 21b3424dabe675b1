"""Git LFS's objects on their way: straight into the blob store and out of it, a piece at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from codeyard.contract import BlobRange, Staged
from codeyard.edge.asgi import Receive, Send, chunks, from_thread, reply_stream
from codeyard.edge.git.auth import Refused
from codeyard.edge.git.lfs_words import span_of
from codeyard.edge.git.pump import STALL_S, Gate, patient
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway, Invocation
from codeyard.storage import Blobs
from codeyard.wire.http import Head

_BATCH = 1024 * 1024
_DRAINED = 64 * 1024 * 1024
Asks = Callable[[Staged | None], Invocation]


class Transfers:
    """Sends objects and takes them, so many at a time."""

    def __init__(self, gateway: Gateway, pool: Pool, blobs: Blobs) -> None:
        self._gateway, self._pool, self._blobs = gateway, pool, blobs
        self._out, self._in = Gate(48, 24), Gate(48, 24)

    async def send(self, head: Head, asks: Asks, receive: Receive, send: Send) -> None:
        """Answer with an object, or with the range of it that is asked for."""
        inv = asks(None)
        found = await self._pool.run(lambda: self._gateway.admit(inv).run(inv.params))
        body: BlobRange = found["body"]
        span = span_of(head.headers.get("range", ""), body.length)
        start, length = span or (0, body.length)
        headers = [
            ("content-type", "application/octet-stream"),
            ("content-length", str(length)),
            ("accept-ranges", "bytes"),
            ("cache-control", "private, no-store"),
            ("x-content-type-options", "nosniff"),
        ]
        if span is not None:
            headers.append(("content-range", f"bytes {start}-{start + length - 1}/{body.length}"))
        async with self._out.enter(inv.params["repositoryName"]):
            parts = await self._pool.run(lambda: self._blobs.read(body.blob_id, start, length))
            status = 206 if span is not None else 200
            await reply_stream(_patient(send), status, headers, from_thread(parts), receive)

    async def receive(self, asks: Asks, oid: str, size: int, receive: Receive) -> dict[str, Any]:
        """Take an object; it is stored only when its size and its SHA-256 are those that were announced."""
        inv = asks(None)
        admitted = await self._pool.run(lambda: self._gateway.admit(inv))
        async with self._in.enter(inv.params["repositoryName"]):
            arrival = Arrival(self._pool, self._blobs, oid, size)
            staged = await arrival.take(receive)
            return await self._pool.run(lambda: admitted.run(asks(staged).params))


class Arrival:
    """One object as it arrives. Nothing is left of one that breaks off or is not what it says."""

    def __init__(self, pool: Pool, blobs: Blobs, oid: str, size: int) -> None:
        self._pool, self._blobs, self._oid, self._size = pool, blobs, oid, size
        self._hash, self._taken = hashlib.sha256(), 0

    async def take(self, receive: Receive) -> Staged:
        """The whole object as a blob that no row holds yet; Refused (422) where size or hash differ."""
        writer = await self._pool.run(self._blobs.writer)
        body = patient(chunks(receive))
        try:
            pending: list[bytes] = []
            waiting = 0
            async for chunk in body:
                pending.append(chunk)
                waiting += len(chunk)
                if self._taken + waiting > self._size:
                    await _drain(body)
                    raise Refused(422, f"More than the {self._size} bytes that were announced arrived.")
                if waiting >= _BATCH:
                    data, pending, waiting = b"".join(pending), [], 0
                    await self._pool.run(partial(self._write, writer, data))
            return await self._pool.run(lambda: self._finish(writer, b"".join(pending)))
        except BaseException:  # a client that leaves, too, ends this
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, writer.abort))
            raise

    def _write(self, writer: Any, data: bytes) -> None:
        self._hash.update(data)
        self._taken += len(data)
        writer.write(data)

    def _finish(self, writer: Any, data: bytes) -> Staged:
        self._write(writer, data)
        if self._taken != self._size:
            raise Refused(422, f"{self._taken} bytes arrived, not the {self._size} that were announced.")
        if self._hash.hexdigest() != self._oid:
            raise Refused(422, f"What arrived is not {self._oid}: its SHA-256 is {self._hash.hexdigest()}.")
        staged: Staged = writer.commit()
        return staged


def _patient(send: Send) -> Send:
    """The same, until a client takes nothing for five minutes: TimeoutError, and its place is another's."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        async with asyncio.timeout(STALL_S):
            await send(message)

    return sent


async def _drain(body: Any) -> None:
    """Hear the client out for a while, so that it reads our answer instead of a broken connection."""
    drained = 0
    with contextlib.suppress(TimeoutError):
        async for chunk in body:
            drained += len(chunk)
            if drained > _DRAINED:
                return
