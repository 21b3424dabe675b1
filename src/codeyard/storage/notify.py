"""In-process notification: who wants to hear of what, and telling them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)
Callback = Callable[[str], None]


class Bus:
    """Subscribers by channel. Callbacks are short and are given the message."""

    def __init__(self) -> None:
        self._subscribers: dict[str, tuple[Callback, ...]] = {}
        self._lock = threading.Lock()

    def subscribe(self, channel: str, callback: Callback) -> Callable[[], None]:
        """Call `callback(message)` at every notification; returns what ends that."""
        with self._lock:
            self._subscribers[channel] = (*self._subscribers.get(channel, ()), callback)
        return lambda: self._drop(channel, callback)

    def tell(self, notices: Iterable[tuple[str, str]]) -> None:
        """Deliver (channel, message) pairs now, on this thread."""
        for channel, message in notices:
            for callback in self._subscribers.get(channel, ()):
                self._call(callback, message)

    def everyone(self) -> None:
        """Wake every subscriber with an empty message: something may have been missed."""
        self.tell([(channel, "") for channel in tuple(self._subscribers)])

    @staticmethod
    def _call(callback: Callback, message: str) -> None:
        try:
            callback(message)
        except Exception:  # a subscriber's fault must not fail a write that is already durable
            log.exception("a notification callback failed")

    def _drop(self, channel: str, callback: Callback) -> None:
        with self._lock:
            left = tuple(one for one in self._subscribers.get(channel, ()) if one is not callback)
            self._subscribers[channel] = left
