"""The way out of an isolated build: slirp4netns, which knows neither the host's loopback nor its sockets."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time

ADDRESSES, RESOLVER = "10.0.2.0/24", "10.0.2.3"
_WAIT_S = 60.0


class Slirp:
    """One slirp4netns; it ends when `close` is called or this process is gone."""

    def __init__(self, pid: int) -> None:
        program = shutil.which("slirp4netns")
        if program is None:
            raise OSError("slirp4netns is not installed; isolated builds need it (apt-get install slirp4netns)")
        ready, told = os.pipe()
        alive, self._held = os.pipe()
        self._said = os.memfd_create("slirp4netns")
        command = [program, "--configure", "--mtu=65520", "--disable-host-loopback"]
        command += [f"--ready-fd={told}", f"--exit-fd={alive}", str(pid), "tap0"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                pass_fds=(told, alive),
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        finally:
            os.close(told)
            os.close(alive)
        self._ready = ready

    def wait(self) -> None:
        """Wait until the network is there."""
        until = time.monotonic() + _WAIT_S
        try:
            seen, _, _ = select.select([self._ready], [], [], max(0.0, until - time.monotonic()))
            if not seen or not os.read(self._ready, 1):
                raise OSError(f"slirp4netns did not bring the build's network up{self._reason()}")
        except OSError:
            self.close()
            raise
        finally:
            os.close(self._ready)
            os.close(self._said)

    def _reason(self) -> str:
        said = os.pread(self._said, 1024, 0).decode("utf-8", "replace").strip()
        return f": {said.splitlines()[0]}" if said else ""

    def close(self) -> None:
        """End it."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
        self._process.kill()
        self._process.wait()
