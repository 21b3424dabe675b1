"""A whole server in this process, on a free port, with a clock that tests move and an engine that tests drain."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from codeyard.contract import Principal
from codeyard.engine import ManualClock
from codeyard.main import Options, Yard


class TestYard:
    """The server under test, and every way in which tests talk to it."""

    __test__ = False

    def __init__(
        self, data: Path, *, threaded_engine: bool = False, database: str = "", clock: Any = None, **options: Any
    ) -> None:
        self.data = data
        self.yard = Yard(Options(data=data, database=database, **options), clock=clock)
        self.yard.wire.strict = True
        self.facts = self.yard.open()
        self.clock = self.yard.clock
        self.endpoint = self.facts["endpoint"]
        self.tls_endpoint = self.endpoint.replace("http://", "https://")
        self._serve()
        if threaded_engine:
            self.yard.engine.start()

    @property
    def account(self) -> str:
        """The bootstrap account."""
        return str(self.facts["account"])

    @property
    def bundle(self) -> str:
        """A file with the system's CAs and the server's own."""
        return str(self.data / "ca-bundle.pem")

    def client(self, service: str, *, keys: Mapping[str, str] | None = None, tls: bool = False, **config: Any) -> Any:
        """A boto3 client, as the administrator or with `keys` (access_key_id, secret_access_key, session_token)."""
        keys = keys or self.facts
        return boto3.client(
            service,
            endpoint_url=self.tls_endpoint if tls else self.endpoint,
            region_name=config.pop("region", self.facts["region"]),
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
            aws_session_token=keys.get("session_token"),
            verify=self.bundle if tls else None,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **config),
        )

    def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call in process as the administrator; raises AwsError."""
        return self.caller().call(service, operation, params or {})

    def caller(self, principal: Principal | None = None) -> Any:
        """An in-process client of a principal; the administrator by default."""
        principal = principal or self.yard.identity.credential(self.facts["access_key_id"], "").principal
        return self.yard.gateway.client(principal, principal.account, self.facts["region"])

    def user(self, name: str, policy: Mapping[str, Any] | list[Any] | None = None) -> dict[str, str]:
        """Make a user with an inline policy (a document, or its statements); its keys."""
        self.call("iam", "CreateUser", {"UserName": name})
        if policy is not None:
            document = {"Version": "2012-10-17", "Statement": policy} if isinstance(policy, list) else policy
            allowed = {"UserName": name, "PolicyName": "inline", "PolicyDocument": json.dumps(document)}
            self.call("iam", "PutUserPolicy", allowed)
        key = self.call("iam", "CreateAccessKey", {"UserName": name})["AccessKey"]
        return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}

    def role(self, name: str, service: str, statements: list[Any]) -> str:
        """Make a role that a service (its host name) may assume; its ARN."""
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        made = self.call("iam", "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": document})
        allowed = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "inline", "PolicyDocument": allowed})
        return str(made["Role"]["Arn"])

    def settle(self) -> None:
        """Drain the engine until nothing is due."""
        self.yard.engine.settle()

    def trail(self) -> list[dict[str, Any]]:
        """Every record of the trail so far, oldest first."""
        self.yard.gateway.auditor.flush()
        found = self.client("cloudtrail").get_paginator("lookup_events").paginate()
        events = [event for page in found for event in page["Events"]]
        return [json.loads(event["CloudTrailEvent"]) for event in reversed(events)]

    def environment(self, keys: Mapping[str, str] | None = None, *, tls: bool = False) -> dict[str, str]:
        """What `codeyard env` sets, for subprocesses, over a clean environment."""
        keys = keys or self.facts
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        bundle = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO")
        return {
            **kept,
            **dict.fromkeys((*bundle, "NODE_EXTRA_CA_CERTS"), self.bundle),
            "AWS_ENDPOINT_URL": self.tls_endpoint if tls else self.endpoint,
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            **({"AWS_SESSION_TOKEN": keys["session_token"]} if "session_token" in keys else {}),
            "AWS_DEFAULT_REGION": self.facts["region"],
            "AWS_REGION": self.facts["region"],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CODE_COMMIT_ENDPOINT": self.endpoint.removeprefix("http://"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
        }

    def close(self) -> None:
        """Stop serving."""
        self._server.stop()
        self._thread.join(timeout=15)
        self.yard.close()

    def _serve(self) -> None:
        started = threading.Event()
        self._server = self.yard.server(started.set)
        self._server.config.timeout_graceful_shutdown = 1
        self._thread = threading.Thread(target=self._server.run, name="server", daemon=True)
        self._thread.start()
        assert started.wait(60), "the server did not start"
        self.yard.front.serving = True


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[TestYard]:
    """A server whose engine only moves when the test calls settle(); its clock is the test's."""
    served = TestYard(tmp_path / "data", clock=_now_clock())
    yield served
    served.close()


@pytest.fixture
def running_yard(tmp_path: Path) -> Iterator[TestYard]:
    """A server as in production: the machine's clock, the engine in its own threads."""
    served = TestYard(tmp_path / "data", threaded_engine=True)
    yield served
    served.close()


@pytest.fixture(scope="module")
def module_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestYard]:
    """One server for all tests of a module that do not disturb each other."""
    served = TestYard(tmp_path_factory.mktemp("yard") / "data", clock=_now_clock())
    yield served
    served.close()


def _now_clock() -> ManualClock:
    """A clock that tests move, beginning now: clients sign with the machine's time."""
    return ManualClock(time.time_ns() // 1000)


def wait_until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait on a condition; its first true value."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.02)
    return found
