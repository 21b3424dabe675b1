"""--unsafe-local-builds: the same shell without a sandbox, as the runner's own user. Stands in every build's record."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from codeyard.runner.sandbox import cgroups
from codeyard.runner.sandbox.enter import Plan, become_only
from codeyard.runner.sandbox.root import environment

WORDS = "NO SANDBOX (--unsafe-local-builds): this build ran with the rights and the network of the runner"


class Unconfined:
    """Stands for Seed and Sandbox both."""

    def __init__(self, log: int, fds: Sequence[tuple[int, int]] = ()) -> None:
        self._log, self._fds = os.dup(log), [(os.dup(ours), theirs) for ours, theirs in fds]
        self.pid, self.scratch, self.words, self.home = -1, -1, WORDS, ""
        self.listener = socket.socket()
        self._cgroup = cgroups.Cgroup([], "")

    def grow(self, plan: Plan) -> Unconfined:
        """Copy the sources, start the shell in a session of its own."""
        folder = Path(plan.cwd).parent
        self.home = str(folder / "root")
        for path in (folder / "root", folder / "out" / "tmp"):
            path.mkdir(parents=True)
        for source, place in plan.layers:
            shutil.copytree(source, folder / "out" / place, symlinks=True)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self._cgroup = cgroups.make(plan.name, plan.limits)
        self.pid = os.fork()
        if self.pid == 0:
            self._become(plan)
        self._cgroup.add(self.pid)
        self._let_go()
        self.scratch = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def kill(self) -> None:
        """Kill the session, and all that is in the build's cgroup."""
        if self.pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._cgroup.kill()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self._cgroup.remove()
            self.pid = -1

    def close(self) -> None:
        """Kill, and let go of the build's files."""
        self.kill()
        self.listener.close()
        if self.scratch >= 0:
            os.close(self.scratch)
            self.scratch = -1

    def drop(self) -> None:
        """It was not needed."""
        self._let_go()

    def _let_go(self) -> None:
        for descriptor in (self._log, *(ours for ours, _ in self._fds)):
            os.close(descriptor)
        self._fds = []

    def _become(self, plan: Plan) -> None:
        try:
            os.setsid()
            become_only(self._log, self._fds)
            os.chdir(plan.cwd)
            os.execve(plan.command[0], list(plan.command), {**environment(), "HOME": self.home})
        finally:
            os._exit(127)
