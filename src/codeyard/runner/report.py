"""What a build tells the server: phases, log, end. Every call carries the lease's fence."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from codeyard.runner.client import Refused, Server

_BEAT_S = 15


class Report:
    """One build's reports. `lost` is set when the build is not this runner's any more, `stop` when it is to end."""

    def __init__(self, server: Server, build_id: str, fence: int) -> None:
        self._server = server
        self._held = {"buildId": build_id, "fence": fence}
        self.stop = threading.Event()
        self.lost = threading.Event()
        self._over = False
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def phase(self, kind: str, started: float, status: str = "", context: str = "", **more: Any) -> dict[str, Any]:
        """A phase began (no status) or ended; answers the buildspec's secret variables when it was sent."""
        phase: dict[str, Any] = {"phaseType": kind, "startTime": _micros(started)}
        if status:
            phase |= {"endTime": _micros(time.time()), "phaseStatus": status, "context": context[:5000]}
        answer = self._call("PutPhase", {"phase": json.dumps(phase), **more})
        found: dict[str, Any] = json.loads(answer.get("variables") or "{}")
        return found

    def phase_started(self) -> None:
        """The first command is about to run: from now on this build is never run again elsewhere."""
        self._call("PutPhase", {"commandsStarted": True})

    def logs(self, offset: int, data: bytes) -> int:
        """Ship log bytes; the server's next offset."""
        answer = self._call("PutLogs", {"offset": offset, "data": data})
        return max(int(answer.get("offset", 0)), offset + len(data))

    def complete(self, status: str, exported: list[dict[str, str]], artifacts: list[dict[str, Any]]) -> None:
        """The build is over."""
        result = {"status": status, "exported": exported, "artifacts": artifacts}
        self._call("CompleteJob", {"result": json.dumps(result)})
        self._over = True

    def close(self) -> None:
        """Stop the heartbeat."""
        self._over = True

    def _call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._server.runner(operation, {**self._held, **params})
        except Refused as refused:
            if refused.code == "StaleFenceException":
                self.lost.set()
                self.stop.set()
            raise

    def _beat(self) -> None:
        while not self._over and not self.lost.is_set():
            try:
                answer = self._server.runner("Heartbeat", {**self._held, "waitSeconds": _BEAT_S}, timeout=40)
            except (Refused, OSError):
                if not self._over:
                    self.lost.set()
                    self.stop.set()
                return
            if answer.get("stop"):
                self.stop.set()
                time.sleep(1)


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
