"""What both git doors do with a push: read its commands, refuse it in git's own words, answer when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from codeyard.contract import AwsError
from codeyard.edge.asgi import Send, reply
from codeyard.edge.git.pump import begin
from codeyard.git.pktline import ProtocolError, PushHead, PushParser, pkt, write_report

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


async def drain(body: AsyncIterator[bytes]) -> None:
    """Take the rest: a client that still sends does not read."""
    async for _ in body:
        pass


def refusal(head: PushHead, error: AwsError, reason: str) -> bytes:
    """The report of a push that is refused as a whole."""
    outcomes = [(command.ref, reason) for command in head.commands]
    return write_report(outcomes, head, say=error.message or error.code)


async def answer_push(send: Send, head: PushHead, work: asyncio.Future[dict[str, Any]]) -> None:
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
        report = refusal(head, error, "failed")
    if begun:
        await send({"type": "http.response.body", "body": report})
    else:
        await reply_report(send, report)


async def reply_report(send: Send, report: bytes) -> None:
    """Answer with a report."""
    await reply(send, 200, headers("git-receive-pack-result"), report)


def headers(kind: str) -> list[tuple[str, str]]:
    """The headers of git's answers over HTTP."""
    return [("content-type", f"application/x-{kind}"), ("x-content-type-options", "nosniff"), *_NO_CACHE]
