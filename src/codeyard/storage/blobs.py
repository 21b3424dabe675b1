"""The Blobs port: durable bytes under opaque ids. Durable first, then the row that adopts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from codeyard.contract import Staged


class BlobMissingError(Exception):
    """No blob has that id."""


class BlobWriter(Protocol):
    """Writes one blob piece by piece. Nothing is there before `commit`; `abort` leaves nothing."""

    def write(self, data: bytes) -> None:
        """Take more bytes."""

    def commit(self) -> Staged:
        """Make the blob durable and say what it is."""

    def abort(self) -> None:
        """Throw away what was written; harmless after commit."""


class Blobs(Protocol):
    """Bytes too big for rows."""

    def writer(self, digests: Iterable[str] = ()) -> BlobWriter:
        """Begin a blob; md5 is always taken."""

    def put(self, chunks: Iterable[bytes], *, digests: Iterable[str] = ("md5",)) -> Staged:
        """Write a whole blob."""

    def lock(self, blob_id: str) -> bytes:
        """Take the blob's data key out of it: from now on only who brings this key reads it."""

    def read(self, blob_id: str, start: int = 0, length: int | None = None, *, key: bytes = b"") -> Iterator[bytes]:
        """The bytes of a range in large pieces; `key` opens a locked blob."""

    def open(self, blob_id: str, *, key: bytes = b"") -> BinaryIO:
        """A seekable, buffered reader; `key` opens a locked blob."""

    def size(self, blob_id: str) -> int:
        """The blob's size in bytes."""

    def delete(self, blob_id: str) -> None:
        """Drop the blob now; one that is not there is no error."""

    def sweep(self, grace_us: int) -> int:
        """Drop blobs that no row holds and that are older than the grace; how many went."""
