"""Bodies on their way in: aws-chunked framing decoded, chunk and trailer signatures and hashes checked while streaming.

What `feed` returned may only be kept once `close` has returned: a wrong signature shows when a chunk has ended.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from codeyard.contract import AwsError
from codeyard.wire.http import Head
from codeyard.wire.sigv4 import AwaitedHash, Signed

_EMPTY = hashlib.sha256(b"").hexdigest()
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-fA-F]{64}))?")
_MAX_LINE, _MAX_TRAILER = 4096, 16384
_KINDS = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}


class BodyHash:
    """A plain body: passes it on and compares its SHA-256, at `close`, with what was declared or signed."""

    def __init__(self, expected: str | AwaitedHash | None) -> None:
        if isinstance(expected, str) and not _HEX.fullmatch(expected):
            text = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-…, or a valid sha256 value."
            raise AwsError("InvalidArgument", text, status=400)
        self._expected, self._hash = expected, hashlib.sha256()

    def feed(self, data: bytes) -> bytes:
        """The same bytes."""
        if self._expected is not None:
            self._hash.update(data)
        return data

    def close(self) -> dict[str, str]:
        """No trailers; raises where the body is not the one that was signed."""
        if isinstance(self._expected, AwaitedHash):
            if self._expected.check is None:
                raise RuntimeError("the signature was never verified")
            self._expected.check(self._hash.hexdigest())
        elif self._expected is not None and not hmac.compare_digest(self._hash.hexdigest(), self._expected.lower()):
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise AwsError("XAmzContentSHA256Mismatch", text, status=400)
        return {}


class Decoder:
    """An aws-chunked body; `key` is the signing key that `sigv4.verify` returned.

    Without a version 4 signature (`signed` is None) only framing that signs nothing is accepted.
    """

    def __init__(self, signed: Signed | None, key: bytes, head: Head) -> None:
        kind = head.headers.get("x-amz-content-sha256", "")
        if kind not in _KINDS:
            raise AwsError("InvalidArgument", f"x-amz-content-sha256 {kind[:80]} is not supported.", status=400)
        self._signs, self._trails = _KINDS[kind]
        if self._signs and signed is None:
            raise AwsError("AccessDenied", "A chunk that is signed needs a request that is.", status=403)
        self._key, self._previous = key, signed.signature.lower() if signed is not None else ""
        self._place = f"{signed.amz_date}\n{signed.scope}" if signed is not None else ""
        self._declared = _decoded_length(head)
        self._names = _trailer_names(head)
        self._buffer = bytearray()
        self._left, self._total = 0, 0
        self._state = "size"
        self._hash, self._claimed = hashlib.sha256(), ""

    def feed(self, data: bytes) -> bytes:
        """The payload bytes among `data`."""
        out: list[bytes] = []
        self._buffer += data
        while self._step(out):
            pass
        return b"".join(out)

    def close(self) -> dict[str, str]:
        """The trailers, by lower-case name; raises where the body broke off or was not what was signed."""
        if self._state != "trailer" or self._total != self._declared:
            raise _incomplete()
        return self._trailers(bytes(self._buffer))

    def _step(self, out: list[bytes]) -> bool:
        if self._state == "size":
            return self._read_size()
        if self._state == "data":
            return self._read_data(out)
        if self._state == "end":
            return self._read_end()
        if len(self._buffer) > _MAX_TRAILER:
            raise _malformed("The trailer is too long.")
        return False

    def _read_size(self) -> bool:
        end = self._buffer.find(b"\r\n", 0, _MAX_LINE)
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                raise _malformed("The chunk's header is too long.")
            return False
        found = _SIZE.fullmatch(bytes(self._buffer[:end]))
        if found is None or (self._signs and found.group(2) is None):
            raise _malformed("The chunk's header is malformed.")
        del self._buffer[: end + 2]
        self._left = int(found.group(1), 16)
        self._claimed = (found.group(2) or b"").decode().lower()
        self._total += self._left
        if self._total > self._declared:
            raise _incomplete()
        self._hash = hashlib.sha256()
        if self._left:
            self._state = "data"
        else:
            self._check_chunk()
            self._state = "trailer"
        return True

    def _read_data(self, out: list[bytes]) -> bool:
        part = bytes(self._buffer[: self._left])
        del self._buffer[: len(part)]
        self._left -= len(part)
        if self._signs:
            self._hash.update(part)
        out.append(part)
        if self._left:
            return False
        self._check_chunk()
        self._state = "end"
        return True

    def _read_end(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise _malformed("The chunk is longer than its header says.")
        del self._buffer[:2]
        self._state = "size"
        return True

    def _check_chunk(self) -> None:
        if self._signs:
            rest = f"{_EMPTY}\n{self._hash.hexdigest()}"
            self._check(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._front()}\n{rest}", self._claimed)
            self._previous = self._claimed

    def _front(self) -> str:
        return f"{self._place}\n{self._previous}"

    def _check(self, text: str, claimed: str) -> None:
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), claimed.encode()):
            text = "The request signature we calculated does not match the signature you provided."
            raise AwsError("SignatureDoesNotMatch", text, status=403)

    def _trailers(self, raw: bytes) -> dict[str, str]:
        if not raw.endswith(b"\r\n"):
            raise _incomplete()
        found: dict[str, str] = {}
        for line in raw.decode("latin-1").replace("\r", "\n").split("\n"):
            if line.strip():
                name, colon, value = line.partition(":")
                if not colon or name.strip().lower() in found:
                    raise _malformed(
                        "The request contained trailing data that was not well-formed.", "MalformedTrailerError"
                    )
                found[name.strip().lower()] = value.strip()
        signature = found.pop("x-amz-trailer-signature", "")
        if set(found) != self._names or (found and not self._trails):
            raise _malformed("The request's trailers are not those that x-amz-trailer names.", "MalformedTrailerError")
        if self._signs and self._trails:
            canonical = "".join([f"{name}:{value}\n" for name, value in sorted(found.items())])
            digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
            self._check(f"AWS4-HMAC-SHA256-TRAILER\n{self._front()}\n{digest}", signature.lower())
        return found


def _decoded_length(head: Head) -> int:
    text = head.headers.get("x-amz-decoded-content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", status=411)
    return int(text)


def _trailer_names(head: Head) -> set[str]:
    return {name.strip().lower() for name in head.headers.get("x-amz-trailer", "").split(",") if name.strip()}


def _incomplete() -> AwsError:
    text = "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header."
    return AwsError("IncompleteBody", text, status=400)


def _malformed(message: str, code: str = "InvalidChunkSizeError") -> AwsError:
    return AwsError(code, message, status=400)
