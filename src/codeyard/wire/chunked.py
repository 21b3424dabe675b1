"""aws-chunked bodies and body hashes, checked as the bytes come.

docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import hashlib
import hmac

from codeyard.contract import AwsError
from codeyard.wire.http import Head
from codeyard.wire.sigv4 import EMPTY_SHA256, Signed

_MAX_HEADER = 4096
_MAX_TRAILER = 16 * 1024
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
KINDS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", SIGNED_TRAILER, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")


class BodyHash:
    """A body that is sent as it is; `expected` is its SHA-256 in hex, or None where it is not signed."""

    def __init__(self, expected: str | None) -> None:
        self._expected = expected
        self._digest = hashlib.sha256() if expected else None

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in `data`."""
        if self._digest is not None:
            self._digest.update(data)
        return data

    def close(self) -> dict[str, str]:
        """Check the whole; the trailers (none)."""
        if self._digest is not None and self._expected is not None:
            if not hmac.compare_digest(self._digest.hexdigest(), self._expected.lower()):
                raise AwsError(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                    status=400,
                )
        return {}


class Decoder:
    """An aws-chunked body: framing taken off, chunk and trailer signatures verified, the decoded length enforced."""

    def __init__(self, signed: Signed, signing_key: bytes, head: Head) -> None:
        kind = head.headers.get("x-amz-content-sha256", "")
        if kind not in KINDS:
            raise _bad(f"x-amz-content-sha256 is {kind!r:.60}")
        self._key = signing_key if kind != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" else None
        self._trailer_signed = kind == SIGNED_TRAILER
        self._has_trailer = kind.endswith("-TRAILER")
        self._signed, self._previous = signed, signed.signature
        self._declared = _length(head)
        self._buffer = bytearray()
        self._left, self._size = 0, 0
        self._state = "header"
        self._digest = hashlib.sha256()
        self._expected = ""
        self._trailer = b""

    def feed(self, data: bytes) -> bytes:
        """The payload bytes that `data` completes."""
        self._buffer += data
        out = bytearray()
        while self._step(out):
            pass
        return bytes(out)

    def close(self) -> dict[str, str]:
        """Check that the body is whole; its trailers by lower-case name."""
        if self._state not in ("trailer", "done") or (self._state == "trailer" and not self._has_trailer):
            raise _incomplete()
        if self._declared is not None and self._size != self._declared:
            raise _incomplete()
        return self._trailers() if self._has_trailer else {}

    def _step(self, out: bytearray) -> bool:
        if self._state == "header":
            return self._read_header()
        if self._state == "data":
            return self._read_data(out)
        if self._state == "end":
            return self._read_end()
        if self._state == "trailer":
            self._trailer += bytes(self._buffer)
            self._buffer.clear()
            if len(self._trailer) > _MAX_TRAILER:
                raise _bad("the trailer is too long")
        return False

    def _read_header(self) -> bool:
        at = self._buffer.find(b"\r\n")
        if at < 0:
            if len(self._buffer) > _MAX_HEADER:
                raise _bad("a chunk header is too long")
            return False
        line, _, extension = bytes(self._buffer[:at]).partition(b";")
        del self._buffer[: at + 2]
        try:
            self._left = int(line, 16)
        except ValueError:
            raise _bad("a chunk size is not hexadecimal") from None
        if self._key is not None:
            name, _, value = extension.partition(b"=")
            if name != b"chunk-signature":
                raise _bad("a chunk is not signed")
            self._expected = value.decode("latin-1")
        self._size += self._left
        if self._left < 0 or (self._declared is not None and self._size > self._declared):
            raise _incomplete()
        self._digest = hashlib.sha256()
        if self._left:
            self._state = "data"
            return True
        self._check_chunk()
        self._state = "trailer" if self._has_trailer else "done"
        return True

    def _read_data(self, out: bytearray) -> bool:
        if not self._buffer:
            return False
        part = bytes(self._buffer[: self._left])
        del self._buffer[: len(part)]
        self._left -= len(part)
        if self._key is not None:
            self._digest.update(part)
        out += part
        if not self._left:
            self._state = "end"
        return True

    def _read_end(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise _bad("a chunk is longer than its size says")
        del self._buffer[:2]
        self._check_chunk()
        self._state = "header"
        return True

    def _check_chunk(self) -> None:
        if self._key is None:
            return
        lines = ("AWS4-HMAC-SHA256-PAYLOAD", self._signed.amz_date, self._signed.scope, self._previous, EMPTY_SHA256)
        actual = self._sign((*lines, self._digest.hexdigest()))
        if not hmac.compare_digest(actual, self._expected):
            raise _mismatch()
        self._previous = actual

    def _trailers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        signature, text = "", b""
        for line in self._trailer.split(b"\r\n"):
            if not line:
                continue
            name, colon, value = line.partition(b":")
            if not colon:
                raise _bad("a trailer has no name")
            key = name.decode("latin-1").strip().lower()
            if key == "x-amz-trailer-signature":
                signature = value.decode("latin-1").strip()
            else:
                found[key] = value.decode("latin-1").strip()
                text += f"{key}:{found[key]}\n".encode()
        if self._trailer_signed:
            self._check_trailer(text, signature)
        return found

    def _check_trailer(self, text: bytes, signature: str) -> None:
        lines = ("AWS4-HMAC-SHA256-TRAILER", self._signed.amz_date, self._signed.scope, self._previous)
        if not hmac.compare_digest(self._sign((*lines, hashlib.sha256(text).hexdigest())), signature):
            raise _mismatch()

    def _sign(self, lines: tuple[str, ...]) -> str:
        return hmac.digest(self._key or b"", "\n".join(lines).encode(), "sha256").hex()


def _length(head: Head) -> int | None:
    text = head.headers.get("x-amz-decoded-content-length", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise _bad("x-amz-decoded-content-length is not a number")
    return int(text)


def _bad(what: str) -> AwsError:
    return AwsError("InvalidRequest", f"The aws-chunked body cannot be read: {what}.", status=400)


def _incomplete() -> AwsError:
    return AwsError(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
        status=400,
    )


def _mismatch() -> AwsError:
    return AwsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key.",
        status=403,
    )
