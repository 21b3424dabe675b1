"""Compressed request bodies."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from codeyard.git.inflate import STEP, BadBody, Inflater, plain_body

TEXT = b"0032want " * 1000


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, encoding: str, *, size: int = 100, limit: int = 1 << 30) -> bytes:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in plain_body(cut(data, size), encoding, limit)])

    return asyncio.run(collect())


@pytest.mark.parametrize("size", [1, 7, 100000])
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_gzip_body_is_inflated_however_it_is_cut(size: int, encoding: str) -> None:
    assert read(gzip.compress(TEXT, mtime=0), encoding, size=size) == TEXT


def test_a_plain_body_passes(tmp_path: object) -> None:
    assert read(TEXT, "") == TEXT


BAD = [
    (b"nonsense", "gzip"),
    (gzip.compress(TEXT, mtime=0)[:-3], "gzip"),
    (gzip.compress(TEXT, mtime=0) + b"more", "gzip"),
    (TEXT, "br"),
]


@pytest.mark.parametrize(("data", "encoding"), BAD)
def test_a_body_that_is_not_what_it_says_is_refused(data: bytes, encoding: str) -> None:
    with pytest.raises(BadBody):
        read(data, encoding)


def test_a_bomb_comes_in_small_steps_and_is_stopped() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    assert max(len(chunk) for chunk in Inflater().feed(bomb)) <= STEP
    with pytest.raises(BadBody):
        read(bomb, "gzip", limit=1 << 20)
