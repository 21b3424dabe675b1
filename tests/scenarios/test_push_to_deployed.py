"""The main story, told by the demo itself: push, build, test, approve, deploy; a failing test; the fix."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.short import NAME, Short
from tests.crash.support import wait_until, yard_in

STEPS = (
    r"server started",
    r"users and roles made",
    r"bucket, repository, build projects, two staging and two production",
    r"pipeline made",
    r"git push \w{8} “A greeter”",
    r"the push's event started the pipeline",
    r"Source/Source succeeded",
    r"BuildAndTest/Build succeeded",
    r"BuildAndTest/Test succeeded",
    r"DeployStaging/Deploy succeeded",
    r"LoadTest/Hammer succeeded",
    r"approved with aws codepipeline put-approval-result",
    r"production deployed",
    r"all four hosts answer with commit",
    r"git push \w{8} “Greet faster”",
    r"the failing test stopped the pipeline: BuildAndTest/Test",
    r"AssertionError",
    r"nothing was deployed",
    r"git push \w{8} “Spell the greeting right again”",
    r"production deployed",
    r"all four hosts answer with commit",
    r"in all",
    r"Console \(works once\): http",
)


@pytest.mark.timeout(240)
def test_the_demo_succeeds_and_its_steps_are_all_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codeyard.cli", "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    at = 0
    for step in STEPS:
        found = re.compile(step).search(done.stdout, at)
        assert found, f"the demo does not tell, in its place: {step}\n{done.stdout}"
        at = found.end()
    wait_until("every process of the demo has ended", lambda: not processes_of(tmp_path))


def processes_of(folder: Path) -> list[str]:
    """The command lines of the processes that were started with this folder in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_push_is_built_and_deployed_on_either_database(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    with yard_in(tmp_path, database) as yard:
        yard.start()
        short = Short(yard)
        short.set_up()
        execution = short.execution_of(short.push())
        said = watched(yard.data, execution)

        ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended()}

        assert ended[execution] == "Succeeded"
        assert (tmp_path / "host" / "root" / "srv" / "release.txt").read_text() == "release 1\n"
        assert said[-1] == "Succeeded"
        assert [line for line in said if "│ [Container]" in line and "Phase complete: BUILD State: SUCCEEDED" in line]
        assert len(said) == len(set(said)), "no line comes twice"
        short.check()


def watched(data: Path, execution: str) -> list[str]:
    """What `codeyard watch` prints while the execution runs."""
    command = [sys.executable, "-m", "codeyard.cli", "watch", NAME, "--execution", execution, "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
