"""Hook scripts: their ends, their logs, and how they outlive the agent."""

from __future__ import annotations

import os
import pwd
import threading
import time
from pathlib import Path

import pytest

from codeyard.agent import hooks
from codeyard.agent.hooks import HookError, Script, execute, give_up
from codeyard.formats.appspec import Hook

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def script(folder: Path, text: str, timeout: int = 20, **hook: object) -> Script:
    path = folder / "run.sh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return Script(Hook("run.sh", timeout, **hook), path, folder / "run", folder, ENVIRONMENT)  # type: ignore[arg-type]


def never() -> bool:
    return False


def failure(found: Script) -> HookError:
    with pytest.raises(HookError) as caught:
        execute(found, never)
    return caught.value


def test_the_log_tells_both_streams(tmp_path: Path) -> None:
    log = execute(script(tmp_path, "echo one; echo two; echo bad >&2\n"), never)
    assert log == "Script - run.sh\n[stdout]one\n[stdout]two\n[stderr]bad\n"


def test_only_the_end_of_a_long_log_is_kept_and_any_bytes_are_taken(tmp_path: Path) -> None:
    log = execute(script(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x; printf '\\377end'\n"), never)
    assert log.endswith("end\n")
    assert len(log) < 3000


def test_an_exit_code_is_told(tmp_path: Path) -> None:
    error = failure(script(tmp_path, "echo why\nexit 7\n"))
    assert (error.code, error.message) == (
        hooks.FAILED,
        "Script at specified location: run.sh failed with exit code 7",
    )
    assert "[stdout]why" in error.log


def test_a_missing_script_is_told(tmp_path: Path) -> None:
    found = script(tmp_path, "")
    found.path.unlink()
    assert failure(found).code == hooks.MISSING


def test_a_script_without_its_execute_bit_gets_it(tmp_path: Path) -> None:
    found = script(tmp_path, "echo ran\n")
    found.path.chmod(0o644)
    assert "ran" in execute(found, never)


def test_a_timeout_ends_the_script_and_all_that_it_started(tmp_path: Path) -> None:
    found = script(tmp_path, 'sleep 100 &\necho $! > "$PWD/child"\nwait\n', timeout=1)
    error = failure(found)
    assert (error.code, error.message) == (
        hooks.TIMED_OUT,
        "Script at specified location: run.sh failed to complete in 1 seconds",
    )
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 60
    while running(child):
        assert time.monotonic() < deadline


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_script_leaves_in_the_background_goes_on(tmp_path: Path) -> None:
    execute(script(tmp_path, 'sleep 100 > /dev/null 2>&1 &\necho $! > "$PWD/child"\n'), never)
    child = int((tmp_path / "child").read_text())
    assert running(child)
    os.kill(child, 9)


def test_a_script_that_runs_already_is_attached_to_and_not_started_again(tmp_path: Path) -> None:
    found = script(tmp_path, 'echo ran >> "$PWD/count"\nwhile [ ! -e "$PWD/go" ]; do sleep 0.02; done\nexit 5\n')
    stop = threading.Event()
    ended: list[str] = []

    def begin() -> None:
        try:
            execute(found, stop.is_set)
        except InterruptedError:
            ended.append("interrupted")

    first = threading.Thread(target=begin)
    first.start()
    while not (tmp_path / "count").exists():
        first.join(0.01)
    stop.set()
    first.join(60)
    assert ended == ["interrupted"]
    (tmp_path / "go").touch()
    assert failure(found).code == hooks.FAILED
    assert (tmp_path / "count").read_text() == "ran\n"


def test_a_script_that_was_given_up_never_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_STARTS_WITHIN", 0.05)
    found = script(tmp_path, 'touch "$PWD/ran"\n')
    found.run.mkdir()
    assert give_up(found.run)
    child = hooks._start(found)
    assert child.wait(60) == 0
    assert not (tmp_path / "ran").exists()


def test_a_script_that_has_started_cannot_be_given_up(tmp_path: Path) -> None:
    found = script(tmp_path, "exit 0\n")
    execute(found, never)
    assert not give_up(found.run)
    assert "Script - run.sh" in execute(found, never)


def test_a_script_that_is_killed_from_outside_is_told_as_unknown(tmp_path: Path) -> None:
    found = script(tmp_path, "sleep 100\n")
    errors: list[HookError] = []
    waiting = threading.Thread(target=lambda: errors.append(failure(found)))
    waiting.start()
    while not (found.run / "process").exists():
        waiting.join(0.01)
    os.killpg(hooks._identity(found.run)[0], 9)
    waiting.join(60)
    assert [error.code for error in errors] == [hooks.UNKNOWN]


def test_another_user_and_sudo_are_asked_for_as_the_specification_says(tmp_path: Path) -> None:
    path = str(tmp_path / "run.sh")
    assert hooks._command(script(tmp_path, "", runas="somebody")) == ["su", "somebody", "-c", path]
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert hooks._command(script(tmp_path, "", runas=me)) == [path]
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    assert hooks._command(script(tmp_path, "", sudo=True)) == [*sudo, path]


def test_a_user_that_is_not_there_fails_the_script(tmp_path: Path) -> None:
    error = failure(script(tmp_path, "", runas="nobody-of-that-name"))
    assert error.code == hooks.FAILED
    assert "run as user nobody-of-that-name" in error.message


def test_a_script_sees_only_the_environment_that_it_is_given(tmp_path: Path) -> None:
    log = execute(script(tmp_path, "env\n"), never)
    names = {line.removeprefix("[stdout]").partition("=")[0] for line in log.splitlines()[1:]}
    assert names <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_path_with_spaces_and_quotes_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "a b'c$d"
    folder.mkdir()
    assert "ran" in execute(script(folder, "echo ran\n"), never)
