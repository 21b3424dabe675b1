"""`--unsafe-local-builds`, as an administrator gives it to `codeyard serve` or to a runner elsewhere: whole builds that
run as the runner itself, with a record that says so."""

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

import boto3
from botocore.config import Config

from codeyard.runner.sandbox.unsafe import WORDS
from codeyard.services.codebuild import enrol
from tests.support.yard import wait_until

ENDS = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TOOLING = {"PIP_INDEX_URL": "https://mirror.test/simple", "SECRET_OF_THE_HOST": "not for builds"}


class Site:
    """A server as the command starts it, and its administrator's clients."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self._log = data.with_suffix(".log")
        self._server = _start(self._log, "serve", "--data", str(data), "--port", "0", *flags)
        wait_until(lambda: "Codeyard serves at" in self._said())
        self.facts = json.loads((data / "endpoint.json").read_text())

    def _said(self) -> str:
        assert self._server.poll() is None, self._log.read_text()
        return self._log.read_text()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["endpoint"],
            region_name=self.facts["region"],
            aws_access_key_id=self.facts["access_key_id"],
            aws_secret_access_key=self.facts["secret_access_key"],
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An IAM call, or one of the runner protocol, in the names of the API."""
        from codeyard.runner.client import Keys, Place, Server

        if service == "codeyard-runner":
            keys = Keys(self.facts["access_key_id"], self.facts["secret_access_key"])
            return Server(Place(self.facts["endpoint"], self.facts["region"]), keys).call(service, operation, params)
        client = self.client(service)
        method = {api: name for name, api in client.meta.method_to_api_mapping.items()}[operation]
        found: dict[str, Any] = getattr(client, method)(**params)
        return found

    def project(self, spec: dict[str, Any], **more: Any) -> None:
        """A project from a zip to a zip in the bucket `files`."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as bundle:
            bundle.writestr("buildspec.yml", json.dumps({"version": "0.2", **spec}))
            bundle.writestr("a.txt", "abc")
        s3 = self.client("s3")
        s3.create_bucket(Bucket="files")
        s3.put_object(Bucket="files", Key="source.zip", Body=packed.getvalue())
        trust = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam = self.client("iam")
        role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        allowed = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})
        iam.put_role_policy(RoleName="build", PolicyName="p", PolicyDocument=allowed)
        self.client("codebuild").create_project(
            name="app",
            source={"type": "S3", "location": "files/source.zip"},
            artifacts={"type": "S3", "location": "files", "name": "made.zip", "packaging": "ZIP"},
            environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole=role,
            **more,
        )

    def begin(self) -> str:
        return str(self.client("codebuild").start_build(projectName="app")["build"]["id"])

    def get(self, build: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("codebuild").batch_get_builds(ids=[build])["builds"][0]
        return found

    def end(self, build: str) -> dict[str, Any]:
        wait_until(lambda: self.get(build)["buildStatus"] in ENDS, 60)
        return self.get(build)

    def log(self, build: dict[str, Any]) -> str:
        """The build's log, once all of it is in CloudWatch Logs."""
        where = {"logGroupName": "/aws/codebuild/app", "logStreamName": build["id"].partition(":")[2]}
        logs = self.client("logs")

        def read() -> str:
            try:
                events = logs.get_log_events(**where, startFromHead=True)["events"]
            except logs.exceptions.ResourceNotFoundException:
                return ""
            text = "".join(one["message"] for one in events)
            return text if "Phase complete: UPLOAD_ARTIFACTS" in text else ""

        return str(wait_until(read, 30))

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(30)


def _start(log: Path, *words: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        command = [sys.executable, "-m", "codeyard.cli", *words]
        return subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **TOOLING})


@contextmanager
def _site(data: Path, *flags: str) -> Iterator[Site]:
    site = Site(data, *flags)
    try:
        yield site
    finally:
        site.close()


