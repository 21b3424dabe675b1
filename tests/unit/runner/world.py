"""A served yard with a real runner beside it, and short words for what tests do with them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeyard.services.codebuild import enrol
from tests.support.yard import TestYard, wait_until

LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
OBJECTS = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::files/*"}
ENDS = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")


class Builds:
    """CodeBuild of a yard, and the runner that does its work."""

    def __init__(self, yard: TestYard, folder: Path, user: int = 0) -> None:
        self.yard, self._folder, self._user = yard, folder, user
        self.client = yard.client("codebuild")
        self.role = yard.role("build", "codebuild.amazonaws.com", [LOGS, OBJECTS])
        yard.client("s3").create_bucket(Bucket="files")
        keys = enrol(lambda s, o, p: yard.call(s, o, p), "test")
        found = {"endpoint": yard.endpoint, "region": "us-east-1", "work": str(folder / "work"), **keys}
        self.config = folder / "runner.json"
        self.config.write_text(json.dumps(found))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the runner, with more in its environment."""
        script = "import sys; from pathlib import Path; from codeyard.runner.main import run; "
        script += "run(Path(sys.argv[1]), flags=dict.fromkeys(sys.argv[2:], True))"
        log = (self._folder / "runner.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, str(self.config), *flags],
            stderr=log,
            stdout=log,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        return self._process

    def kill(self) -> None:
        """Kill the runner's loop, not its builds."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End the runner and every build that it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        for facts in (self._folder / "work" / "builds").glob("*/job.json"):
            os.kill(json.loads(facts.read_text())["pid"], signal.SIGTERM)

    def project(self, name: str, spec: str, **more: Any) -> None:
        """Make a project without a source."""
        given: dict[str, Any] = {
            "source": {"type": "NO_SOURCE", "buildspec": spec},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            "serviceRole": self.role,
            "tags": [{"key": "codeyard:network", "value": "none"}],
        }
        self.client.create_project(name=name, **{**given, **more})

    def begin(self, name: str, **more: Any) -> str:
        """Start a build; its id."""
        return str(self.client.start_build(projectName=name, **more)["build"]["id"])

    def get(self, build: str) -> dict[str, Any]:
        """The build as it stands."""
        found: dict[str, Any] = self.client.batch_get_builds(ids=[build])["builds"][0]
        return found

    def end(self, build: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until it has ended."""
        wait_until(lambda: self.get(build)["buildStatus"] in ENDS, seconds)
        return self.get(build)

    def run(self, name: str, **more: Any) -> dict[str, Any]:
        """Start and wait."""
        return self.end(self.begin(name, **more))

    def log(self, build: str) -> str:
        """The whole log as this server keeps it."""
        from codeyard.services.codebuild.logs import BuildLogs

        return BuildLogs(self.yard.yard.kit).read(build, 0, 1000)[0].decode()

    def phases(self, build: dict[str, Any]) -> dict[str, str]:
        """Phase by its status."""
        return {p["phaseType"]: p.get("phaseStatus", "") for p in build["phases"]}

    def put(self, key: str, files: dict[str, str]) -> None:
        """Put a zip of files into the bucket."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as bundle:
            for name, text in files.items():
                bundle.writestr(name, text)
        self.yard.client("s3").put_object(Bucket="files", Key=key, Body=packed.getvalue())


@contextmanager
def builds(yard: TestYard, folder: Path, *flags: str, **environment: str) -> Iterator[Builds]:
    """A runner for the time of a test."""
    world = Builds(yard, folder)
    world.start(*flags, **environment)
    try:
        yield world
    finally:
        world.stop()
