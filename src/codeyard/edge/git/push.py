"""What both git doors do with a push: read its commands, refuse it in git's own words, take it whole, carry it out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from codeyard.contract import AwsError
from codeyard.edge.asgi import Send, reply
from codeyard.edge.git.pump import Gate, Spool, begin
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway, Invocation
from codeyard.git.pktline import ProtocolError, PushHead, PushParser, pkt, write_report
from codeyard.git.transfer import PushRequest

Ask = Callable[[Mapping[str, Any]], Invocation]
MAX_PUSH = 4 * 1024**3
KEEP_ALIVE_S = 5.0
_NO_CACHE = (
    ("cache-control", "no-cache, max-age=0, must-revalidate"),
    ("expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
    ("pragma", "no-cache"),
)


async def read_head(parser: PushParser, body: AsyncIterator[bytes]) -> PushHead:
    """What a push says before its pack; what came with it stays in the parser."""
    async for chunk in body:
        head = parser.feed(chunk)
        if head is not None:
            return head
    raise ProtocolError("the push ends before its commands do")


class Pushes:
    """Carries pushes out when they are wholly here: so many arrive at a time, and fewer hold references."""

    def __init__(self, gateway: Gateway, pool: Pool, incoming: Path) -> None:
        self._gateway, self._pool, self._incoming = gateway, pool, incoming
        self._arriving, self._working = Gate(64, 16), Gate(8, 4)

    async def take(self, ask: Ask, head: PushHead, begun: bytes, rest: AsyncIterator[bytes], send: Send) -> None:
        """Admit the push that `ask` makes a call of, take it (`begun`, then the `rest`), carry it out and answer."""
        listed = () if head.excess else head.commands
        references = [{"commit": command.new, "ref": command.ref} for command in listed]
        inv = ask({"references": references} if references else {"advertise": True})
        try:
            admitted = await self._pool.run(lambda: self._gateway.admit(inv))
        except AwsError as error:
            if not head.reports or not head.commands:
                raise
            await _drain(rest)
            await _reply_report(send, _refusal(head, error, "not authorized"))
            return
        repository = inv.params["repositoryName"]
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._arriving.enter(repository))
            spool = stack.enter_context(Spool(self._incoming))
            await spool.fill(begun, rest)
            await stack.enter_async_context(self._working.enter(repository))
            params = PushRequest(dict(inv.params), head, spool.content())
            work = asyncio.ensure_future(self._pool.run(lambda: admitted.run(params)))
            await _answer(send, head, work)


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Take the rest: a client that still sends does not read."""
    async for _ in body:
        pass


def _refusal(head: PushHead, error: AwsError, reason: str) -> bytes:
    """The report of a push that is refused as a whole."""
    outcomes = [(command.ref, reason) for command in head.commands]
    return write_report(outcomes, head, say=error.message or error.code)


async def _answer(send: Send, head: PushHead, work: asyncio.Future[dict[str, Any]]) -> None:
    """Send the report when it is there; until then keep the connection alive in the progress band."""
    begun = False
    while not work.done():
        await asyncio.wait({work}, timeout=KEEP_ALIVE_S)
        if work.done() or not head.side_bands:
            continue
        if not begun:
            begun = True
            await begin(send, headers("git-receive-pack-result"))
        await send({"type": "http.response.body", "body": pkt(b"\x02"), "more_body": True})
    try:
        report: bytes = work.result()["pipe"]
    except AwsError as error:
        if not begun and (not head.reports or error.code == "RepositoryDoesNotExistException"):
            raise
        report = _refusal(head, error, "failed")
    if begun:
        await send({"type": "http.response.body", "body": report})
    else:
        await _reply_report(send, report)


async def _reply_report(send: Send, report: bytes) -> None:
    await reply(send, 200, headers("git-receive-pack-result"), report)


def headers(kind: str) -> list[tuple[str, str]]:
    """The headers of git's answers over HTTP."""
    return [("content-type", f"application/x-{kind}"), ("x-content-type-options", "nosniff"), *_NO_CACHE]
