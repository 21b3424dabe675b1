"""aws-chunked bodies, whole and broken, in pieces of every size."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib

import pytest

from codeyard.contract import AwsError
from codeyard.wire.chunked import BodyHash, Decoder
from codeyard.wire.http import Head
from codeyard.wire.sigv4 import Signed

KEY = b"k" * 32
DATA = bytes(range(256)) * 10
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNED = Signed("AKID", "20260101", "r", "s3", ("host",), "a" * 64, "20260101T000000Z", "", False, 0, "x")
FRONT = f"{SIGNED.amz_date}\n{SIGNED.scope}"
CHECKSUM = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()


def _mac(text: str) -> str:
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def _signed_body(*, trailer: bool, size: int = 1000) -> bytes:
    out, previous = b"", SIGNED.signature
    parts = [DATA[i : i + size] for i in range(0, len(DATA), size)] + [b""]
    for part in parts:
        digest = hashlib.sha256(part).hexdigest()
        previous = _mac(f"AWS4-HMAC-SHA256-PAYLOAD\n{FRONT}\n{previous}\n{EMPTY}\n{digest}")
        out += f"{len(part):x};chunk-signature={previous}\r\n".encode() + part + (b"\r\n" if part else b"")
    if trailer:
        digest = hashlib.sha256(f"{CHECKSUM}\n".encode()).hexdigest()
        signature = _mac(f"AWS4-HMAC-SHA256-TRAILER\n{FRONT}\n{previous}\n{digest}")
        out += f"{CHECKSUM}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


def _plain_body() -> bytes:
    return f"{len(DATA):x}\r\n".encode() + DATA + f"\r\n0\r\n{CHECKSUM}\r\n\r\n".encode()


def _head(kind: str, *, length: int = len(DATA), trailer: bool = False) -> Head:
    headers = {"x-amz-content-sha256": f"STREAMING-{kind}", "x-amz-decoded-content-length": str(length)}
    return Head("PUT", "/b/k", "", headers | ({"x-amz-trailer": "x-amz-checksum-crc32"} if trailer else {}))


BODIES = {
    "AWS4-HMAC-SHA256-PAYLOAD": (_signed_body(trailer=False), False),
    "AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (_signed_body(trailer=True), True),
    "UNSIGNED-PAYLOAD-TRAILER": (_plain_body(), True),
}


def _decode(kind: str, body: bytes, *, step: int = 77, **head: int) -> tuple[bytes, dict[str, str]]:
    decoder = Decoder(SIGNED, KEY, _head(kind, trailer=BODIES[kind][1], **head))
    out = b"".join(decoder.feed(body[i : i + step]) for i in range(0, len(body), step))
    return out, decoder.close()


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("step", [1, 2, 77, 100_000])
def test_a_body_is_the_same_however_it_is_cut(kind: str, step: int) -> None:
    body, trailer = BODIES[kind]
    out, trailers = _decode(kind, body, step=step)
    assert out == DATA
    assert bool(trailers) == trailer


@pytest.mark.parametrize("kind", ["AWS4-HMAC-SHA256-PAYLOAD", "AWS4-HMAC-SHA256-PAYLOAD-TRAILER"])
def test_a_changed_byte_breaks_its_chunks_signature(kind: str) -> None:
    body = bytearray(BODIES[kind][0])
    body[500] ^= 1
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        _decode(kind, bytes(body))


def test_a_changed_trailer_breaks_its_signature() -> None:
    kind = "AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        _decode(kind, BODIES[kind][0].replace(b"crc32:", b"crc32:A"))


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_breaks_off_is_incomplete(kind: str) -> None:
    body = BODIES[kind][0]
    for cut in (0, 5, 1500, len(body) - 2000, len(body) - 3 if BODIES[kind][1] else len(body) - 2):
        with pytest.raises(AwsError):
            _decode(kind, body[:cut])


@pytest.mark.parametrize("length", [len(DATA) - 1, len(DATA) + 1, 0])
def test_the_decoded_length_is_held(length: int) -> None:
    with pytest.raises(AwsError, match="IncompleteBody"):
        _decode("UNSIGNED-PAYLOAD-TRAILER", BODIES["UNSIGNED-PAYLOAD-TRAILER"][0], length=length)


@pytest.mark.parametrize("body", [b"zz\r\n", b"-1\r\n", b"1" * 5000, b"1\r\nab\r\n", b"1;x=y\r\na\r\n"])
def test_malformed_framing_is_refused(body: bytes) -> None:
    with pytest.raises(AwsError):
        _decode("UNSIGNED-PAYLOAD-TRAILER", body + b"0\r\n\r\n")


def test_a_trailer_that_was_not_announced_or_is_missing_is_refused() -> None:
    decoder = Decoder(SIGNED, KEY, _head("UNSIGNED-PAYLOAD-TRAILER", length=0))
    decoder.feed(f"0\r\n{CHECKSUM}\r\n\r\n".encode())
    with pytest.raises(AwsError, match="MalformedTrailerError"):
        decoder.close()
    decoder = Decoder(SIGNED, KEY, _head("UNSIGNED-PAYLOAD-TRAILER", length=0, trailer=True))
    decoder.feed(b"0\r\n\r\n")
    with pytest.raises(AwsError, match="MalformedTrailerError"):
        decoder.close()


def test_a_declared_hash_is_compared_with_the_body() -> None:
    good = BodyHash(hashlib.sha256(b"ab").hexdigest())
    assert good.feed(b"a") + good.feed(b"b") == b"ab"
    assert good.close() == {}
    with pytest.raises(AwsError, match="XAmzContentSHA256Mismatch"):
        BodyHash(EMPTY[::-1]).close()
    with pytest.raises(AwsError, match="InvalidArgument"):
        BodyHash("nonsense")
    assert BodyHash(None).close() == {}
