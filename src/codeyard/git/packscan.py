"""Finding the end of a pack in a stream that goes on behind it, as a push over SSH does; nothing is kept.

The form is that of gitformat-pack(5): a header, objects that are each deflated, a checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from codeyard.git.pktline import ProtocolError

MAX_OBJECT = 4 << 30
MAX_TOTAL = 64 << 30  # unpacked: a pack of deltas and zeros would keep us reading for hours
_IN, _OUT = 4096, 1 << 20  # how much is inflated at once: what is behind an object is copied
_OFS_DELTA, _REF_DELTA = 6, 7
_CHECKSUM = _NAME = 20


class PackScanner:
    """Takes the bytes of a pack as they come; `end` is how many of them are the pack's, once it is over."""

    def __init__(self) -> None:
        self._data, self._at, self._before = b"", 0, 0
        self._step: Callable[[], bool] = self._header
        self._left = self._size = self._made = self._total = 0
        self._inflater = zlib.decompressobj()
        self.end: int | None = None

    def feed(self, data: bytes) -> bool:
        """Take more; whether the pack is over. ProtocolError for what is no pack."""
        self._before += self._at
        self._data, self._at = self._data[self._at :] + data, 0
        while self.end is None and self._step():
            pass
        return self.end is not None

    def _header(self) -> bool:
        if len(self._data) < 12:
            return False
        magic, version, self._left = struct.unpack(">4sII", self._data[:12])
        if magic != b"PACK" or version not in (2, 3):
            raise ProtocolError("the push holds no pack")
        self._at, self._step = 12, self._object
        return True

    def _object(self) -> bool:
        if not self._left:
            self._step = self._trailer
            return True
        behind = _behind_number(self._data, self._at)
        if behind is None:
            return False
        kind = self._data[self._at] >> 4 & 7
        content: int | None = behind
        if kind == _OFS_DELTA:
            content = _behind_number(self._data, behind)
        elif kind == _REF_DELTA:
            content = behind + _NAME if len(self._data) >= behind + _NAME else None
        elif kind in (0, 5):
            raise ProtocolError("the push holds an object of no known type")
        if content is None:
            return False
        self._size, self._made, self._inflater = _number(self._data[self._at : behind]), 0, zlib.decompressobj()
        self._total += self._size
        if self._size > MAX_OBJECT or self._total > MAX_TOTAL:
            raise ProtocolError("the push holds more than it may")
        self._at, self._step = content, self._content
        return True

    def _content(self) -> bool:
        piece = self._data[self._at : self._at + _IN]
        if not piece:
            return False
        try:
            self._made += len(self._inflater.decompress(piece, _OUT))
        except zlib.error:
            raise ProtocolError("the push's pack is broken") from None
        if self._made > self._size:
            raise ProtocolError("the push's pack is broken: an object is larger than it says")
        self._at += len(piece) - len(self._inflater.unused_data) - len(self._inflater.unconsumed_tail)
        if self._inflater.eof:
            self._left -= 1
            self._step = self._object
        return True

    def _trailer(self) -> bool:
        if len(self._data) < self._at + _CHECKSUM:
            return False
        self.end = self._before + self._at + _CHECKSUM
        return True


def _behind_number(data: bytes, at: int) -> int | None:
    """The place behind the number that begins here; None where more of it is to come."""
    for place in range(at, min(len(data), at + 10)):
        if not data[place] & 0x80:
            return place + 1
    if len(data) >= at + 10:
        raise ProtocolError("the push's pack is broken: a number is too long")
    return None


def _number(data: bytes) -> int:
    found, shift = data[0] & 0x0F, 4
    for byte in data[1:]:
        found |= (byte & 0x7F) << shift
        shift += 7
    return found
