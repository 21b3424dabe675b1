"""A build whose runner is lost: offered again when none of its commands had begun, FAULT when one had.

A lease is a minute long, so the three losses are laid beside each other and waited for once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.support import Short, answered, wait_until, yard_in

SLOW = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo begun\n      - sleep 300\n"
QUICK = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo quick\n"


def status(short: Short, build: str) -> str:
    """How a build stands; empty while the server is away."""
    found = answered(lambda: short.yard.client("codebuild").batch_get_builds(ids=[build])["builds"])
    return str(found[0]["buildStatus"]) if found else ""


def lines(short: Short, build: str) -> str:
    """What a build's log says so far."""
    log = short.yard.client("codebuild").batch_get_builds(ids=[build])["builds"][0].get("logs", {})
    if not log.get("streamName"):
        return ""
    events = short.yard.client("logs").get_log_events(
        logGroupName=log["groupName"], logStreamName=log["streamName"], startFromHead=True
    )["events"]
    return "".join(event["message"] for event in events)


def begin_slow(short: Short) -> str:
    """Start a build and wait until its first command has run."""
    build = short.yard.client("codebuild").start_build(projectName="slow")["build"]["id"]
    wait_until("the build's first command", lambda: "\nbegun" in "\n" + lines(short, build), 60)
    return str(build)


@pytest.mark.timeout(240)
def test_a_lost_build_is_offered_again_only_if_no_command_of_it_had_begun(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.start()
        short = Short(yard)
        short.set_up(deploy=False)
        short.project("slow", SLOW)
        short.project("quick", QUICK)
        begun = begin_slow(short)
        yard.kill_runner(builds=True)

        # The next is leased to a runner that never hears of it: the server dies between the lease and its answer.
        yard.kill_server()
        yard.start("engine.job.claimed")
        started = answered(lambda: yard.client("codebuild").start_build(projectName="quick"))
        yard.await_death()
        yard.kill_runner(builds=True)
        yard.start("engine.job.lapsed")
        yard.await_death(100)
        yard.start()

        client = yard.client("codebuild")
        unheard = started["build"]["id"] if started else client.list_builds_for_project(projectName="quick")["ids"][0]
        wait_until("the lost build ends FAULT", lambda: status(short, begun) == "FAULT", 90)
        wait_until("the build that nobody began succeeds", lambda: status(short, unheard) == "SUCCEEDED", 90)
        assert lines(short, begun).count("\nbegun") == 1, "a command ran again"
        assert "quick" in lines(short, unheard)
