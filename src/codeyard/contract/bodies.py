"""Bodies that are too big to be bytes: what came in is Staged, what goes out is a handle that the edge pumps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Staged:
    """A request body already spooled to a durable blob, with the digests taken on the way.

    `digests` holds raw digests by lower-case algorithm: md5, sha1, sha256, crc32, crc32c, crc64nvme (those asked for;
    md5 always). The operation adopts `blob_id` in its write; a blob that no row names is swept.
    """

    blob_id: str
    size: int
    digests: Mapping[str, bytes]
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlobRange:
    """An answer's body: `length` bytes of a blob from `start`; `key` opens a blob that was locked."""

    blob_id: str
    start: int
    length: int
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Follow:
    """An answer's body that grows: chunks as they come (a log, an SSE stream)."""

    chunks: Callable[[], AsyncIterator[bytes]]


class GitPipe(Protocol):
    """A git process that the edge connects to the client: `start` spawns, the edge pumps, `finish` settles."""

    def start(self) -> tuple[IO[bytes], IO[bytes], IO[bytes] | None]:
        """Spawn; return (stdin to write the request to, stdout to send, the pack).

        A pack comes apart from stdout where it is to be sent in the answer's side band 1; else it is None.
        """

    def finish(self, complete: bool) -> bytes:
        """Called when stdout ended (or the client left: `complete` false); returns bytes still to be sent."""
