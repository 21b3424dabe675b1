"""The runner's loop: claim a build, fork a process for it, claim the next.

The loop holds no threads, so a fork is safe and quick (a build's first log line waits for nothing else), and a build
goes on when the loop, or the server, is killed: it reports for itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from codeyard.runner.builder import Build
from codeyard.runner.client import AWAY, Configuration, Refused, Server
from codeyard.runner.process import Process
from codeyard.runner.rooms import Flags
from codeyard.runner.sources import drop_archives

log = logging.getLogger(__name__)
_WAIT_S, _PAUSE_S, _LONGEST_PAUSE_S = 20, 0.05, 2.0


def run(config: Path, *, flags: dict[str, Any] | None = None, once: bool = False) -> None:
    """Claim and run builds until SIGTERM. `config` is the file that the enrolment wrote."""
    given = flags or {}
    known = Flags(bool(given.get("unsafe_local_builds")), bool(given.get("pass_host_tooling")))
    runner = Runner(config, known)
    signal.signal(signal.SIGTERM, runner.stop)
    signal.signal(signal.SIGINT, runner.stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    runner.loop(once=once)


class Stop(Exception):
    """SIGTERM came while the loop waited."""


class Runner:
    """One runner. Its configuration is read again when the server is away or refuses its keys."""

    def __init__(self, config: Path, flags: Flags) -> None:
        self._config, self._flags = config, flags
        self._stopped = self._waiting = False
        self._builds: dict[int, dict[str, Any]] = {}
        self._pause = _PAUSE_S
        self._read()
        for name in ("builds", "sources"):
            (self._settings.work / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._process = Process(self._settings.work)
        self._adopt()

    def loop(self, *, once: bool = False) -> None:
        """Claim until stopped."""
        self._register()
        while not self._stopped:
            self._reap()
            answer = self._claim()
            self._lose(answer.get("lost") or ())
            if answer.get("job"):
                self._spawn(answer["job"])
                if once:
                    break
        while once and self._builds:
            self._reap()
            time.sleep(0.02)

    def stop(self, *_: Any) -> None:
        """Claim no more. Builds that run go on to their end, and report for themselves."""
        self._stopped = True
        if self._waiting:  # never in the middle of a fork or a report
            raise Stop

    def _claim(self) -> dict[str, Any]:
        holding = [{"jobId": b["jobId"], "fence": b["fence"]} for b in self._builds.values()]
        free = max(0, self._settings.capacity - len(holding))
        wait = 1 if holding and not free else _WAIT_S
        params = {"process": self._process.token, "waitSeconds": wait, "capacity": free, "holding": holding}
        try:
            self._waiting = True
            answer = self._server.call("codeyard-runner", "ClaimJob", params, timeout=wait + 15)
            self._waiting, self._pause = False, _PAUSE_S
            return answer
        except Stop:
            return {}
        except (*AWAY, Refused, ValueError) as problem:
            log.warning("no claim: %s", problem)
            self._rest(problem)
            return {}
        finally:
            self._waiting = False

    def _rest(self, problem: Exception) -> None:
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)
        with contextlib.suppress(OSError, ValueError, KeyError):
            self._read()
        if isinstance(problem, Refused):
            self._register()

    def _register(self) -> None:
        """Become a runner, where this principal is none yet; the token of the file counts once."""
        if not self._settings.token:
            return
        params = {"name": self._settings.name, "token": self._settings.token}
        try:
            self._server.call("codeyard-runner", "RegisterRunner", params)
        except (*AWAY, Refused) as problem:
            log.warning("not registered: %s", problem)

    def _spawn(self, claimed: dict[str, Any]) -> None:
        job = {**claimed, **json.loads(claimed["document"])}
        folder = self._settings.work / "builds" / f"{claimed['jobId'].rpartition(':')[2]}-{claimed['fence']}"
        folder.mkdir(mode=0o700)
        pid = os.fork()
        if pid == 0:
            self._become(job, folder)
        self._builds[pid] = {"jobId": claimed["jobId"], "fence": claimed["fence"], "folder": folder}
        facts = {"jobId": claimed["jobId"], "fence": claimed["fence"], "pid": pid, "born": _born(pid)}
        with contextlib.suppress(OSError):  # the build may be over, and its folder gone, already
            (folder / "job.json").write_text(json.dumps(facts))

    def _become(self, job: dict[str, Any], folder: Path) -> None:
        """The build's own process; never returns."""
        code = 1
        try:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            build = Build(self._config, job, folder, self._flags)
            signal.signal(signal.SIGTERM, build.stop)
            build.run()
            code = 0
        except BaseException:  # a forked child must end here; what went wrong is in the runner's log
            log.exception("build %s", job["jobId"])
        finally:
            os._exit(code)

    def _lose(self, lost: list[str] | tuple[str, ...]) -> None:
        """Builds that were stopped, or are another's by now: their processes kill what runs."""
        for pid, build in self._builds.items():
            if build["jobId"] in lost:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        self._builds = {pid: b for pid, b in self._builds.items() if b["jobId"] not in lost}

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) > 0:
                build = self._builds.pop(pid, None)
                if build is not None:
                    shutil.rmtree(build["folder"], ignore_errors=True)
        for pid in [p for p, b in self._builds.items() if b.get("born") and _born(p) != b["born"]]:
            del self._builds[pid]

    def _adopt(self) -> None:
        """Builds of a runner before this one go on by themselves; know them, and sweep up after the dead."""
        for folder in sorted((self._settings.work / "builds").iterdir()):
            try:
                found = json.loads((folder / "job.json").read_text())
            except (OSError, ValueError):
                found = {}
            if found and _born(found["pid"]) == found["born"]:
                self._builds[found["pid"]] = {**found, "folder": folder}
            else:
                shutil.rmtree(folder, ignore_errors=True)
        drop_archives(self._settings.work / "sources")

    def _read(self) -> None:
        self._settings = Configuration.read(self._config)
        self._server = Server(self._settings.place, self._settings.keys)


def _born(pid: int) -> str:
    """When a process began, which tells it from a later one of the same number; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
