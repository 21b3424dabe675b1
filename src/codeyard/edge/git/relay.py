"""What a git process says, as pieces of its answer to a client."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator

from codeyard.edge.ready import Ready
from codeyard.git.bands import Spoken
from codeyard.git.pktline import BAND, side_band

CHUNK = 4 * BAND
_LONG = 64 * 1024
_GATHER_S = 0.001


class Said:
    """What git says, piece by piece: stdout, with the pack put into it where that comes apart."""

    def __init__(self, ready: Ready, stdout: int, pack: int | None) -> None:
        self._ready, self._stdout, self._pack = ready, stdout, pack
        self._open, self._holds = True, fcntl.fcntl(stdout, fcntl.F_GETPIPE_SZ)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """All of it, the larger the pieces the better."""
        pieces, sent = self._plain() if self._pack is None else self._joined(self._pack), 0
        async for piece in pieces:
            yield piece
            sent += len(piece)
            # git writes by 8 KiB and would be waited for by so much: let it write on for a moment.
            await asyncio.sleep(_GATHER_S if sent > _LONG and len(piece) < CHUNK // 2 else 0)
            self._ready.check()

    async def _plain(self) -> AsyncGenerator[bytes]:
        while (piece := _read(self._stdout, CHUNK)) != b"":
            if piece is None:
                await self._ready.readable(self._stdout)
            else:
                yield piece

    async def _joined(self, pack: int) -> AsyncGenerator[bytes]:
        """The pack is read before the words, and sent after them: it never overtakes those that announce it."""
        spoken = Spoken()
        while (piece := _read(pack, CHUNK)) != b"":
            if words := spoken.feed(self._words()):
                yield words
            if piece is not None:
                yield side_band(1, piece)
            elif not words:
                await self._ready.readable(pack, *([self._stdout] if self._open else []))
        while self._open:
            if words := spoken.feed(self._words()):
                yield words
            elif self._open:
                await self._ready.readable(self._stdout)
        if rest := spoken.rest():
            yield rest

    def _words(self) -> bytes:
        """Whatever stands in stdout, all at once."""
        words = _read(self._stdout, self._holds) if self._open else None
        self._open = self._open and words != b""
        return words or b""


def _read(fd: int, most: int) -> bytes | None:
    """What there is to read; empty at the end, None where there is nothing yet."""
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return None
