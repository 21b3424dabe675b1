"""The build runner that `codeyard serve` keeps beside the server: a process apart, which outlives a killed server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


class LocalRunner:
    """Starts the runner, or finds the one that a server before left running."""

    def __init__(self, data: Path, flags: list[str]) -> None:
        self._folder = data / "runner"
        self._flags = flags

    def ensure(self) -> None:
        """Have one runner running."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._running() is None:
            with (self._folder / "runner.log").open("ab") as log:
                command = [
                    sys.executable,
                    "-m",
                    "codeyard.cli",
                    "runner",
                    "--config",
                    str(self._folder / "local.json"),
                ]
                child = subprocess.Popen(
                    [*command, *self._flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._pid_file.write_text(str(child.pid))

    def stop(self) -> None:
        """Ask the runner to end; its builds are told to stop by the server, not by this."""
        if (pid := self._running()) is not None:
            os.kill(pid, signal.SIGTERM)
            self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self._folder / "runner.pid"

    def _running(self) -> int | None:
        """The pid of the runner of this folder, if it lives: a pid alone may be another process by now."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._folder / "local.json").encode() in command else None
