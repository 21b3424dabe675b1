"""A yard of real processes that tests kill: `codeyard serve` with its runner, one agent, and a short pipeline.

Everything is asked for as users ask: with git, boto3 and the command line. So it holds for any build of the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def wait_until(what: str, look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Look until it is there; an AssertionError that says `what` after `seconds`."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        pause.wait(0.03)
    return found


def descendants(roots: set[int]) -> set[int]:
    """The pids of these processes and of all that they started, while they live."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def kill(*pids: int) -> None:
    """SIGKILL; one that is gone already is no fault."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Background:
    """A thread beside a test, for as long as its `with` block: `_run` goes on until `_over` is set."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        raise NotImplementedError


class Crashyard:
    """The processes, on one port and one data folder, for as long as the test goes on killing them."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder, self.data = folder, folder / "data"
        self.ran = folder / "ran"
        self._database, self._mark = database, 0
        self.options: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._runners: list[subprocess.Popen[bytes]] = []
        self._clients: dict[str, Any] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    # -- the server

    def start(self, crash_at: str = "", after: int = 0, *, wait: bool = True) -> None:
        """Serve; with `crash_at`, the server dies at that point after it was passed `after` times.

        Its recovery may pass the point already: such a server is dead when this returns.
        """
        self._mark = len(self.log("server"))
        command = ["serve", "--data", str(self.data), "--port", str(self.port)]
        command += [*self.options, *(["--database", self._database] if self._database else [])]
        armed = {"CODEYARD_CRASH_AT": crash_at, "CODEYARD_CRASH_AFTER": str(after)} if crash_at else {}
        self._server = self._spawn("server", command, armed)
        if wait:
            wait_until("the server serves", lambda: (crash_at and self.died()) or self._serves(), 40)

    def _serves(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, f"the server ended: {self.log('server')[-3000:]}"
        if "Codeyard serves at" not in self.log("server")[self._mark :]:
            return False
        self.facts = json.loads((self.data / "endpoint.json").read_text())
        return True

    def died(self) -> bool:
        """Whether the server was killed."""
        return self._server is not None and self._server.poll() == -signal.SIGKILL

    def await_death(self, seconds: float = 60.0) -> None:
        """Wait until the server was killed by its crash point."""
        assert self._server is not None
        wait_until("the server dies at its crash point", lambda: self._server.poll() is not None, seconds)  # type: ignore[union-attr]
        assert self.died(), f"the server ended otherwise: {self.log('server')[-3000:]}"

    def kill_server(self) -> None:
        """SIGKILL for the server, and for it alone."""
        assert self._server is not None
        kill(self._server.pid)
        self._server.wait()

    def stop_server(self) -> None:
        """SIGTERM, as an administrator ends a server; returns when it has ended."""
        assert self._server is not None
        self._server.terminate()
        assert self._server.wait(20) == 0, "the server did not end in order"

    # -- the runner

    @property
    def runner(self) -> int:
        """The pid of the loop that claims builds."""
        return int((self.data / "runner" / "runner.pid").read_text())

    def kill_runner(self, *, builds: bool = False) -> None:
        """SIGKILL for the runner's loop; with `builds`, for every process that it started, too."""
        doomed = self.runner_tree() if builds else {self.runner}
        kill(*doomed)
        for child in self._runners:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.01)

    def runner_tree(self) -> set[int]:
        """The runner, its builds (they leave its session and outlive it) and all that they started."""
        config = str(self.data / "runner" / "local.json").encode()
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if config in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.add(int(entry.name))
        return descendants(found)

    def start_runner(self) -> None:
        """Start the runner again, as a supervisor would: the pid file tells a server which one is its own."""
        child = self._spawn("runner", ["runner", "--config", str(self.data / "runner" / "local.json")])
        self._runners.append(child)
        (self.data / "runner" / "runner.pid").write_text(str(child.pid))

    # -- the agent

    def start_agent(self) -> None:
        """Start the host's agent."""
        self._agent = self._spawn("agent", ["agent", "--config", str(self.folder / "host" / "agent.yml")])

    def kill_agent(self) -> None:
        """SIGKILL for the agent, and for it alone: a hook goes on."""
        assert self._agent is not None
        kill(self._agent.pid)
        self._agent.wait()

    # -- clients

    def client(self, service: str, keys: dict[str, str] | None = None) -> Any:
        """A boto3 client; kept, when it is the administrator's."""
        if keys is None and service in self._clients:
            return self._clients[service]
        made = boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=self.facts["region"],
            aws_access_key_id=(keys or self.facts)["access_key_id"],
            aws_secret_access_key=(keys or self.facts)["secret_access_key"],
            aws_session_token=(keys or {}).get("session_token"),
            config=Config(
                retries={"total_max_attempts": 1}, read_timeout=60, connect_timeout=20, s3={"addressing_style": "path"}
            ),
        )
        if keys is None:
            self._clients[service] = made
        return made

    def git(self, *arguments: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """git, with nothing of the user's own configuration."""
        plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        names = {f"GIT_{who}_{what}": "dev@x.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.folder / "work",
            env={"PATH": os.environ["PATH"], **plain, **names},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"git {arguments[0]}: {done.stderr}"
        return done

    def codeyard(self, *arguments: str) -> str:
        """Run the command line to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "codeyard.cli", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, name: str) -> str:
        """What a process of the yard has printed."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _spawn(self, name: str, arguments: list[str], more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CODEYARD_CRASH")} | (more or {})
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "codeyard.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def close(self) -> None:
        """Kill everything that is left, and remove the runner's folder where that lies outside of the data folder."""
        with contextlib.suppress(OSError, ValueError):
            kill(*self.runner_tree())
        for child in (self._agent, self._server, *self._runners):
            if child is not None:
                kill(child.pid)
                child.wait()
        config = self.data / "runner" / "local.json"
        if config.exists() and (work := json.loads(config.read_text()).get("work")):
            shutil.rmtree(work, ignore_errors=True)


def answered(call: Callable[[], Any]) -> Any:
    """The answer, or None when the server went away (or was not there) meanwhile; refusals are raised."""
    try:
        return call()
    except BotoCoreError:
        return None
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise AssertionError(f"the server failed: {error}") from error
        raise


@contextlib.contextmanager
def yard_in(folder: Path, database: str = "") -> Iterator[Crashyard]:
    """A yard that leaves no process behind."""
    yard = Crashyard(folder, database)
    try:
        yield yard
    finally:
        yard.close()
