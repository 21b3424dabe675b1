"""Secrets in the log become ***: whole, line by line, and in the encodings that tools print them in. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

STARS = b"***"
_SHORTEST, _SHORTEST_PART = 3, 6


def forms(secret: str) -> set[bytes]:
    """Every form of a secret that is looked for."""
    whole = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    whole |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    found = {text.encode() for text in whole if len(text) >= _SHORTEST}
    found |= {line.strip().encode() for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_PART}
    return found | _encoded(secret.encode())


def _encoded(raw: bytes) -> set[bytes]:
    """What of the secret's base64 does not depend on its neighbours, for the three places it may begin at."""
    found = set()
    for shift in range(3):
        padded = b"\0" * shift + raw
        text = base64.b64encode(padded)
        first = (shift * 8 + 5) // 6
        last = len(padded) * 8 // 6
        core = text[first:last]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return {core for core in found if len(core) >= _SHORTEST_PART}


class Mask:
    """Masks a stream; holds back what might be the beginning of a secret at a chunk's edge."""

    def __init__(self) -> None:
        self._held = b""
        self._secrets: set[bytes] = set()
        self._ordered: list[bytes] = []
        self._pattern: re.Pattern[bytes] | None = None
        self._longest = 0

    def add(self, secrets: Iterable[str]) -> None:
        """Look for these, too."""
        for secret in secrets:
            self._secrets |= forms(secret)
        self._ordered = sorted(self._secrets, key=len, reverse=True)
        self._longest = len(self._ordered[0]) if self._ordered else 0
        self._pattern = None

    def feed(self, data: bytes) -> bytes:
        """The part of the stream that may be shown now."""
        if not self._secrets:
            return data
        text = self._masked(self._held + data)
        keep = self._edge(text)
        self._held = text[len(text) - keep :] if keep else b""
        return text[: len(text) - keep]

    def whole(self, data: bytes) -> bytes:
        """A text that stands alone."""
        return self._masked(data)

    def flush(self) -> bytes:
        """What was held back; the stream is over."""
        held, self._held = self._held, b""
        return held

    def _masked(self, data: bytes) -> bytes:
        """Searched for each secret first: that is quick, and a pattern of them all takes long to make."""
        if not any(one in data for one in self._ordered):
            return data
        if self._pattern is None:
            self._pattern = re.compile(b"|".join(re.escape(one) for one in self._ordered))
        return self._pattern.sub(STARS, data)

    def _edge(self, text: bytes) -> int:
        """How many bytes at the end could begin a secret."""
        tail = text[-(self._longest - 1) :] if self._longest > 1 else b""
        for start in range(len(tail)):
            rest = tail[start:]
            if any(secret.startswith(rest) for secret in self._secrets):
                return len(rest)
        return 0
