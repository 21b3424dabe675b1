"""Waiting for descriptors on the event loop."""

from __future__ import annotations

import asyncio


class Ready:
    """Waits for descriptors, as long as the client stays: its leaving ends every wait with an error."""

    def __init__(self, client: asyncio.Future[None]) -> None:
        self._client, self._loop = client, asyncio.get_running_loop()

    def check(self) -> None:
        """Raise what ended the client's stay."""
        if self._client.done():
            self._client.result()

    async def readable(self, *fds: int) -> None:
        """Wait until one of them can be read, or is at its end."""
        ready = self._loop.create_future()
        for fd in fds:
            self._loop.add_reader(fd, wake, ready)
        try:
            await asyncio.wait({ready, self._client}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for fd in fds:
                self._loop.remove_reader(fd)
        self.check()


def wake(future: asyncio.Future[None]) -> None:
    """Complete a future that a descriptor's readiness completes, once."""
    if not future.done():
        future.set_result(None)
