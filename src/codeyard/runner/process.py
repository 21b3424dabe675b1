"""Which of a runner's processes this is. A claim that never arrived is taken back by the process that made it alone."""

from __future__ import annotations

import fcntl
import uuid
from pathlib import Path


class Process:
    """The process's token. Whoever runs on after a process that ended, on the same work folder, has its token: what
    that one had claimed and not begun is theirs. A second process beside it has a token of its own."""

    def __init__(self, work: Path) -> None:
        self._file = (work / "process").open("a+")  # stays open: the lock lasts as long as the process
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.token = str(uuid.uuid4())
            return
        self._file.seek(0)
        self.token = self._file.read().strip()
        if not self.token:
            self.token = str(uuid.uuid4())
            self._file.write(self.token)
            self._file.flush()
