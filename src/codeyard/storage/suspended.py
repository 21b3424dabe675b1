"""Calls that run on the event loop's thread and step aside, instead of waiting, while their writes become durable.

Such a call is a greenlet. Its writes gather until the loop has read what its sockets hold; they then run on the
loop's own thread in one transaction, whose commit (the fsync) is another thread's. When somebody else is writing they
queue behind, as everybody does. Either way the loop goes on with other work, and each call is taken up again once
its write is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

from greenlet import greenlet

from codeyard.storage.tx import Tx
from codeyard.storage.writer import Member, Writer

_KEPT = 32  # greenlets that wait for a call
_TOGETHER = 32  # writes in one turn of the loop: other work stands between two of them


class Call:
    """Runs one call after another, each of which may step aside. The greenlet has a context of its own, in which the
    call is found again; it is kept, since each new one takes a stack from the system and gives it back."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._run = calls, _nothing
        self._greenlet = greenlet(self._within)

    def begin(self, run: Callable[[], None]) -> None:
        """Run until it ends or steps aside for the first time."""
        self._run = run
        self._greenlet.switch()

    def go_on(self) -> None:
        """Run until it ends or steps aside again."""
        self._greenlet.switch()

    def write(self, fn: Callable[[Tx], object]) -> Member:
        """The write, its fate known: the call has stepped aside meanwhile."""
        member = self._calls.gather(fn, self)
        self._greenlet.parent.switch()
        return member

    def _within(self) -> None:
        _current.set(self)
        while True:
            self._run()
            self._run = _nothing  # what waits for the next request holds neither body nor caller of the last one
            if not self._calls.keep(self):
                return
            self._greenlet.parent.switch()


def _nothing() -> None:
    """What is to be run between two calls."""


_current: ContextVar[Call | None] = ContextVar("codeyard_call", default=None)


def current_call() -> Call | None:
    """The call on whose behalf this code runs, if it may step aside."""
    return _current.get()


class Calls:
    """Every suspended call of one event loop; used on its thread alone."""

    def __init__(self, writer: Callable[[], Writer]) -> None:
        self._writer = writer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Member, Call]] = []
        self._idle: list[Call] = []
        self._busy = False  # a turn is planned, or the commit of the last one is under way

    def start(self, run: Callable[[], None]) -> None:
        """Run `run` here, until it ends or steps aside for the first time. It must not raise."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        (self._idle.pop() if self._idle else Call(self)).begin(run)

    def keep(self, call: Call) -> bool:
        """Have an ended call's greenlet wait for the next one; False where enough do."""
        if len(self._idle) >= _KEPT:
            return False
        self._idle.append(call)
        return True

    def gather(self, fn: Callable[[Tx], object], call: Call) -> Member:
        """Take a write up; it runs when the loop has read what there is to read."""
        assert self._loop is not None
        member = Member(fn, partial(self._loop.call_soon_threadsafe, call.go_on))
        self._waiting.append((member, call))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._take_turn)
        return member

    def _take_turn(self) -> None:
        assert self._loop is not None
        turn, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
        then = partial(self._loop.call_soon_threadsafe, self._committed, turn)
        members = [member for member, _ in turn]
        self._busy = bool(turn) and self._writer().run_here(members, then)
        if not self._busy:  # somebody else is writing: all of them queue behind
            for member, _ in (*turn, *self._waiting):
                self._writer().put(member)
            self._waiting = []

    def _committed(self, turn: list[tuple[Member, Call]]) -> None:
        """The next turn goes first: its commit runs while these are answered."""
        self._take_turn()
        for _, call in turn:
            call.go_on()
