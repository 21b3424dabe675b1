"""Walks the bytes under a folder as a thief of the disk would: every file, and whatever inflates inside of it."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

# Where a stream may begin: gzip's magic, zlib's header at its usual levels, a zip's local file header.
_STARTS = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|PK\x03\x04")
_MOST = 64 * 1024 * 1024


def files(root: Path, *, without: Iterable[str] = ()) -> Iterator[Path]:
    """Every regular file under the root, but for those below or at the names given."""
    skipped = [root / name for name in without]
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(one) for one in skipped):
            yield path


def layers(data: bytes, depth: int = 3) -> Iterator[bytes]:
    """The bytes, and what any stream inflates to that may begin anywhere in them, and so on below."""
    yield data
    for found in _STARTS.finditer(data) if depth else ():
        if inner := _inflated(data, found.start(), found[0]):
            yield from layers(inner, depth - 1)


def forms(plain: bytes) -> dict[str, bytes]:
    """A plaintext as it may lie there: as it is, in hex, in base64 at each of its three offsets, in UTF-16."""
    shapes = {"plain": plain, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
    shapes |= {f"base64+{gap}": base64.b64encode(b"\0" * gap + plain)[4:-4] for gap in range(3)}
    return shapes | {"utf-16": plain.decode("latin-1").encode("utf-16-le")}


def found_in(root: Path, secrets: dict[str, bytes], *, without: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Where each secret is: its name, its form, the file."""
    wanted = [(name, form, shape) for name, plain in secrets.items() for form, shape in forms(plain).items()]
    return [
        (name, form, str(path.relative_to(root)))
        for path in files(root, without=without)
        for layer in layers(path.read_bytes())
        for name, form, shape in wanted
        if shape in layer
    ]


def _inflated(data: bytes, at: int, magic: bytes) -> bytes:
    """What the stream at a place gives, as far as it goes; nothing where it is none."""
    if magic == b"PK\x03\x04":
        at += 30 + int.from_bytes(data[at + 26 : at + 28], "little") + int.from_bytes(data[at + 28 : at + 30], "little")
    wbits = {b"\x1f\x8b\x08": 31, b"PK\x03\x04": -15}.get(magic, 15)
    stream, given = zlib.decompressobj(wbits), b""
    try:
        for start in range(at, len(data), 65536):
            given += stream.decompress(data[start : start + 65536], _MOST - len(given))
            if stream.eof or len(given) >= _MOST:
                break
    except zlib.error:
        pass
    return given
