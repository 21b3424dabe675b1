"""The server under the demo: started as a user starts it, spoken to with boto3, aws and git."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config


class DemoFailed(Exception):
    """Something did not happen as it should have; the message says what."""


def wait_for(what: str, look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Look until it is there; DemoFailed after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)
    return found


class Yard:
    """A served Codeyard in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Serve on any free port; returns once endpoint.json is there."""
        server = self.spawn("server", self.codeyard("serve", "--data", str(self.data), "--port", "0"))
        path = self.data / "endpoint.json"

        def ready() -> bool:
            if server.poll() is not None:
                raise DemoFailed(f"the server ended: {(self.folder / 'server.log').read_text()[-2000:]}")
            return path.exists()

        wait_for("the server's start", ready, 30)
        self.endpoint: dict[str, Any] = json.loads(path.read_text())
        self.environment = self._environment()

    def codeyard(self, *arguments: str) -> list[str]:
        """The command line of `codeyard …` from this installation."""
        beside = Path(sys.executable).with_name("codeyard")
        return [str(beside) if beside.exists() else "codeyard", *arguments]

    def spawn(self, name: str, command: list[str], **more: str) -> subprocess.Popen[bytes]:
        """A background process of the demo, its output in NAME.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **more}
            )
        self._children.append(child)
        return child

    def run(self, command: list[str], *, cwd: Path | None = None, **more: str) -> str:
        """Run to the end and return what it printed; DemoFailed with its error output otherwise."""
        environment = {**os.environ, **self.environment, **more}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"{shlex.join(command[:4])} …: {done.stderr.strip()[-1500:]}")
        return done.stdout

    def aws(self, *arguments: str, **more: str) -> Any:
        """Call the `aws` command line; its JSON answer."""
        beside = Path(sys.executable).with_name("aws")
        program = str(beside) if beside.exists() else shutil.which("aws") or "aws"
        printed = self.run([program, *arguments, "--output", "json"], cwd=None, **more)
        return json.loads(printed) if printed.strip() else {}

    def client(self, service: str) -> Any:
        """A boto3 client as the bootstrap administrator."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint["endpoint"],
            region_name=self.endpoint["region"],
            aws_access_key_id=self.endpoint["access_key_id"],
            aws_secret_access_key=self.endpoint["secret_access_key"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def stop(self) -> None:
        """End every process of the demo."""
        for child in reversed(self._children):
            child.terminate()
        for child in reversed(self._children):
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()

    def _environment(self) -> dict[str, str]:
        printed = subprocess.run(
            self.codeyard("env", "--data", str(self.data)), capture_output=True, text=True, check=True
        ).stdout
        pairs = (shlex.split(line)[1] for line in printed.splitlines() if line.startswith("export "))
        found = dict(pair.split("=", 1) for pair in pairs)
        found["AWS_CONFIG_FILE"] = found["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
        return found
