"""Secrets in the log become ***: whole, line by line, and in the encodings that tools print them in."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

_SHORTEST = 4
STARS = b"***"


def forms(secret: str) -> set[bytes]:
    """Every form of a secret that is looked for."""
    found = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], *secret.splitlines()}
    raw = secret.encode()
    shapes = {text.encode() for text in found}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        skip = (0, 2, 3)[shift]
        tail = (len(raw) + shift) % 3
        core = encoded[skip : len(encoded) - (0, 3, 2)[tail] - (0, 0, 0)[tail]]
        shapes.add(core.rstrip(b"="))
    return {shape for shape in shapes if len(shape) >= _SHORTEST}


class Mask:
    """Masks a stream; holds back what might be the beginning of a secret at a chunk's edge."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._held = b""
        self._longest = 0
        self._pattern: re.Pattern[bytes] | None = None
        self._secrets: set[bytes] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Look for these, too."""
        for secret in secrets:
            self._secrets |= forms(secret)
        if self._secrets:
            ordered = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile(b"|".join(re.escape(s) for s in ordered))
            self._longest = len(ordered[0])

    def feed(self, data: bytes) -> bytes:
        """The part of the stream that may be shown now."""
        if self._pattern is None:
            return data
        text = self._pattern.sub(STARS, self._held + data)
        keep = self._edge(text)
        self._held = text[len(text) - keep :] if keep else b""
        return text[: len(text) - keep]

    def flush(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return held

    def _edge(self, text: bytes) -> int:
        """How many bytes at the end could begin a secret."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[-length:]
            if any(secret.startswith(tail) for secret in self._secrets):
                return length
        return 0
