"""A server on an address that is not loopback's first: it speaks TLS alone, and everything beside it follows."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, HTTPSHandler, ProxyHandler, Request, build_opener

import pytest
from botocore.exceptions import ClientError

from codeyard.cli.endpoint import client
from tests.crash.support import wait_until

HOST = "127.0.0.2"  # any address but 127.0.0.1, ::1 and localhost counts as one beyond
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
SPEC = "version: 0.2\nphases:\n  build:\n    commands:\n      - aws_url=$AWS_ENDPOINT_URL; echo at ${aws_url%%:*}\n"


def codeyard(*arguments: str, **more: Any) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-m", "codeyard.cli", *arguments]


@contextmanager
def serving(data: Path, *options: str) -> Iterator[dict[str, Any]]:
    """What endpoint.json says of a server with the options, with its data folder."""
    server = subprocess.Popen(codeyard("serve", "--data", str(data), "--port", "0", *options))
    try:
        wait_until("the server serves", lambda: server.poll() is not None or (data / "endpoint.json").exists())
        yield {**json.loads((data / "endpoint.json").read_text()), "data": str(data)}
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A server on HOST."""
    with serving(tmp_path / "data", "--host", HOST) as found:
        yield found


def test_its_address_its_environment_and_its_runner_speak_tls(served: dict[str, Any]) -> None:
    assert served["endpoint"].startswith(f"https://{HOST}:")
    iam, codebuild = client(served, "iam"), client(served, "codebuild")
    role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    codebuild.create_project(
        name="over-tls",
        source={"type": "NO_SOURCE", "buildspec": SPEC},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role,
    )
    build = codebuild.start_build(projectName="over-tls")["build"]["id"]

    def ended() -> Any:
        found = codebuild.batch_get_builds(ids=[build])["builds"][0]
        return found if found["buildComplete"] else None

    found = wait_until("the build ends", ended, 60)
    assert found["buildStatus"] == "SUCCEEDED", found["phases"]


def test_the_console_is_reached_by_the_servers_own_address(served: dict[str, Any]) -> None:
    link = subprocess.run(codeyard("console", "--data", served["data"]), capture_output=True, text=True).stdout.strip()
    assert link.startswith(f"{served['endpoint']}/console/signin/once?token=")
    cookies, trusted = CookieJar(), ssl.create_default_context(cafile=served["ca"])
    browser = build_opener(ProxyHandler({}), HTTPSHandler(context=trusted), HTTPCookieProcessor(cookies))
    page, _, token = link.partition("?")
    with browser.open(Request(page, token.encode(), {"origin": served["endpoint"]}), timeout=60) as answer:
        assert (answer.url, answer.status) == (f"{served['endpoint']}/console/", 200)
        assert b"Pipelines" in answer.read()
    (cookie,) = cookies
    assert (cookie.secure, cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == (True, "/console", True)


def test_on_every_address_the_console_answers_under_the_public_name_with_a_certificate_of_it(tmp_path: Path) -> None:
    public = ("--host", "0.0.0.0", "--public-url", "https://code.example.com:4599")
    with serving(tmp_path / "data", "--no-runner", *public) as found:
        assert found["console"] == "https://code.example.com:4599/console"
        port, trusted = int(found["endpoint"].rpartition(":")[2]), ssl.create_default_context(cafile=found["ca"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as line,
            trusted.wrap_socket(line, server_hostname="code.example.com") as spoken,
        ):
            spoken.sendall(b"GET /console/signin HTTP/1.1\r\nHost: code.example.com:4599\r\nConnection: close\r\n\r\n")
            with spoken.makefile("rb") as answer:
                page = answer.read()
    assert b"200 OK" in page
    assert b'action="/console/signin"' in page


def test_an_object_on_the_host_of_the_console_runs_no_script(served: dict[str, Any]) -> None:
    s3 = client(served, "s3")
    s3.create_bucket(Bucket="pages")
    s3.put_object(Bucket="pages", Key="console/", Body=b"<script>1</script>", ContentType="text/html")
    headers = s3.get_object(Bucket="pages", Key="console/")["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["content-security-policy"], headers["x-content-type-options"]) == ("sandbox", "nosniff")
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        s3.create_bucket(Bucket="console")


def test_plain_http_gets_no_answer(served: dict[str, Any]) -> None:
    port = int(served["endpoint"].rpartition(":")[2])
    with socket.create_connection((HOST, port), timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: codeyard\r\n\r\n")
        with suppress(ConnectionResetError):
            assert plain.recv(100) == b""


def test_the_environment_of_env_reaches_it(served: dict[str, Any]) -> None:
    script = f'eval "$({sys.executable} -m codeyard.cli env --data {served["data"]})" && aws sts get-caller-identity'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert json.loads(done.stdout)["Account"] == served["account"], done.stderr


def test_a_second_server_on_its_data_is_told_what_is_wrong(served: dict[str, Any]) -> None:
    done = subprocess.run(codeyard("serve", "--data", served["data"], "--port", "0"), capture_output=True, text=True)
    assert done.returncode == 1
    assert "a server is already running on" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(served: dict[str, Any], tmp_path: Path) -> None:
    port = served["endpoint"].rpartition(":")[2]
    taken = codeyard("serve", "--data", str(tmp_path / "other"), "--host", HOST, "--port", port)
    done = subprocess.run(taken, capture_output=True, text=True)
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr
