"""Keeps write functions honest: what would block, escape or deadlock inside one raises at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_writing: ContextVar[bool] = ContextVar("codeyard_writing", default=False)


class WriteGuardError(RuntimeError):
    """Something that is not database work was tried inside a write function."""


def writing() -> bool:
    """Whether this thread is inside a write function."""
    return _writing.get()


def assert_not_writing(what: str = "a call") -> None:
    """Raise WriteGuardError when `what` is tried inside a write function."""
    if _writing.get():
        raise WriteGuardError(f"{what} inside a write function: do it before the write, or as an effect after it")


@contextmanager
def inside_write() -> Iterator[None]:
    """Mark this thread as being inside a write function."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)
