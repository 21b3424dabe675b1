"""The runner's loop: claim a build, fork a process for it, claim the next.

The loop holds no threads, so a fork is safe and quick (a build's first log line waits for nothing else), and a build
goes on when the loop, or the server, is killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

from codeyard.runner.builder import Build
from codeyard.runner.client import Keys, Refused, Server

log = logging.getLogger(__name__)


def run(config: Path, *, flags: dict[str, Any] | None = None, once: bool = False) -> None:
    """Claim and run builds until SIGTERM. `config` is the JSON that the enrolment wrote."""
    runner = Runner(config, flags or {})
    signal.signal(signal.SIGTERM, runner.stop)
    runner.loop(once=once)


class Runner:
    """One runner. Its configuration is read again when the server refuses its keys: a restart may have renewed them."""

    def __init__(self, config: Path, flags: dict[str, Any]) -> None:
        self._config, self._flags = config, flags
        self._stopped = False
        self._children: set[int] = set()
        self._read()
        for name in ("builds", "sources"):
            (self._work / name).mkdir(parents=True, exist_ok=True)
            os.chmod(self._work / name, 0o755)
        os.chmod(self._work, 0o755)

    def loop(self, *, once: bool = False) -> None:
        """Claim until stopped."""
        while not self._stopped:
            self._reap()
            if len(self._children) >= self._most:
                time.sleep(0.05)
                continue
            claimed = self._claim()
            if claimed.get("buildId"):
                self._spawn(claimed)
                if once:
                    break
        while once and self._children:
            self._reap()
            time.sleep(0.02)

    def stop(self, *_: Any) -> None:
        """Claim no more. Builds that run go on to their end."""
        self._stopped = True

    def _claim(self) -> dict[str, Any]:
        try:
            params = {"runnerName": socket.gethostname(), "waitSeconds": 5 if self._children else 20}
            return self._server.runner("ClaimJob", params, patient=False, timeout=40)
        except (OSError, Refused, ValueError) as problem:
            log.warning("no claim: %s", problem)
            with contextlib.suppress(OSError, ValueError, KeyError):
                self._read()
            time.sleep(0.2)
            return {}

    def _spawn(self, claimed: dict[str, Any]) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return
        code = 1
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._read()
            Build(json.loads(claimed["work"]), claimed["fence"], self._server, self._work, self._flags).run()
            code = 0
        except BaseException:  # a forked child must end here; what went wrong is in the runner's log
            log.exception("build %s", claimed["buildId"])
        finally:
            os._exit(code)

    def _reap(self) -> None:
        for pid in tuple(self._children):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            self._children.discard(pid)

    def _read(self) -> None:
        found = json.loads(self._config.read_text())
        keys = Keys(found["access_key_id"], found["secret_access_key"])
        self._server = Server(found["endpoint"], keys, found["region"], found.get("ca", ""))
        self._most = int(found.get("concurrent", 20))
        self._work = Path(found["work"])


def clean(work: Path) -> None:
    """Remove what builds of a dead runner left."""
    shutil.rmtree(work / "builds", ignore_errors=True)
