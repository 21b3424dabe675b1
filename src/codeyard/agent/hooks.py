"""Runs hook scripts so that they outlive the agent: each in its own session, its end written to a file.

A restarted agent finds the script's folder (`claim`, `process`, `status`, `out`, `err`), attaches to what still runs
and reports it. `claim` is made by whoever is first, the script's wrapper or an agent that gives the script up; so a
script that was given up never starts later.
"""

from __future__ import annotations

import math
import os
import pwd
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from codeyard.formats.appspec import Hook

LOG_TAIL = 2048
SUCCEEDED, MISSING, NOT_EXECUTABLE, TIMED_OUT, FAILED, UNKNOWN, _, RESTARTED = range(8)
_STARTS_WITHIN = 2.0
_GRACE = 5.0
# $1 is the script's folder; the rest is the command. Nothing runs unless the claim was ours.
_WRAPPER = (
    'd=$1; shift; mkdir "$d/claim" 2>/dev/null || exit 0; read -r s < /proc/$$/stat; echo "$s" > "$d/process.new"; '
    'mv "$d/process.new" "$d/process"; "$@" > "$d/out" 2> "$d/err"; echo $? > "$d/status.new"; '
    'mv "$d/status.new" "$d/status"'
)


class HookError(Exception):
    """A script did not succeed. `code` is the protocol's error code, `log` the event's log so far."""

    def __init__(self, code: int, script: str, message: str, log: str = "") -> None:
        super().__init__(message)
        self.code, self.script, self.message, self.log = code, script, message, log


@dataclass(frozen=True, slots=True)
class Script:
    """A script to run: where it is, what to tell it, the folder of its run, and when its event's time ends."""

    hook: Hook
    path: Path
    run: Path
    cwd: Path
    environment: Mapping[str, str]
    until: float = math.inf


def execute(script: Script, stopping: Callable[[], bool]) -> str:
    """Run a script, or attach to its run; its log. HookError when it did not succeed; `stopping` leaves it running."""
    _check(script)
    child = None
    if not (script.run / "claim").exists():
        if time.time() >= script.until:
            message = f"Script at specified location: {script.hook.location} was not started: the event's time is over"
            raise HookError(TIMED_OUT, script.hook.location, message)
        child = _start(script)
    started = _await_process(script, child)
    _await_end(script, started, child, stopping)
    return _judge(script)


def begin(event: Path) -> float:
    """When the event's first script was come to, whichever agent process did so; kept in the event's folder."""
    event.mkdir(parents=True, exist_ok=True)
    mark = event / "begun"
    if not mark.exists():
        mark.touch()
    return mark.stat().st_mtime


def begun(run: Path) -> bool:
    """Whether a script's folder shows that it was begun with."""
    return run.exists()


def give_up(run: Path) -> bool:
    """Make sure that a script that was begun with, and did not start yet, never will; whether that was so."""
    deadline = time.monotonic() + _STARTS_WITHIN
    while not (run / "claim").exists():
        if time.monotonic() >= deadline:
            try:
                (run / "claim").mkdir()
            except FileExistsError:
                return False
            return True
        time.sleep(0.02)
    return False


def _check(script: Script) -> None:
    if (script.run / "process").exists():
        return
    if not script.path.is_file():
        raise HookError(MISSING, script.hook.location, f"Script does not exist at specified location: {script.path}")
    if not os.access(script.path, os.X_OK):
        try:
            script.path.chmod(script.path.stat().st_mode | 0o111)
        except OSError as error:
            message = f"Unable to set script at specified location: {script.hook.location} as executable"
            raise HookError(NOT_EXECUTABLE, script.hook.location, message) from error


def _start(script: Script) -> subprocess.Popen[bytes]:
    script.run.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        ["/bin/sh", "-c", _WRAPPER, "codeyard-hook", str(script.run), *_command(script)],
        cwd=script.cwd,
        env=dict(script.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _command(script: Script) -> list[str]:
    """The script as the user it asks for; su and sudo as AWS's agent uses them."""
    command = [str(script.path)]
    if script.hook.runas and not _is_me(script.hook.runas):
        command = ["su", script.hook.runas, "-c", shlex.join(command)]
    return ["sudo", *command] if script.hook.sudo and os.geteuid() != 0 else command


def _is_me(user: str) -> bool:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name == user
    except KeyError:
        return False


def _await_process(script: Script, child: subprocess.Popen[bytes] | None) -> float:
    """When the script started (the age of its claim); waits for its wrapper to say which process it is."""
    deadline = time.monotonic() + 10
    while not (script.run / "process").exists() and not (script.run / "status").exists():
        if time.monotonic() > deadline or (child is not None and child.poll() is not None):
            if (script.run / "process").exists() or (script.run / "status").exists():
                break
            raise HookError(UNKNOWN, script.hook.location, "The script's process could not be started")
        time.sleep(0.002)
    return (script.run / "claim").stat().st_mtime


def _await_end(
    script: Script, started: float, child: subprocess.Popen[bytes] | None, stopping: Callable[[], bool]
) -> None:
    status, pause = script.run / "status", 0.002
    allowed = min(script.hook.timeout, script.until - started)
    while not status.exists():
        left = started + allowed - time.time()
        if left <= 0:
            _kill(script.run, child)
            message = f"Script at specified location: {script.hook.location} failed to complete in "
            raise HookError(TIMED_OUT, script.hook.location, f"{message}{allowed:.0f} seconds", log(script))
        if stopping():
            raise InterruptedError
        alive = child.poll() is None if child is not None else _alive(script.run)
        if not alive and not status.exists():
            raise HookError(UNKNOWN, script.hook.location, "The script ended without an exit status", log(script))
        _pause(child, min(pause, left))
        pause = min(pause * 1.5, 0.1)
    if child is not None:
        child.wait()


def _pause(child: subprocess.Popen[bytes] | None, seconds: float) -> None:
    if child is None:
        time.sleep(seconds)
        return
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _judge(script: Script) -> str:
    text = (script.run / "status").read_text().strip()
    if text == "0":
        return log(script)
    user = f" run as user {script.hook.runas}" if script.hook.runas else ""
    message = f"Script at specified location: {script.hook.location}{user} failed with exit code {text}"
    raise HookError(FAILED, script.hook.location, message, log(script))


def log(script: Script) -> str:
    """What the script wrote, as the deployment's record shows it."""
    lines = [f"Script - {script.hook.location}"]
    for name, label in (("out", "[stdout]"), ("err", "[stderr]")):
        lines += [label + line for line in _tail(script.run / name).splitlines()]
    return "\n".join(lines) + "\n"


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_TAIL))
            return file.read(LOG_TAIL).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _identity(run: Path) -> tuple[int, str]:
    """The wrapper's process id and start time, as it wrote them."""
    text = (run / "process").read_text()
    return int(text.split(" ", 1)[0]), text.rpartition(")")[2].split()[19]


def _alive(run: Path) -> bool:
    try:
        pid, start = _identity(run)
        now = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return now[19] == start and now[0] != "Z"
    except (OSError, ValueError, IndexError):
        return False


def _kill(run: Path, child: subprocess.Popen[bytes] | None) -> None:
    """End the script's whole process group: asked first, then forced."""
    if not _alive(run):
        return
    group = _identity(run)[0]
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, which)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _GRACE
        while which == signal.SIGTERM and _alive(run) and time.monotonic() < deadline:
            _pause(child, 0.02)
    if child is not None:
        child.wait()
