"""Request bodies that git compressed, inflated as they come and never beyond a bound."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

STEP = 256 * 1024


class BadBody(Exception):
    """The body is no gzip, is cut short, or is larger than allowed."""


class Inflater:
    """Takes a gzip stream chunk by chunk, and gives back plain chunks of at most 256 KiB."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes behind the next compressed ones."""
        try:
            while data and not self._stream.eof:
                plain = self._stream.decompress(data, STEP)
                data = self._stream.unconsumed_tail
                if plain:
                    yield plain
        except zlib.error as error:
            raise BadBody("the body is not gzip") from error
        if data or self._stream.unused_data:
            raise BadBody("bytes follow the compressed body")

    def close(self) -> None:
        """BadBody unless the stream is whole."""
        if not self._stream.eof:
            raise BadBody("the compressed body is cut short")


async def plain_body(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """The body without its Content-Encoding; BadBody beyond the limit."""
    inflater = Inflater() if encoding in ("gzip", "x-gzip") else None
    if inflater is None and encoding not in ("", "identity"):
        raise BadBody(f"unknown Content-Encoding {encoding[:40]}")
    total = 0
    async for chunk in chunks:
        for plain in inflater.feed(chunk) if inflater else (chunk,):
            total += len(plain)
            if total > limit:
                raise BadBody("the body is too large")
            yield plain
    if inflater is not None:
        inflater.close()
