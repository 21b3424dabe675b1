"""Small files that are there whole or not at all, whatever ends the process or the power."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_durably(path: Path, data: bytes, mode: int = 0o600, *, inherits: bool = False) -> None:
    """Write a file over the one that may be there; durable when this returns.

    One that `inherits` is, where root writes it, its predecessor's owner's, else its folder's: a service of theirs
    goes on reading it.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        if inherits and os.geteuid() == 0:
            before = (path if path.exists() else path.parent).stat()
            os.fchown(handle, before.st_uid, before.st_gid)
        file.write(data)
        file.flush()
        os.fsync(handle)
    os.replace(temporary, path)
    sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file; it stays away when this returns."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames and new names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same out of a folder; one that dies lets go of it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
