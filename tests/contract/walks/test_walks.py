"""Every operation of a service that is built, once at least, by boto3 and by the `aws` command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.engine import ManualClock
from tests.contract.walks import iam, others
from tests.contract.walks.steps import Step, by_aws, by_boto3, walk
from tests.support import quick_aws
from tests.support.yard import TestYard, wait_until

REPOSITORY = Path(__file__).parents[3]
WALKS: dict[str, tuple[list[Step], dict[tuple[str, str], str]]] = {
    "iam": (iam.STEPS, iam.ELSEWHERE),
    "kms": (others.KMS, {}),
    "cloudtrail": (others.CLOUDTRAIL, {}),
    "organizations": (others.ORGANIZATIONS, {}),
}


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[TestYard]:
    served = TestYard(tmp_path / "data", clock=ManualClock(time.time_ns() // 1000))
    yield served
    served.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `aws` command, already imported."""
    folder = tmp_path_factory.mktemp("aws")
    server = subprocess.Popen([sys.executable, "-m", "tests.support.quick_aws", f"{folder}/sock"], cwd=REPOSITORY)
    wait_until((folder / "sock").exists)
    quick_aws.install(folder, folder / "sock")
    yield folder / "aws"
    server.kill()
    server.wait()


def prepared(yard: TestYard, name: str) -> dict[str, Any]:
    """What a walk begins with."""
    if name != "iam":
        return others.world(yard)
    world: dict[str, Any] = iam.world(yard.clock.now())
    device = yard.client("iam").create_virtual_mfa_device(**iam.DEVICE)["VirtualMFADevice"]
    world |= {"serial": device["SerialNumber"], "seed": device["Base32StringSeed"]}
    return world


@pytest.mark.parametrize("name", WALKS)
def test_boto3_makes_the_walk(yard: TestYard, name: str) -> None:
    world = prepared(yard, name)
    walk(WALKS[name][0], by_boto3(yard, world), world)


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WALKS)
def test_the_aws_command_makes_the_walk(yard: TestYard, program: Path, tmp_path: Path, name: str) -> None:
    world = prepared(yard, name)
    walk(WALKS[name][0], by_aws(yard, world, program, tmp_path), world)


def test_no_operation_that_is_built_is_left_out(yard: TestYard) -> None:
    walked = {(step.service, step.operation) for steps, _ in WALKS.values() for step in steps}
    elsewhere = {one for _, more in WALKS.values() for one in more}
    services = {service for service, _ in walked}
    built = {(service, name) for service in services for name in yard.yard.gateway.registry.built(service)}
    assert built - walked - elsewhere == set()
    assert walked - built == set()
    assert elsewhere & walked == set()
