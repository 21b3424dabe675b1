"""Which process a runner is: the work folder tells a successor from a second one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from codeyard.runner.process import Process

# Says its token, forks a child as a runner does for a build, and waits to be killed.
_RUNNER = """
import os, sys, time
from pathlib import Path
from codeyard.runner.process import Process
made = Process(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(made.token, child, flush=True)
time.sleep(60)
"""


def _started(work: Path) -> tuple[subprocess.Popen[str], str, int]:
    process = subprocess.Popen([sys.executable, "-c", _RUNNER, str(work)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    token, child = process.stdout.readline().split()
    return process, token, int(child)


def test_a_process_beside_another_is_a_second_one_and_a_successor_the_same(tmp_path: Path) -> None:
    process, token, child = _started(tmp_path)
    try:
        beside = Process(tmp_path)
        assert beside.token != token
    finally:
        process.kill()
        process.wait()
    try:
        assert Process(tmp_path).token == token, "though a build of the one before still runs"
    finally:
        os.kill(child, signal.SIGKILL)


def test_runners_of_different_folders_are_different_processes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Process(tmp_path / "a").token != Process(tmp_path / "b").token
