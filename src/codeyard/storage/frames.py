"""The sealed form of a blob: a header with its wrapped data key, then 64 KiB AES-256-GCM frames.

A frame's nonce is its number, its additional data the blob's id, its number and whether it is the last: frames cannot
be moved, dropped, or cut off the end unnoticed, and any range is read by decrypting only its frames.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME = 65536
TAG = 16
SEALED = FRAME + TAG
MAGIC = b"CYBLOB1\n"
WRAPPED = 1 + 12 + 32 + 16
HEADER = len(MAGIC) + WRAPPED


class BlobDamagedError(Exception):
    """What is on the disk is not what was written."""


class FrameCipher:
    """Seals and opens the frames of one blob."""

    def __init__(self, key: bytes, blob_id: str) -> None:
        self._cipher, self._id = AESGCM(key), blob_id.encode()

    def seal(self, number: int, plain: bytes | bytearray | memoryview, last: bool) -> bytes:
        """Ciphertext and tag of one frame."""
        return self._cipher.encrypt(number.to_bytes(12, "big"), plain, self._context(number, last))

    def open(self, number: int, sealed: bytes | memoryview, last: bool) -> bytes:
        """The frame's plaintext; BlobDamagedError when it is not ours, not in its place, or altered."""
        try:
            return self._cipher.decrypt(number.to_bytes(12, "big"), sealed, self._context(number, last))
        except InvalidTag:
            raise BlobDamagedError(f"frame {number} of blob {self._id.decode()} is damaged") from None

    def _context(self, number: int, last: bool) -> bytes:
        return self._id + b"%d%s" % (number, b"!" if last else b"")


def frame_count(body: int) -> int:
    """How many frames a file body of that many bytes holds (at least one)."""
    return max(1, -(-body // SEALED))


def plain_size(body: int) -> int:
    """The plaintext's size of a file body of that many bytes."""
    size = body - TAG * frame_count(body)
    if size < 0:
        raise BlobDamagedError("the blob is cut short")
    return size
