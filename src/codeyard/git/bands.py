"""A fetch's answer put together from two streams: what upload-pack says, and the pack, which does not pass through it.

upload-pack would read the pack in small pieces and write each of them with a packet head of its own.
"""

from __future__ import annotations


class Spoken:
    """upload-pack's own packets: whole ones go at once, the flush that ends the answer waits for the pack's end."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take more; what may be sent now."""
        self._held += data
        at = 0
        while (length := _length(self._held[at : at + 4])) and at + length <= len(self._held):
            at += length
        now, self._held = self._held[:at], self._held[at:]
        return now

    def rest(self) -> bytes:
        """What was held back."""
        rest, self._held = self._held, b""
        return rest


def _length(head: bytes) -> int:
    """A packet's length; 0 at what ends the answer, or is not all here, or is none."""
    try:
        length = int(head, 16) if len(head) == 4 else 0
    except ValueError:
        return 0
    return 4 if length in (1, 2) else length if length >= 4 else 0
