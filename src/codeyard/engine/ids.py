"""Randomness by argument: the system's, or a seeded one for tests and simulation."""

from __future__ import annotations

import os
import random
import secrets
import threading
import uuid

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class SystemIds:
    """The system's own randomness."""

    def uuid(self) -> str:
        """A random UUID."""
        raw = os.urandom(16).hex()  # a third of what uuid.uuid4() takes, and every request asks twice
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{'89ab'[int(raw[16], 16) & 3]}{raw[17:20]}-{raw[20:]}"

    def ordered_uuid(self, now: int) -> str:
        """A random UUID that begins with the time."""
        return _version_7(now, os.urandom(8).hex())

    def token(self, length: int, alphabet: str = UPPER) -> str:
        """A random string over the alphabet."""
        return "".join(secrets.choice(alphabet) for _ in range(length))

    def bytes(self, length: int) -> bytes:
        """Random bytes, fit for keys."""
        return secrets.token_bytes(length)


class SeededIds:
    """The same sequence for the same seed; never for anything but tests."""

    def __init__(self, seed: int = 0) -> None:
        self._random, self._lock = random.Random(seed), threading.Lock()

    def uuid(self) -> str:
        """The next UUID."""
        return str(uuid.UUID(bytes=self.bytes(16), version=4))

    def ordered_uuid(self, now: int) -> str:
        """The next UUID that begins with the time."""
        return _version_7(now, self.bytes(8).hex())

    def token(self, length: int, alphabet: str = UPPER) -> str:
        """The next string over the alphabet."""
        with self._lock:
            return "".join(self._random.choices(alphabet, k=length))

    def bytes(self, length: int) -> bytes:
        """The next bytes."""
        with self._lock:
            return self._random.randbytes(length)


def _version_7(now: int, tail: str) -> str:
    """RFC 9562 §5.7: milliseconds in 48 bits, then the part of a millisecond in 12, then 62 random bits."""
    stamp, part = divmod(now, 1000)
    front = f"{stamp:012x}"
    return f"{front[:8]}-{front[8:]}-7{part * 4096 // 1000:03x}-{'89ab'[int(tail[0], 16) & 3]}{tail[1:4]}-{tail[4:]}"
