"""Answers of git that never change, kept for those who ask again: the latest asked for, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Found(NamedTuple, Generic[V]):
    """A value that was kept, which may be None."""

    value: V


class Kept(Generic[K, V]):
    """Values by key. Each has a weight besides one for itself; when all are too heavy, those looked at least go."""

    def __init__(self, bound: int) -> None:
        self._bound, self._weight = bound, 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> Found[V] | None:
        """The value, or None where nothing is kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return Found(self._kept[key][0])

    def put(self, key: K, value: V, weight: int = 0) -> None:
        """Keep it."""
        with self._lock:
            _, before = self._kept.pop(key, (None, -1))
            self._weight += weight - before
            self._kept[key] = (value, weight)
            while self._weight > self._bound:
                self._weight -= self._kept.popitem(last=False)[1][1] + 1
