"""The build's log: one file that everything is appended to, masked; the reporter reads on from where the server is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from codeyard.runner.masking import Mask

_LINE, _WHOLE = 64 * 1024, 256 << 20
_FULL = b"\n[Container] The log is longer than 256 MB; what follows is not kept.\n"


class BuildLog:
    """Appends masked output and the agent's own lines. `grown` is called when there is more to read."""

    def __init__(self, path: Path, grown: Callable[[], None]) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._grown, self._mask, self._lock = grown, Mask(), threading.Lock()
        self.size, self._column, self._full = 0, 0, False
        self.tail = b""

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these from now on."""
        with self._lock:
            self._mask.add(secret for secret in secrets if secret)

    def line(self, text: str) -> None:
        """One of the agent's lines: `[Container] 2026/01/31 12:00:00.000000 text`."""
        now = time.time()
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}"
        with self._lock:
            said = self._mask.whole(f"[Container] {stamp} {text}\n".encode("utf-8", "replace"))
            held = self._mask.flush()
            self._append(held + (b"\n" if self._ends_open(held) else b"") + said)

    def output(self, data: bytes) -> None:
        """Output of the build's commands."""
        with self._lock:
            self._append(self._mask.feed(data.replace(b"\0", b"")))

    def flush(self) -> None:
        """Let go of what was held back, once no more output comes."""
        with self._lock:
            self._append(self._mask.flush())

    def read(self, offset: int, most: int) -> bytes:
        """What lies at an offset."""
        return os.pread(self._file, most, offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _ends_open(self, held: bytes) -> bool:
        return not held.endswith(b"\n") if held else self._column > 0

    def _append(self, data: bytes) -> None:
        if not data or self._full:
            return
        data = self._folded(data)
        if self.size + len(data) >= _WHOLE:
            data = data[: max(0, _WHOLE - self.size - len(_FULL))] + _FULL
            self._full = True
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self.size += len(data)
        self.tail = (self.tail + data)[-65536:]
        self._grown()

    def _folded(self, data: bytes) -> bytes:
        """Lines longer than 64 KiB are broken, so that no reader has to hold one."""
        if self._column + len(data) <= _LINE:
            last = data.rfind(b"\n")
            self._column = self._column + len(data) if last < 0 else len(data) - last - 1
            return data
        out = []
        for part in data.replace(b"\n", b"\n\0").split(b"\0"):  # NULs were taken out before
            while self._column + len(part) > _LINE:
                cut = _LINE - self._column
                out.append(part[:cut] + b"\n")
                part, self._column = part[cut:], 0
            out.append(part)
            self._column = 0 if part.endswith(b"\n") else self._column + len(part)
        return b"".join(out)
