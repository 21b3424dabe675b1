"""Bodies become staged blobs: decoded, hashed, and nothing kept of what does not match."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from typing import Any

import pytest

from codeyard.contract import AwsError, Staged
from codeyard.edge.inbound import Inbound
from codeyard.edge.spool import MAX_OBJECT, Spooler
from codeyard.wire.http import Head
from codeyard.wire.sigv4 import UNSIGNED, Signed

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class Writer:
    """One blob being written."""

    def __init__(self, store: Blobs, digests: tuple[str, ...]) -> None:
        self.store, self.digests, self.data = store, digests, b""

    def write(self, data: bytes) -> None:
        self.data += data

    def commit(self) -> Staged:
        self.store.kept.append(self.data)
        return Staged("b1", len(self.data), dict.fromkeys(self.digests, b""))

    def abort(self) -> None:
        self.store.aborted += 1


class Blobs:
    """Remembers what was kept and what was let go."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.aborted = 0

    def writer(self, digests: tuple[str, ...]) -> Writer:
        return Writer(self, digests)


def signature(payload_hash: str, *, presigned: bool = False) -> Signed:
    """A signature that was proved already."""
    return Signed("AKIA", "20260101", "us-east-1", "s3", (), "", "20260101T000000Z", "", presigned, 0, payload_hash)


def spool(
    body: bytes, *, blobs: Blobs, signed: Signed | None = signature(UNSIGNED), step: int = 7, **headers: str
) -> Staged:
    """Spool `body`, coming in pieces of `step` bytes."""
    pieces = [body[i : i + step] for i in range(0, len(body), step)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("content-length", str(len(body)))
    head = Head("PUT", "/b/k", "", named)
    return asyncio.run(Spooler(blobs).spool(Inbound(receive, head), signed, head, b"key"))  # type: ignore[arg-type]


def chunked(plain: bytes, trailer: bytes = b"", size: int = 10) -> bytes:
    """The body in unsigned aws-chunked framing."""
    parts = [plain[i : i + size] for i in range(0, len(plain), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return framed + b"0\r\n" + trailer + b"\r\n"


def test_a_plain_body_is_kept_when_it_is_the_one_that_was_declared() -> None:
    blobs = Blobs()
    staged = spool(b"hello world", blobs=blobs, x_amz_content_sha256=hashlib.sha256(b"hello world").hexdigest())
    assert (blobs.kept, staged.size) == ([b"hello world"], 11)
    assert {"md5", "crc64nvme"} <= set(staged.digests)


def test_another_body_than_the_signed_one_leaves_no_blob() -> None:
    blobs = Blobs()
    with pytest.raises(AwsError) as refused:
        spool(b"hello evil!", blobs=blobs, x_amz_content_sha256=hashlib.sha256(b"hello world").hexdigest())
    assert refused.value.code == "XAmzContentSHA256Mismatch"
    assert (blobs.kept, blobs.aborted) == ([], 1)


def test_aws_chunked_framing_is_taken_off_and_its_trailers_are_told() -> None:
    plain = b"the quick brown fox jumps over the lazy dog"
    crc = base64.b64encode(zlib.crc32(plain).to_bytes(4)).decode()
    blobs = Blobs()
    staged = spool(
        chunked(plain, f"x-amz-checksum-crc32:{crc}\r\n".encode()),
        blobs=blobs,
        x_amz_content_sha256=UNSIGNED_TRAILER,
        x_amz_decoded_content_length=str(len(plain)),
        x_amz_trailer="x-amz-checksum-crc32",
    )
    assert blobs.kept == [plain]
    assert staged.trailers == {"x-amz-checksum-crc32": crc}
    assert "crc32" in staged.digests


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (chunked(b"0123456789abc"), 12),
        (chunked(b"0123456789abc"), 14),
        (chunked(b"0123456789abc")[:-6], 13),
        (b"zz\r\nnonsense", 13),
        (b"", 13),
    ],
)
def test_broken_framing_leaves_no_blob(body: bytes, length: int) -> None:
    blobs = Blobs()
    with pytest.raises(AwsError):
        spool(body, blobs=blobs, x_amz_content_sha256=UNSIGNED_TRAILER, x_amz_decoded_content_length=str(length))
    assert (blobs.kept, blobs.aborted) == ([], 1)


def test_an_upload_beyond_the_bound_is_refused_before_it_is_read() -> None:
    blobs = Blobs()
    with pytest.raises(AwsError) as refused:
        spool(b"x", blobs=blobs, content_length=str(2 * MAX_OBJECT))
    assert refused.value.code == "EntityTooLarge"
    assert (blobs.kept, blobs.aborted) == ([], 0)


def test_a_link_that_signs_no_body_takes_any() -> None:
    blobs = Blobs()
    spool(b"whatever", blobs=blobs, signed=signature(UNSIGNED, presigned=True))
    assert blobs.kept == [b"whatever"]


def test_a_link_that_signs_an_empty_body_takes_no_other() -> None:
    blobs = Blobs()
    empty = signature(hashlib.sha256(b"").hexdigest(), presigned=True)
    with pytest.raises(AwsError) as refused:
        spool(b"Action=CreateUser", blobs=blobs, signed=empty)
    assert (refused.value.code, blobs.kept) == ("XAmzContentSHA256Mismatch", [])


def test_framing_of_an_anonymous_upload_is_taken_off() -> None:
    blobs = Blobs()
    spool(
        chunked(b"abc"),
        blobs=blobs,
        signed=None,
        x_amz_content_sha256=UNSIGNED_TRAILER,
        x_amz_decoded_content_length="3",
    )
    assert blobs.kept == [b"abc"]


def test_an_anonymous_upload_cannot_have_signed_chunks() -> None:
    blobs = Blobs()
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    with pytest.raises(AwsError) as refused:
        spool(chunked(b"abc"), blobs=blobs, signed=None, x_amz_content_sha256=kind, x_amz_decoded_content_length="3")
    assert (refused.value.code, blobs.kept) == ("AccessDenied", [])
