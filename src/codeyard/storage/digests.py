"""Several digests in one pass over a body."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

ALGORITHMS = ("md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme")


class Digest(Protocol):
    """What hashlib's objects and our checksums share."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Checksum:
    """A CRC with hashlib's manners."""

    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes, /) -> None:
        """Go on with more data."""
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """The checksum so far, big-endian as S3 sends it."""
        return self._value.to_bytes(self._width, "big")


def _crc32c(data: bytes, value: int) -> int:
    from awscrt import checksums

    return int(checksums.crc32c(data, value))


def _crc64nvme(data: bytes, value: int) -> int:
    from awscrt import checksums

    return int(checksums.crc64nvme(data, value))


def new(name: str) -> Digest:
    """A fresh digest by its lower-case name."""
    if name == "crc32":
        return Checksum(zlib.crc32, 4)
    if name == "crc32c":
        return Checksum(_crc32c, 4)
    if name == "crc64nvme":
        return Checksum(_crc64nvme, 8)
    if name in ("md5", "sha1"):
        return hashlib.new(name, usedforsecurity=False)
    if name == "sha256":
        return hashlib.sha256()
    raise ValueError(f"unknown digest {name}")


class Digests:
    """The digests that a writer takes; md5 is always among them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._all = {name: new(name) for name in dict.fromkeys(("md5", *names))}

    def update(self, data: bytes) -> None:
        """Feed every digest."""
        for one in self._all.values():
            one.update(data)

    def results(self) -> dict[str, bytes]:
        """Raw digests by name."""
        return {name: one.digest() for name, one in self._all.items()}
