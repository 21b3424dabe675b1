"""Kept `git cat-file --batch-command` processes: object reads in microseconds instead of a spawn each.

One process a repository, used by one thread at a time; the least recently used goes when there are too many,
and those idle for long go with the next read of anybody.
"""

from __future__ import annotations

import io
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar, cast

from codeyard.git.command import Git, GitCommand, GitError, end

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's id, type (`blob`, `tree`, `commit`, `tag`) and size in bytes."""

    id: str
    type: str
    size: int


class _Reader:
    """One kept process."""

    def __init__(self, git: Git, repository: Path) -> None:
        command = GitCommand("cat-file", ["--batch-command"], repository=repository)
        self._process = git.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._out = _buffered(self._process)
        self.lock = threading.Lock()
        self.closed = False

    def info(self, name: str) -> ObjectInfo | None:
        self._ask(f"info {name}\n")
        return self._header()

    def read(self, name: str) -> tuple[ObjectInfo, bytes] | None:
        self._ask(f"contents {name}\n")
        info = self._header()
        if info is None:
            return None
        content = self._out.read(info.size + 1)
        if len(content) != info.size + 1:
            raise GitError("cat-file", -1, "the process ended")
        return info, content[:-1]

    def close(self) -> None:
        self.closed = True
        self._out.close()
        end(self._process)

    def _ask(self, line: str) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(line.encode())
        except OSError as error:
            raise GitError("cat-file", -1, "the process ended") from error

    def _header(self) -> ObjectInfo | None:
        line = self._out.readline()
        if not line.endswith(b"\n"):
            raise GitError("cat-file", -1, "the process ended")
        words = line.decode("utf-8", "replace").rstrip("\n").rsplit(" ", 2)
        if words[-1] in ("missing", "ambiguous"):
            return None
        return ObjectInfo(words[0], words[1], int(words[2]))


def _buffered(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return io.BufferedReader(cast(io.RawIOBase, process.stdout), 64 * 1024)


@dataclass(slots=True)
class _Kept:
    reader: _Reader
    used_at: int


class CatFiles:
    """The pool. `now` is the clock in microseconds."""

    def __init__(self, git: Git, now: Callable[[], int], *, capacity: int = 32, idle_us: int = 60_000_000) -> None:
        self._git = git
        self._now = now
        self._capacity = capacity
        self._idle_us = idle_us
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def info(self, repository: Path, name: str) -> ObjectInfo | None:
        """What the name (an object id or a reference, `^{commit}` allowed) stands for; None when nothing."""
        return self._with(repository, lambda reader: reader.info(_checked(name)))

    def read(self, repository: Path, name: str) -> tuple[ObjectInfo, bytes] | None:
        """The object and its content. Ask `info` for the size first where it may be large."""
        return self._with(repository, lambda reader: reader.read(_checked(name)))

    def drop(self, repository: Path) -> None:
        """Forget a repository, such as one that was deleted."""
        with self._lock:
            kept = self._kept.pop(repository, None)
        if kept is not None:
            _close([kept.reader])

    def close(self) -> None:
        """End every process."""
        with self._lock:
            kept = list(self._kept.values())
            self._kept.clear()
        _close([one.reader for one in kept])

    def __len__(self) -> int:
        return len(self._kept)

    def _with(self, repository: Path, use: Callable[[_Reader], T]) -> T:
        for attempt in (1, 2):
            reader = self._reader(repository)
            with reader.lock:
                if reader.closed:
                    continue
                try:
                    return use(reader)
                except GitError:
                    self._forget(repository, reader)
                    if attempt == 2:
                        raise
                except BaseException:  # an interrupted read leaves the pipe out of step
                    self._forget(repository, reader)
                    raise
        raise GitError("cat-file", -1, "the repository is being closed")

    def _reader(self, repository: Path) -> _Reader:
        now = self._now()
        with self._lock:
            kept = self._kept.get(repository)
            if kept is None:
                kept = self._kept[repository] = _Kept(_Reader(self._git, repository), now)
            kept.used_at = now
            self._kept.move_to_end(repository)
            stale = self._take_stale(now)
        _close(stale)
        return kept.reader

    def _take_stale(self, now: int) -> list[_Reader]:
        stale = []
        while self._kept:
            repository, oldest = next(iter(self._kept.items()))
            if len(self._kept) <= self._capacity and now - oldest.used_at <= self._idle_us:
                break
            del self._kept[repository]
            stale.append(oldest.reader)
        return stale

    def _forget(self, repository: Path, reader: _Reader) -> None:
        with self._lock:
            kept = self._kept.get(repository)
            if kept is not None and kept.reader is reader:
                del self._kept[repository]
        reader.close()


def _checked(name: str) -> str:
    if "\n" in name or "\0" in name or not name:
        raise ValueError("an object name is one line")
    return name


def _close(readers: list[_Reader]) -> None:
    for reader in readers:
        with reader.lock:
            reader.close()
