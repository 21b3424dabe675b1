"""Bounded load on loopback: reads and writes from eight clients; no fault, no answered write lost, memory bounded."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.crash.support import Crashyard, yard_in

SECONDS = 60.0
CLIENTS = 8
GROWTH = 150 * 1024 * 1024  # bytes that the server may grow by while it is warm and busy


class Caller:
    """One client that calls without a pause, and keeps what was answered."""

    def __init__(self, yard: Crashyard, number: int, until: float) -> None:
        self._until, self._number = until, number
        self._facts, self._url = yard.facts, f"http://127.0.0.1:{yard.port}"
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []
        self.written: dict[str, str] = {}
        self.thread = threading.Thread(target=self._run)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._url,
            region_name=self._facts["region"],
            aws_access_key_id=self._facts["access_key_id"],
            aws_secret_access_key=self._facts["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def _run(self) -> None:
        ssm, codecommit, events, s3 = (self._client(name) for name in ("ssm", "codecommit", "events", "s3"))
        turn = 0
        while time.monotonic() < self._until:
            name, value = f"/load/{self._number}/{turn % 500}", f"{self._number}-{turn}"
            self._call(ssm.put_parameter, Name=name, Value=value, Type="String", Overwrite=True)
            self.written[name] = value
            self._call(codecommit.get_repository, repositoryName="load")
            self._call(ssm.get_parameter, Name=name)
            entry = {"Source": "load", "DetailType": "tick", "Detail": json.dumps({"n": turn})}
            self._call(events.put_events, Entries=[entry])
            if turn % 10 == 0:
                self._call(s3.put_object, Bucket="load", Key=name, Body=value.encode() * 1000)
                self._call(s3.get_object, Bucket="load", Key=name)
            turn += 1

    def _call(self, operation: Any, **params: Any) -> None:
        begun = time.monotonic()
        answer = operation(**params)
        if "Body" in answer:
            answer["Body"].read()
        self.times.append(time.monotonic() - begun)
        self.statuses[answer["ResponseMetadata"]["HTTPStatusCode"]] += 1


def resident(yard: Crashyard) -> int:
    """The server's resident memory in bytes."""
    assert yard._server is not None
    pages = int(Path(f"/proc/{yard._server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def drive(yard: Crashyard, seconds: float) -> list[Caller]:
    """Let eight clients call for so long; those clients."""
    until = time.monotonic() + seconds
    callers = [Caller(yard, number, until) for number in range(CLIENTS)]
    for caller in callers:
        caller.thread.start()
    for caller in callers:
        caller.thread.join()
    return callers


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_busy_minute_has_no_fault_loses_no_write_and_needs_no_more_memory(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        yard.client("codecommit").create_repository(repositoryName="load")
        yard.client("s3").create_bucket(Bucket="load")
        drive(yard, SECONDS / 6)
        warm = resident(yard)
        callers = drive(yard, SECONDS)
        grown = resident(yard) - warm
        times = sorted(one for caller in callers for one in caller.times)
        p99 = times[len(times) * 99 // 100] * 1000
        print(f"{len(times) / SECONDS:.0f} calls/s by boto3, p99 {p99:.0f} ms, memory +{grown / 1e6:.0f} MB")
        assert sum((caller.statuses for caller in callers), Counter()).keys() == {200}
        yard.kill_server()
        yard.start()
        pages = yard.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/load/", Recursive=True)
        found = {one["Name"]: one["Value"] for page in pages for one in page["Parameters"]}
        assert {name: found.get(name) for c in callers for name in c.written} == {
            name: value for c in callers for name, value in c.written.items()
        }
        assert grown < GROWTH
