"""A server that is killed while a trail delivers: afterwards every record stands in one file, and every file in one
digest of one chain. Hours pass on a clock that the killed process is given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeyard.platform.cloudtrail import delivery, digests

POINTS = (delivery.ASSIGNED, delivery.WRITTEN, digests.MADE, digests.WRITTEN)
WORKER = """
import json, sys
from pathlib import Path
from codeyard.engine import ManualClock
from tests.support.trails import act, content, delivered, keys, make_trail, parameters, pass_time
from tests.support.yard import TestYard

folder, begins, at = Path(sys.argv[1]), sys.argv[2] == "begin", int(sys.argv[3])
yard = TestYard(folder / "data", clock=ManualClock(at))
if begins:
    make_trail(yard)
    act(yard, "/one")
else:
    act(yard, "/" + sys.argv[2])
pass_time(yard, 70)
found = {
    "names": sorted(parameters(delivered(yard))),
    "files": keys(yard, "CloudTrail"),
    "digests": [content(yard, key) for key in keys(yard, "CloudTrail-Digest")],
}
(folder / "found.json").write_text(json.dumps(found))
yard.close()
"""


def _run(folder: Path, word: str, at: int, point: str = "") -> int:
    environment = {**os.environ, "CODEYARD_CRASH_AT": point}
    command = [sys.executable, "-c", WORKER, str(folder), word, str(at)]
    return subprocess.run(command, env=environment, check=False, timeout=90).returncode


@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_a_trail_delivers_loses_and_doubles_nothing(tmp_path: Path, point: str) -> None:
    began = time.time_ns() // 1000
    assert _run(tmp_path, "begin", began, point) == -signal.SIGKILL
    assert _run(tmp_path, "two", began + 4_000_000_000, point) == -signal.SIGKILL, "the recovery dies as well"
    assert _run(tmp_path, "three", began + 8_000_000_000) == 0
    found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    assert found["names"] == ["/one", "/three", "/two"]
    named = [file["s3Object"] for one in found["digests"] for file in one["logFiles"]]
    assert sorted(named) == sorted(found["files"])
    links = [one["previousDigestS3Object"] for one in found["digests"]]
    assert links == [None, *[one["digestS3Object"] for one in found["digests"][:-1]]]
