"""Server, runner and agent are killed at random moments of a short pipeline; nothing that was answered may be lost."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from tests.crash.short import Short
from tests.crash.support import Background, Crashyard, answered, yard_in

DEEP = bool(os.environ.get("CODEYARD_DEEP"))
LONGEST = 1.6  # seconds from a push to the kill: the pipeline takes about as long


class Writer(Background):
    """Writes parameters for as long as the test kills, and keeps which of them were answered."""

    def __init__(self, yard: Crashyard) -> None:
        super().__init__()
        self._yard = yard
        self.answered: list[str] = []

    def _run(self) -> None:
        client, number = self._yard.client("ssm"), 0
        while not self._over.wait(0.05):
            name = f"/written/{number}"
            if answered(lambda name=name: client.put_parameter(Name=name, Value=name, Type="String")):  # type: ignore[misc]
                self.answered.append(name)
            number += 1

    def check(self) -> None:
        """Every answered write can be read."""
        pages = self._yard.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/written/")
        found = {p["Name"]: p["Value"] for page in pages for p in page["Parameters"]}
        assert self.answered
        assert {found.get(name) for name in self.answered} == set(self.answered)


def one_kill(yard: Crashyard, short: Short, who: str, delay: float, *, builds: bool = False) -> None:
    """Push; kill `who` so many seconds after the push began; start it again."""
    kills = {"server": yard.kill_server, "runner": lambda: yard.kill_runner(builds=builds), "agent": yard.kill_agent}
    starts = {"server": yard.start, "runner": yard.start_runner, "agent": yard.start_agent}
    timer = threading.Timer(delay, kills[who])
    timer.start()
    short.push()
    timer.join()
    starts[who]()


def kill_again_and_again(folder: Path, kills: int, database: str = "", *, builds: bool = False) -> None:
    """The whole story: so many kills, one push that must get through, every invariant."""
    seed = int(os.environ.get("CODEYARD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"CODEYARD_SEED={seed}")
    dice = random.Random(seed)
    with yard_in(folder, database) as yard:
        yard.start()
        short = Short(yard)
        short.set_up()
        with Writer(yard) as writer:
            for number in range(kills):
                who = ("server", "runner", "agent")[number % 3]
                one_kill(yard, short, who, dice.uniform(0, LONGEST), builds=builds and dice.random() < 0.1)
            last = short.push()
            assert short.pushed[-1] == last, "a push to a running server was refused"
            execution = short.execution_of(last, 90)
            ended = {e["pipelineExecutionId"]: e["status"] for e in short.wait_ended(180)}
        assert ended[execution] == "Succeeded", short.action_executions()[:3]
        writer.check()
        short.check()


@pytest.mark.timeout(240)
def test_nothing_answered_is_lost_and_everything_ends_when_processes_are_killed_at_25_random_moments(
    tmp_path: Path,
) -> None:
    kill_again_and_again(tmp_path, 25)


@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_the_same_holds_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    kill_again_and_again(tmp_path, 6, postgres_url)


@pytest.mark.deep
@pytest.mark.skipif(not DEEP, reason="200 kills: make deep")
@pytest.mark.timeout(3000)
def test_the_same_holds_for_200_kills_that_end_running_builds_too(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 200, builds=True)
