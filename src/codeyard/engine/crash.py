"""Named crash points: where a test may have the process die, to show that what was answered survives."""

from __future__ import annotations

import os
import signal
import threading

ENVIRONMENT = "CODEYARD_CRASH_AT"
POINTS: dict[str, str] = {}
_armed = os.environ.get(ENVIRONMENT, "")
_left = [int(os.environ.get("CODEYARD_CRASH_AFTER", "0") or "0")]
_lock = threading.Lock()


def register(name: str, what: str) -> str:
    """Declare a crash point with what lies around it; returns the name, to be kept as a constant."""
    POINTS[name] = what
    return name


def crash_point(name: str) -> None:
    """Kill this process here when the environment names this point (after CODEYARD_CRASH_AFTER passes)."""
    if not _armed or _armed != name:
        return
    with _lock:
        _left[0] -= 1
        if _left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