SPEC = {
    "env": {"exported-variables": ["WHO"], "variables": {"A": "1"}},
    "phases": {
        "install": {"commands": ["export WHO=$(id -un)", "echo I am $WHO in $PWD", "env"]},
        "build": {"commands": ["test $A$CODEBUILD_BUILD_SUCCEEDING = 11", "tr a-z A-Z <a.txt >b.txt"]},
        "post_build": {"commands": ['aws --version >/dev/null 2>&1; test -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI"']},
    },
    "artifacts": {"files": ["b.txt"]},
}


def _is_whole(site: Site, build: dict[str, Any]) -> None:
    """The build did everything, and says what it was held by: nothing."""
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    download = next(one for one in build["phases"] if one["phaseType"] == "DOWNLOAD_SOURCE")
    assert download["contexts"][0]["message"] == f"Sandbox: {WORDS}"
    made = site.client("s3").get_object(Bucket="files", Key="made.zip")["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(made)).read("b.txt") == b"ABC"


def test_serve_builds_without_a_sandbox_where_it_is_told_to(tmp_path: Path) -> None:
    with _site(tmp_path / "data", "--unsafe-local-builds", "--pass-host-tooling") as site:
        site.project(SPEC)
        build = site.end(site.begin())
        _is_whole(site, build)
        who = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        assert build["exportedEnvironmentVariables"] == [{"name": "WHO", "value": who}]
        log = site.log(build)
        assert f"I am {who} in {tmp_path}/data/runner/work/builds/" in log
        assert f"PIP_INDEX_URL={TOOLING['PIP_INDEX_URL']}\n" in log
        assert "SECRET_OF_THE_HOST" not in log, "even so, a build has no other variable of the runner's"
        folder = tmp_path / "data" / "runner" / "work" / "builds"
        wait_until(lambda: list(folder.iterdir()) == [])


def test_a_stopped_build_without_a_sandbox_leaves_no_process(tmp_path: Path) -> None:
    with _site(tmp_path / "data", "--unsafe-local-builds") as site:
        site.project({"phases": {"build": {"commands": ["echo $$ >/proc/self/fd/1; exec sleep 3600.25"]}}})
        build = site.begin()
        wait_until(lambda: _sleeping("3600.25"), 60)
        site.client("codebuild").stop_build(id=build)
        assert site.end(build)["buildStatus"] == "STOPPED"
        wait_until(lambda: not _sleeping("3600.25"))


def _sleeping(seconds: str) -> list[str]:
    """Processes of that very command."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_a_runner_elsewhere_builds_without_a_sandbox_where_it_is_told_to(tmp_path: Path) -> None:
    with _site(tmp_path / "data", "--no-runner") as site:
        site.project(SPEC)
        config, log = tmp_path / "runner.json", tmp_path / "runner.log"
        where = {"endpoint": site.facts["endpoint"], "region": site.facts["region"], "work": str(tmp_path / "work")}
        config.write_text(json.dumps({**enrol(site.call, "elsewhere"), **where}))
        build = site.begin()
        runner = _start(log, "runner", "--config", str(config), "--unsafe-local-builds", "--once")
        try:
            assert runner.wait(60) == 0, log.read_text()
        finally:
            if runner.poll() is None:
                os.kill(runner.pid, signal.SIGKILL)
        built = site.end(build)
        _is_whole(site, built)
        assert "PIP_INDEX_URL=" not in site.log(built), "the host's tooling is another flag's"


def test_a_build_without_a_sandbox_is_nobody_but_the_runner(tmp_path: Path) -> None:
    with _site(tmp_path / "data", "--unsafe-local-builds") as site:
        site.project({"run-as": "builder", "phases": {"build": {"commands": ["true"]}}})
        build = site.end(site.begin())
        download = next(one for one in build["phases"] if one["phaseType"] == "DOWNLOAD_SOURCE")
        assert build["buildStatus"] == "FAILED"
        assert "--unsafe-local-builds" in download["contexts"][0]["message"]
