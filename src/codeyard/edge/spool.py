"""Large request bodies go to a staged blob as they come: framing decoded, signatures and digests checked on the way."""

from __future__ import annotations

import asyncio
from typing import Any

from codeyard.contract import AwsError, Staged
from codeyard.edge.inbound import Inbound
from codeyard.storage.blobs import Blobs
from codeyard.wire import chunked
from codeyard.wire.http import Head
from codeyard.wire.sigv4 import UNSIGNED, Signed

MAX_OBJECT = 5 * 1024**3
_FRAMING = 64 * 1024**2  # what aws-chunked may add to an object of that size
_BATCH = 256 * 1024
_CHECKSUMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")


class Spooler:
    """Decodes and checks bodies against what was signed."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def checked(self, body: bytes, signed: Any, head: Head, key: bytes) -> bytes:
        """A small body, decoded and compared with its signed hash."""
        decoder = _decoder(signed, head, key)
        plain: bytes = decoder.feed(body)
        decoder.close()
        return plain

    async def spool(self, inbound: Inbound, signed: Any, head: Head, key: bytes) -> Staged:
        """A large body as a staged blob; nothing is kept when it breaks off or does not match."""
        if inbound.declared > MAX_OBJECT + _FRAMING:
            raise _too_large()
        decoder = _decoder(signed, head, key)
        loop = asyncio.get_running_loop()
        writer = await loop.run_in_executor(None, self._blobs.writer, _digests(head))
        try:
            pending, size, total = [], 0, 0
            async for chunk in inbound.chunks():
                plain = decoder.feed(chunk)
                pending.append(plain)
                size, total = size + len(plain), total + len(plain)
                if total > MAX_OBJECT:
                    raise _too_large()
                if size >= _BATCH:
                    await loop.run_in_executor(None, writer.write, b"".join(pending))
                    pending, size = [], 0
            trailers = decoder.close()
            return await loop.run_in_executor(None, _finish, writer, b"".join(pending), trailers)
        except BaseException:
            await loop.run_in_executor(None, writer.abort)
            raise


def _too_large() -> AwsError:
    return AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", status=400)


def _finish(writer: Any, rest: bytes, trailers: dict[str, str]) -> Staged:
    writer.write(rest)
    staged: Staged = writer.commit()
    return Staged(staged.blob_id, staged.size, staged.digests, trailers)


def _digests(head: Head) -> tuple[str, ...]:
    wanted = {"md5"}
    said = " ".join(
        (head.headers.get("x-amz-trailer", ""), head.headers.get("x-amz-sdk-checksum-algorithm", ""))
    ).lower()
    for name in _CHECKSUMS:
        if f"x-amz-checksum-{name}" in head.headers or name in said.replace("-", " ").split():
            wanted.add(name)
    return tuple(sorted(wanted | {"crc64nvme"}))


def _decoder(signed: Any, head: Head, key: bytes) -> Any:
    """The body's reader: framing by what is declared, the hash by what is declared or else signed."""
    declared = head.headers.get("x-amz-content-sha256", "")
    proven = signed if isinstance(signed, Signed) else None
    if declared.startswith("STREAMING-"):
        return chunked.Decoder(proven, key, head)
    wanted = declared or (proven.payload_hash if proven is not None else UNSIGNED)
    return chunked.BodyHash(None if wanted == UNSIGNED else wanted)
