"""The build's log: a file that everything is appended to, and a thread that ships it to the server by offset."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from codeyard.runner.masking import Mask

_CHUNK = 512 * 1024
_LINE = 64 * 1024
_WHOLE = 256 * 1024 * 1024
Ship = Callable[[int, bytes], int]


class BuildLog:
    """Appends masked output and the agent's own lines; ships as it grows."""

    def __init__(self, path: Path, ship: Ship) -> None:
        self._file = path.open("ab+", buffering=0)
        self._ship = ship
        self._mask = Mask(())
        self._lock = threading.Condition()
        self._size, self._shipped, self._closed = path.stat().st_size, 0, False
        self._since_newline = 0
        self.tail = b""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these from now on."""
        with self._lock:
            self._mask.add(secrets)

    def line(self, text: str) -> None:
        """One of the agent's lines: `[Container] 2026/01/31 12:00:00.000000 text`."""
        now = time.time()
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}"
        with self._lock:
            begin = b"" if self._since_newline == 0 else b"\n"
            self._append(begin + self._mask.flush() + self._masked(f"[Container] {stamp} {text}\n".encode()))

    def output(self, data: bytes) -> None:
        """Output of the build's commands."""
        with self._lock:
            self._append(self._mask.feed(data.replace(b"\0", b"")))

    def close(self) -> None:
        """Ship the rest and end."""
        with self._lock:
            self._append(self._mask.flush())
            self._closed = True
            self._lock.notify_all()
        self._thread.join(timeout=60)
        self._file.close()

    def _masked(self, data: bytes) -> bytes:
        return self._mask.feed(data) + self._mask.flush()

    def _append(self, data: bytes) -> None:
        if not data or self._size >= _WHOLE:
            return
        data = self._folded(data)
        self._file.write(data)
        self._size += len(data)
        self.tail = (self.tail + data)[-8192:]
        self._lock.notify_all()

    def _folded(self, data: bytes) -> bytes:
        """Lines longer than 64 KiB are broken, so that no reader has to hold one."""
        out = []
        for part in data.splitlines(keepends=True):
            while self._since_newline + len(part) > _LINE:
                cut = _LINE - self._since_newline
                out.append(part[:cut] + b"\n")
                part, self._since_newline = part[cut:], 0
            out.append(part)
            self._since_newline = 0 if part.endswith(b"\n") else self._since_newline + len(part)
        return b"".join(out)

    def _run(self) -> None:
        while True:
            with self._lock:
                while self._shipped >= self._size and not self._closed:
                    self._lock.wait()
                if self._shipped >= self._size:
                    return
                self._file.seek(self._shipped)
                chunk = self._file.read(_CHUNK)
                at, closed = self._shipped, self._closed
            whole = chunk if closed or len(chunk) == _CHUNK else chunk[: chunk.rfind(b"\n") + 1]
            if not whole:
                with self._lock:
                    self._lock.wait(1.0)
                continue
            try:
                self._shipped = self._ship(at, whole)
            except Exception:  # the server is away for longer than the lease, or the build is not ours any more
                return
