"""A process that dies at each of the engine's crash points goes on where it was when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from codeyard.engine import crash

WORKER = """
import sys
from pathlib import Path
from tests.unit.engine.bench import World

folder = Path(sys.argv[1])

def note(what):
    with open(folder / "notes", "a") as file:
        file.write(what + "\\n")

def deliver(token, payload):
    note("effect")
    world.db.write(lambda tx: tx.dirty("t.look", "a"))

world = World(folder, reconcilers={"t.look": lambda key: note("reconciled")}, effects={"t.call": deliver},
              lapsed={"q": lambda job_id: note("lapsed")})
world.kit.outbox.register(lambda tx, event: tx.effect("t.call", event.detail["token"], {}))
if sys.argv[2] == "begin":
    world.emit(token="t1")
    world.db.write(lambda tx: [tx.timer("t.look", "b", 1), tx.job("q", "j", {})])
world.engine.settle()
world.jobs.claim(["q"], "w", 1)
world.clock.advance(1000)
world.engine.settle()
note("end")
world.close()
"""
NAMES = sorted(name for name in crash.POINTS if name.startswith("engine."))


def run(folder: Path, word: str, point: str) -> int:
    environment = {**os.environ, "CODEYARD_CRASH_AT": point}
    command = [sys.executable, "-c", WORKER, str(folder), word]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode


@pytest.mark.parametrize("point", NAMES)
def test_a_death_at_this_point_loses_nothing(tmp_path: Path, point: str) -> None:
    assert run(tmp_path, "begin", point) == -signal.SIGKILL
    assert run(tmp_path, "again", point) in (0, -signal.SIGKILL), "perhaps a second death at the same point"
    assert run(tmp_path, "again", "") == 0
    notes = (tmp_path / "notes").read_text().split()
    assert {"effect", "reconciled", "lapsed", "end"} <= set(notes)
