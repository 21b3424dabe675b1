"""Bodies on their way in: bounded, patient within limits, and honest about what was not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.edge.inbound import STALLED, Inbound
from codeyard.wire.http import Head


class Client:
    """Sends its pieces one by one; counts how often it was asked."""

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces, self.asked = list(pieces), 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        piece = self.pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


def inbound(client: Client, state: Any = None, **headers: str) -> Inbound:
    """A body with those headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Inbound(client.receive, Head("PUT", "/", "", named), state)


def test_a_body_in_pieces_is_put_together() -> None:
    body = inbound(Client(b"ab", b"", b"cd"), content_length="4")
    assert asyncio.run(body.whole()) == b"abcd"
    assert body.complete


def test_no_body_is_not_waited_for() -> None:
    client = Client()
    assert asyncio.run(inbound(client).whole()) == b""
    assert client.asked == 0


@pytest.mark.parametrize(
    ("headers", "asked"),
    [({"content_length": "11"}, 0), ({"transfer_encoding": "chunked"}, 3)],
)
def test_a_body_beyond_its_bound_is_refused_and_where_declared_unread(headers: dict[str, str], asked: int) -> None:
    client = Client(b"12345", b"67890", b"1", b"2")
    with pytest.raises(AwsError) as refused:
        asyncio.run(inbound(client, **headers).whole(10))
    assert (refused.value.code, refused.value.status, client.asked) == ("RequestEntityTooLargeException", 413, asked)


def test_a_client_that_leaves_is_a_connection_error() -> None:
    with pytest.raises(ConnectionError):
        asyncio.run(inbound(Client(b"a", None), content_length="9").whole())


def test_a_client_that_stalls_is_told_so_and_not_listened_to_any_more() -> None:
    client = Client(b"a", b"", b"b")
    body = inbound(client, {STALLED: True}, content_length="9")
    with pytest.raises(AwsError) as refused:
        asyncio.run(body.whole())
    assert (refused.value.code, refused.value.status) == ("RequestTimeout", 400)
    assert body.unsent
    assert not asyncio.run(body.settle())
    assert client.asked == 2


def test_a_client_that_asks_leave_to_send_is_not_given_it_after_a_refusal() -> None:
    client = Client(b"a")
    body = inbound(client, content_length="1", expect="100-continue")
    assert body.unsent
    assert not asyncio.run(body.settle())
    assert client.asked == 0


def test_a_small_rest_is_read_so_that_the_connection_goes_on() -> None:
    body = inbound(Client(b"x" * 1000, b"y" * 1000), content_length="2000")
    assert asyncio.run(body.settle())


def test_a_large_rest_is_not_read_for_ever() -> None:
    client = Client(*[b"x" * 200_000] * 50)
    body = inbound(client, content_length="10000000")
    assert not asyncio.run(body.settle())
    assert client.asked < 10
