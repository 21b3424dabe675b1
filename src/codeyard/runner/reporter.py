"""What a build tells the server, from one thread: phases in their order, the log by offset, heartbeats, the end.

While the server is away everything is kept and said later; the build goes on. A stale fence ends the build.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codeyard.runner.client import AWAY, Configuration, Keys, Refused, Server
from codeyard.runner.log import BuildLog

log = logging.getLogger(__name__)
_BEATS_A_LEASE, _PAUSE_S, _LONGEST_PAUSE_S = 6, 0.05, 2.0
_CHUNK = 512 * 1024
_LET_GO_S = 900.0
_RENEW_BEFORE_S = 420.0


class Reporter:
    """One build's reports. `lost` is called, once, when the build is not this runner's any more."""

    def __init__(self, config: Path, job: dict[str, Any], lost: Callable[[], None]) -> None:
        self._config, self._held = config, {"jobId": job["jobId"], "fence": job["fence"]}
        self._lost, self.over = lost, False
        self._every = job["leaseSeconds"] / _BEATS_A_LEASE
        self._changed = threading.Condition()
        self._phases: deque[tuple[int, str, dict[str, Any]]] = deque()
        self._said = 0
        self._log: BuildLog | None = None
        self._at = 0
        self._server = self._read()
        self.renewed: Callable[[Keys], None] = lambda keys: None
        self._renew_at = time.monotonic() + _RENEW_BEFORE_S
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self, build_log: BuildLog) -> None:
        """Begin to report."""
        self._log = build_log
        self._thread.start()

    def grown(self) -> None:
        """The log has more."""
        with self._changed:
            self._changed.notify_all()

    def phase(self, phase: str, status: str = "IN_PROGRESS", code: str = "", message: str = "") -> int:
        """A phase began or ended; a number to `wait` for."""
        said = {"phase": phase, "status": status, "time": time.time()}
        said |= {"statusCode": code[:200], "message": message[:10000]} if code or message else {}
        return self._push("PutPhase", said)

    def resolved(self, version: str) -> None:
        """What the source turned out to be."""
        self._push("PutSourceResolved", {"resolvedSourceVersion": version})

    def wait(self, number: int) -> bool:
        """Wait until the server has heard a report; false when the build was lost instead."""
        with self._changed:
            self._changed.wait_for(lambda: self.over or self._said - len(self._phases) >= number)
            return not self.over

    def finish(self, status: str, code: str, message: str, **results: Any) -> None:
        """Report the end, after everything else, and wait until the server has heard it (or long enough)."""
        said = {"status": status, "time": time.time(), **results}
        said |= {"statusCode": code[:200], "message": message[:10000]} if code or message else {}
        self._push("CompleteJob", said)
        self._thread.join(_LET_GO_S)

    def _push(self, operation: str, params: dict[str, Any]) -> int:
        with self._changed:
            self._said += 1
            number = self._said
            given = {**params, "sequence": number} if operation == "PutPhase" else params
            self._phases.append((self._log.size if self._log is not None else 0, operation, given))
            self._changed.notify_all()
        return number

    def _run(self) -> None:
        beat, pause = time.monotonic() + self._every, _PAUSE_S
        while not self.over:
            with self._changed:
                self._changed.wait_for(self._pending, max(0.0, beat - time.monotonic()))
            try:
                self._tell()
                self._ship()
                if time.monotonic() >= beat:
                    self._beat()
                    beat = time.monotonic() + self._every
                pause = _PAUSE_S
            except Refused as refused:
                if not self._survives(refused):
                    return
                pause = self._rest(pause)
            except AWAY:
                pause = self._rest(pause)

    def _pending(self) -> bool:
        return self.over or bool(self._phases) or (self._log is not None and self._log.size > self._at)

    def _tell(self) -> None:
        """Tell the phases in their order, each after what the log held when it began or ended."""
        while self._phases:
            size, operation, params = self._phases[0]
            self._ship(size)
            self._call(operation, params)
            with self._changed:
                self._phases.popleft()
                self.over = self.over or operation == "CompleteJob"
                self._changed.notify_all()

    def _ship(self, until: int | None = None) -> None:
        """Send the log up to an offset; without one as far as it goes, but never past a phase that is not told yet."""
        assert self._log is not None
        while not self.over and self._at < (end := self._end() if until is None else until):
            data = self._log.read(self._at, min(_CHUNK, end - self._at))
            onward = int(self._call("PutLogs", {"offset": self._at, "data": data})["nextOffset"])
            self._at = onward if onward > self._at else end  # the server keeps no more than it may

    def _end(self) -> int:
        assert self._log is not None
        size = self._log.size  # before the look at what waits: what is pushed after it stands behind all of this
        return min(size, self._phases[0][0]) if self._phases else size

    def _beat(self) -> None:
        wanted = time.monotonic() >= self._renew_at
        answer = self._call_plain("Heartbeat", {"holding": [{**self._held, "needsCredentials": wanted}]})
        if self._held["jobId"] in (answer.get("lost") or ()):
            raise Refused(400, "StaleFenceException", "the lease is over")
        for fresh in answer.get("credentials") or ():
            self._renew_at = time.monotonic() + _RENEW_BEFORE_S
            self.renewed(Keys.of(fresh["credentials"]))

    def _call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return self._call_plain(operation, {**self._held, **params})

    def _call_plain(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return self._server.call("codeyard-runner", operation, params)

    def _survives(self, refused: Refused) -> bool:
        """Whether to try again: a stale fence is the end, a refused key may have been renewed in the file."""
        if refused.code != "StaleFenceException" and (refused.status >= 500 or refused.status in (403, 429)):
            return True
        if refused.code == "ThrottlingException":
            return True
        log.info("build %s is not ours any more: %s", self._held["jobId"], refused)
        with self._changed:
            self.over = True
            self._changed.notify_all()
        self._lost()
        return False

    def _rest(self, pause: float) -> float:
        time.sleep(pause)
        try:
            self._server = self._read()
        except (OSError, ValueError, KeyError):
            log.warning("the configuration %s cannot be read", self._config)
        return min(pause * 2, _LONGEST_PAUSE_S)

    def _read(self) -> Server:
        found = Configuration.read(self._config)
        return Server(found.place, found.keys)
