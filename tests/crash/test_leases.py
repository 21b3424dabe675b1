"""A build whose runner is lost: offered again when none of its commands had begun, FAULT when one had.

A lease is a minute long by default; here it is shorter, so that less is waited for.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.crash.short import NAME, Short
from tests.crash.support import answered, wait_until, yard_in

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
    where = {"logGroupName": log["groupName"], "logStreamName": log["streamName"]}
    client = short.yard.client("logs")
    try:
        events = client.get_log_events(**where, startFromHead=True)["events"]
    except client.exceptions.ResourceNotFoundException:  # nothing of it has arrived yet
        return ""
    return "".join(event["message"] for event in events)


def begin_slow(short: Short) -> str:
    """Start a build and wait until its first command has run."""
    build = short.yard.client("codebuild").start_build(projectName=f"{NAME}-slow")["build"]["id"]
    wait_until("the build's first command", lambda: "\nbegun" in "\n" + lines(short, build), 60)
    return str(build)


def every_minute(short: Short) -> None:
    """Make a rule that fires at every full minute, and writes to a log group."""
    events, logs = short.yard.client("events"), short.yard.client("logs")
    logs.create_log_group(logGroupName="/aws/events/minutes")
    group = f"arn:aws:logs:{short.region}:{short.account}:log-group:/aws/events/minutes"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{group}:*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName="events", policyDocument=document)
    events.put_rule(Name="minutes", ScheduleExpression="cron(* * * * ? *)")
    events.put_targets(Rule="minutes", Targets=[{"Id": "1", "Arn": group}])


@pytest.mark.timeout(300)
def test_a_lost_build_is_offered_again_only_if_no_command_of_it_had_begun(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        yard.options = ["--runner-lease", "8"]
        yard.start()
        short = Short(yard)
        short.set_up(deploy=False)
        short.project(f"{NAME}-slow", SLOW)
        short.project(f"{NAME}-quick", QUICK)
        every_minute(short)
        begun = begin_slow(short)
        yard.kill_runner(builds=True)

        # The next is leased to a runner that never hears of it: the server dies between the lease and its answer.
        yard.kill_server()
        yard.start("engine.job.claimed")
        client = yard.client("codebuild")
        answered(lambda: client.start_build(projectName=f"{NAME}-quick"))
        yard.await_death()
        yard.kill_runner(builds=True)
        yard.start("engine.job.lapsed")
        yard.await_death(60)
        yard.start("engine.timer.fired")
        yard.await_death(70)
        yard.start()

        (unheard,) = client.list_builds_for_project(projectName=f"{NAME}-quick")["ids"]
        wait_until("the lost build ends FAULT", lambda: status(short, begun) == "FAULT", 90)
        wait_until("the build that nobody began succeeds", lambda: status(short, unheard) == "SUCCEEDED", 90)
        assert lines(short, begun).count("\nbegun") == 1, "a command ran again"
        assert "\nquick" in lines(short, unheard)
        fired = lambda: yard.client("logs").filter_log_events(logGroupName="/aws/events/minutes")["events"]  # noqa: E731
        wait_until("the timer that was lost with the server fires", fired)
