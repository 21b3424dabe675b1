"""Bounded thread pools for operations: reads and writes apart, so that slow writes never starve reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from codeyard.contract import AwsError

T = TypeVar("T")


class Pool:
    """Runs calls in `size` threads; with more than `waiting` in line it says so at once (throttling)."""

    def __init__(self, name: str, size: int, waiting: int = 1000) -> None:
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._bound = size + waiting
        self._inside = 0

    async def run(self, fn: Callable[[], T]) -> T:
        """The call's result; ThrottlingException (400) when the pool is full."""
        if self._inside >= self._bound:
            raise AwsError("ThrottlingException", "Rate exceeded", status=400)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, fn)
        finally:
            self._inside -= 1

    def close(self) -> None:
        """End the threads after the calls that run."""
        self._threads.shutdown(wait=False, cancel_futures=True)
