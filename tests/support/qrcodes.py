"""Reads an unspoilt QR code (ISO/IEC 18004, versions 5 to 10, level M, bytes) out of a PNG, to check pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

# By version: data code words in each block of level M, and the places of the alignment patterns.
BLOCKS = {5: [43] * 2, 6: [27] * 4, 7: [31] * 4, 8: [38] * 2 + [39] * 2, 9: [36] * 3 + [37] * 2, 10: [43] * 4 + [44]}
ALIGNED = {5: [6, 30], 6: [6, 34], 7: [6, 22, 38], 8: [6, 24, 42], 9: [6, 26, 46], 10: [6, 28, 50]}
MASKS = [
    lambda y, x: (y + x) % 2,
    lambda y, x: y % 2,
    lambda y, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
]


def text_of(png: bytes) -> str:
    """The text in the picture."""
    dark = _modules(png)
    version = (len(dark) - 17) // 4
    form = int("".join(str(int(dark[8][x])) for x in (0, 1, 2, 3, 4)), 2) ^ 0b10101
    assert form >> 3 == 0b00, "not of level M"
    bits = [dark[y][x] ^ (not MASKS[form & 7](y, x)) for y, x in _path(version)]
    words = [int("".join("01"[bit] for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8)]
    return _bytes(_joined(words, BLOCKS[version]), 8 if version < 10 else 16).decode()


def _modules(png: bytes) -> list[list[bool]]:
    """True for dark, the quiet zone cut off, one for each module."""
    rows = _pixels(png)
    top = next(y for y, row in enumerate(rows) if any(row))
    left = next(x for x, found in enumerate(rows[top]) if found)
    side = next(x for x in range(left, len(rows)) if not rows[top][x]) - left
    size = side // 7  # the finder's upper edge is seven modules wide
    span = (len(rows) - 2 * top) // size
    return [[rows[top + y * size][left + x * size] for x in range(span)] for y in range(span)]


def _pixels(png: bytes) -> list[list[bool]]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed = 8, b""
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
            assert (depth, colours) == (1, 0), "not in black and white"
        packed += body if kind == b"IDAT" else b""
        at += length + 12
    data, stride, above = zlib.decompress(packed), (width + 7) // 8 + 1, bytes((width + 7) // 8)
    lines = []
    for y in range(height):
        kind_of_line, line = data[y * stride], data[y * stride + 1 : (y + 1) * stride]
        assert kind_of_line in (0, 2), "a filter that this does not know"
        above = bytes((a + b) & 255 for a, b in zip(line, above, strict=True)) if kind_of_line else line
        lines.append(above)
    return [[not line[x // 8] >> (7 - x % 8) & 1 for x in range(width)] for line in lines]


def _path(version: int) -> Iterator[tuple[int, int]]:
    """The places of the data, in their order: pairs of columns from the right, up and down in turn."""
    size, up = 17 + 4 * version, True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for y in range(size - 1, -1, -1) if up else range(size):
            yield from ((y, x) for x in (right, right - 1) if not _is_fixed(version, size, y, x))
        up = not up


def _is_fixed(version: int, size: int, y: int, x: int) -> bool:
    if 6 in (y, x) or (y < 9 and (x < 9 or x >= size - 8)) or (x < 9 and y >= size - 8):
        return True
    if version >= 7 and ((y < 6 and x >= size - 11) or (x < 6 and y >= size - 11)):
        return True
    first, *_, last = places = ALIGNED[version]
    corners = {(first, first), (first, last), (last, first)}
    centres = {(a, b) for a in places for b in places} - corners
    return any(abs(y - a) <= 2 and abs(x - b) <= 2 for a, b in centres)


def _joined(words: list[int], sizes: list[int]) -> bytes:
    blocks: list[list[int]] = [[] for _ in sizes]
    rest = iter(words)
    for at in range(max(sizes)):
        for block, size in zip(blocks, sizes, strict=True):
            if at < size:
                block.append(next(rest))
    return bytes(word for block in blocks for word in block)


def _bytes(data: bytes, length_bits: int) -> bytes:
    bits = "".join(f"{one:08b}" for one in data)
    assert bits[:4] == "0100", "not in byte mode"
    length = int(bits[4 : 4 + length_bits], 2)
    start = 4 + length_bits
    return bytes(int(bits[start + 8 * at : start + 8 * at + 8], 2) for at in range(length))
