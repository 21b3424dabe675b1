"""Guessing passwords is slow: who was wrong too often waits. Kept in memory, bounded, whatever is guessed at."""

from __future__ import annotations

import threading
from collections import OrderedDict

from codeyard.contract import Clock

FREE_TRIES, FREE_OF_MANY = 5, 100  # wrong ones for a name from an address; for a name, or from an address, alone
WAIT, FORGET = 20_000_000, 900_000_000
MOST = 20_000


class Attempts:
    """Wrong passwords by name and address, by name, and by address.

    A stranger who guesses at a name soon waits, and does not keep its owner out, who comes from another address.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()  # the longest unused first

    @property
    def size(self) -> int:
        """How many names and addresses are kept."""
        return len(self._wrong)

    def may_try(self, name: str, address: str) -> bool:
        """Whether a password may be tried now."""
        now = self._clock.now()
        with self._lock:
            return not any(self._waits(key, limit, now) for key, limit in _keys(name, address))

    def wrong(self, name: str, address: str) -> None:
        """A password was wrong."""
        now = self._clock.now()
        with self._lock:
            for key, _ in _keys(name, address):
                count, last = self._wrong.pop(key, (0, now))
                self._wrong[key] = (count + 1 if now - last < FORGET else 1, now)
            while len(self._wrong) > MOST:
                self._wrong.popitem(last=False)

    def right(self, name: str, address: str) -> None:
        """The password was right: the name begins anew there."""
        with self._lock:
            self._wrong.pop((name, address), None)

    def _waits(self, key: tuple[str, str], limit: int, now: int) -> bool:
        count, last = self._wrong.get(key, (0, 0))
        return count >= limit and now - last < WAIT


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((name, address), FREE_TRIES), ((name, "*"), FREE_OF_MANY), (("*", address), FREE_OF_MANY)
