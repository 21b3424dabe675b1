"""Debian's `aws`, version 2 of the command line: it has commands that version 1 has not, and another botocore."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.yard import TestYard

AWS = Path("/usr/bin/aws")
pytestmark = pytest.mark.skipif(not AWS.exists(), reason="Debian's awscli is not installed (tools/setup installs it)")


def command(yard: TestYard, *arguments: str) -> list[str]:
    """The command line; this version knows no AWS_ENDPOINT_URL."""
    return [str(AWS), "--endpoint-url", yard.endpoint, *arguments]


def run(yard: TestYard, *arguments: str) -> str:
    """What a command printed."""
    done = subprocess.run(
        command(yard, *arguments), env=yard.environment(), capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_logs_tail_follows_what_is_written_after_it_began(running_yard: TestYard) -> None:
    logs = running_yard.client("logs")
    logs.create_log_group(logGroupName="tailed")
    logs.create_log_stream(logGroupName="tailed", logStreamName="s")

    def put(text: str) -> None:
        line = {"timestamp": running_yard.clock.now() // 1000, "message": text}
        logs.put_log_events(logGroupName="tailed", logStreamName="s", logEvents=[line])

    put("before")
    tail = subprocess.Popen(
        command(running_yard, "logs", "tail", "tailed", "--follow", "--format", "short"),
        env={**running_yard.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tail.stdout is not None
    try:
        assert tail.stdout.readline().endswith("before\n")
        put("after")
        assert tail.stdout.readline().endswith("after\n")
    finally:
        tail.kill()
        tail.wait()


def test_every_protocol_answers_the_second_command_line(running_yard: TestYard, tmp_path: Path) -> None:
    yard = running_yard
    assert json.loads(run(yard, "sts", "get-caller-identity"))["Account"] == yard.account
    assert json.loads(run(yard, "codecommit", "create-repository", "--repository-name", "two"))["repositoryMetadata"]
    (tmp_path / "file").write_bytes(b"bytes\n")
    run(yard, "s3", "mb", "s3://second")
    run(yard, "s3", "cp", str(tmp_path / "file"), "s3://second/key")
    assert run(yard, "s3", "cp", "s3://second/key", "-") == "bytes\n"
