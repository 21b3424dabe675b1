"""The fleet rules, as tables: who is started, who is left out, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from codeyard.services.codedeploy.model import (
    Changes,
    Fault,
    Fleet,
    Host,
    decide,
    diagnostics,
    minimum_healthy,
    selected,
    standing,
)

LATER = 10**15
ONE_AT_A_TIME = {"type": "MOST_CONCURRENCY", "value": 1}
HALF = {"type": "FLEET_PERCENT", "value": 50}
ALL = {"type": "FLEET_PERCENT", "value": 0}


def percent(value: int) -> dict[str, object]:
    return {"type": "FLEET_PERCENT", "value": value}


def count(value: int) -> dict[str, object]:
    return {"type": "HOST_COUNT", "value": value}


def run(
    rule: dict[str, object], hosts: int, outcomes: Sequence[bool], healthy: bool = True
) -> tuple[str, str, int, int]:
    """Play a deployment: hosts end in the order they were started, as `outcomes` says (True for the rest).

    Answers the final status, the error code, how many succeeded and the most in flight at once.
    """
    status = {str(n): "Pending" for n in range(hosts)}
    minimum, ends, widest, flying = minimum_healthy(rule, hosts), list(outcomes), 0, []
    fault: Fault | None = None
    for _ in range(10 * hosts + 10):
        members = [Host(t, s, "old" if healthy else "unhealthy", s == "InProgress") for t, s in status.items()]
        changes = decide(Fleet(members, minimum, LATER, False, fault), 0)
        fault = changes.fault or fault
        if changes.end:
            succeeded = sum(s == "Succeeded" for s in status.values())
            return changes.end, fault.code if fault else "", succeeded, widest
        for token in changes.start:
            status[token] = "InProgress"
            flying.append(token)
        for token in changes.skip:
            status[token] = "Skipped"
        widest = max(widest, len(flying))
        if flying:
            ok = ends.pop(0) if ends else True
            status[flying.pop(0)] = "Succeeded" if ok else "Failed"
    raise AssertionError("the deployment did not end")


@pytest.mark.parametrize(
    ("rule", "hosts", "outcomes", "expected"),
    [
        # 95 % of ten hosts is ten: nothing may be taken down, so it fails at once
        (percent(95), 10, [], ("Failed", "HEALTH_CONSTRAINTS_INVALID", 0, 0)),
        (count(10), 10, [], ("Failed", "HEALTH_CONSTRAINTS_INVALID", 0, 0)),
        # nine of ten: one at a time
        (count(9), 10, [], ("Succeeded", "", 10, 1)),
        (count(9), 10, [False], ("Failed", "HEALTH_CONSTRAINTS", 0, 1)),
        (percent(90), 10, [True] * 9 + [False], ("Succeeded", "", 9, 1)),
        # eight of ten: two at a time, two failures fail it
        (count(8), 10, [], ("Succeeded", "", 10, 2)),
        (count(8), 10, [False], ("Succeeded", "", 9, 2)),
        (count(8), 10, [False, False], ("Failed", "HEALTH_CONSTRAINTS", 0, 2)),
        (count(8), 10, [True] * 8 + [False, False], ("Succeeded", "", 8, 2)),
        # none: all at once, but one must succeed
        (ALL, 10, [], ("Succeeded", "", 10, 10)),
        (ALL, 10, [False] * 9, ("Succeeded", "", 1, 10)),
        (ALL, 10, [False] * 10, ("Failed", "HEALTH_CONSTRAINTS", 0, 10)),
        (count(0), 3, [], ("Succeeded", "", 3, 3)),
        # one at a time: the last host may fail, unless it is the only one
        (ONE_AT_A_TIME, 3, [True, True, False], ("Succeeded", "", 2, 1)),
        (ONE_AT_A_TIME, 3, [True, False], ("Failed", "HEALTH_CONSTRAINTS", 1, 1)),
        (ONE_AT_A_TIME, 1, [], ("Succeeded", "", 1, 1)),
        (ONE_AT_A_TIME, 1, [False], ("Failed", "HEALTH_CONSTRAINTS", 0, 1)),
        # half of nine: four at a time, five must succeed
        (HALF, 9, [], ("Succeeded", "", 9, 4)),
        (HALF, 9, [False] * 3, ("Succeeded", "", 6, 4)),
        (HALF, 9, [False] * 4, ("Failed", "HEALTH_CONSTRAINTS", 0, 4)),
        (HALF, 9, [True] * 5 + [False] * 4, ("Succeeded", "", 5, 4)),
    ],
)
def test_minimum_healthy_hosts(
    rule: dict[str, object], hosts: int, outcomes: list[bool], expected: tuple[str, str, int, int]
) -> None:
    assert run(rule, hosts, outcomes) == expected


@pytest.mark.parametrize(("rule", "hosts", "widest"), [(ONE_AT_A_TIME, 4, 1), (HALF, 4, 2), (ALL, 4, 4)])
def test_a_fleet_that_was_never_deployed_to_is_deployed_to_in_the_same_steps(
    rule: dict[str, object], hosts: int, widest: int
) -> None:
    assert run(rule, hosts, [], healthy=False) == ("Succeeded", "", hosts, widest)


@pytest.mark.parametrize(
    ("rule", "hosts", "minimum"),
    [(percent(95), 10, 10), (HALF, 9, 5), (HALF, 8, 4), (ALL, 8, 0), (ONE_AT_A_TIME, 8, 7), (count(3), 8, 3)],
)
def test_the_minimum_is_rounded_up(rule: dict[str, object], hosts: int, minimum: int) -> None:
    assert minimum_healthy(rule, hosts) == minimum


def test_hosts_are_taken_in_the_order_unhealthy_unknown_old_current() -> None:
    hosts = [Host(name, "Pending", name) for name in ("current", "old", "unknown", "unhealthy")]
    assert decide(Fleet(hosts, 0, LATER), 0).start == ("unhealthy", "unknown", "old", "current")
    assert decide(Fleet(hosts, 3, LATER), 0).start == ("unhealthy",)


def test_a_deployment_without_hosts_fails() -> None:
    changes = decide(Fleet([], 0, LATER), 0)
    assert changes.end == "Failed"
    assert changes.fault is not None
    assert changes.fault.code == "NO_INSTANCES"


def test_a_stop_leaves_out_who_waits_and_lets_a_running_command_end() -> None:
    hosts = [Host("a", "InProgress", held=True), Host("b", "InProgress"), Host("c", "Pending")]
    assert decide(Fleet(hosts, 0, LATER, stopping=True), 0) == Changes(skip=("c",), halt=("b",))
    hosts = [Host("a", "Succeeded"), Host("b", "Skipped"), Host("c", "Skipped")]
    assert decide(Fleet(hosts, 0, LATER, stopping=True), 0).end == "Stopped"


def test_a_failing_deployment_lets_hosts_in_progress_end() -> None:
    hosts = [Host("a", "Failed"), Host("b", "InProgress"), Host("c", "Pending"), Host("d", "Pending")]
    changes = decide(Fleet(hosts, 3, LATER), 0)
    assert (changes.skip, changes.halt, changes.end) == (("c", "d"), (), None)
    assert changes.fault is not None
    hosts = [Host("a", "Failed"), Host("b", "Succeeded"), Host("c", "Skipped"), Host("d", "Skipped")]
    ended = decide(Fleet(hosts, 3, LATER, fault=changes.fault), 0)
    assert (ended.end, ended.fault) == ("Failed", None)


def test_a_deployment_that_does_not_end_in_time_is_ended() -> None:
    hosts = [Host("a", "InProgress", held=True), Host("b", "Pending"), Host("c", "Succeeded")]
    changes = decide(Fleet(hosts, 0, 100), 100)
    assert (changes.skip, changes.halt, changes.end) == (("b",), ("a",), "Failed")
    assert changes.fault is not None
    assert changes.fault.code == "TIMEOUT"


def test_nothing_changes_while_hosts_are_at_work_and_no_more_may_start() -> None:
    hosts = [Host("a", "InProgress"), Host("b", "Pending")]
    assert decide(Fleet(hosts, 1, LATER), 0) == Changes()


@pytest.mark.parametrize(
    ("entry", "tags", "found"),
    [
        ({"Key": "env", "Type": "KEY_ONLY"}, {"env": "x"}, True),
        ({"Key": "env", "Type": "KEY_ONLY"}, {"name": "env"}, False),
        ({"Value": "prod", "Type": "VALUE_ONLY"}, {"env": "prod"}, True),
        ({"Value": "prod", "Type": "VALUE_ONLY"}, {"prod": ""}, False),
        ({"Key": "env", "Value": "prod", "Type": "KEY_AND_VALUE"}, {"env": "prod"}, True),
        ({"Key": "env", "Value": "prod", "Type": "KEY_AND_VALUE"}, {"env": "test"}, False),
        ({"Key": "env", "Value": "prod"}, {"env": "prod"}, True),
        ({"Key": "env"}, {"env": "anything"}, True),
    ],
)
def test_tag_filters(entry: dict[str, str], tags: dict[str, str], found: bool) -> None:
    assert selected([entry], None, tags) is found


def test_a_list_of_filters_is_an_or_and_a_tag_set_an_and_of_ors() -> None:
    a, b = {"Key": "a"}, {"Key": "b"}
    assert selected([a, b], None, {"b": ""})
    assert selected([], [[a], [b]], {"a": "", "b": ""})
    assert not selected([], [[a], [b]], {"a": ""})
    assert selected([], [[a, b]], {"b": ""})
    assert not selected([], None, {"a": ""})


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (None, "unhealthy"),
        ({"healthy": 0, "revision": ""}, "unhealthy"),
        ({"healthy": 1, "revision": ""}, "unknown"),
        ({"healthy": 1, "revision": "r1"}, "old"),
        ({"healthy": 1, "revision": "r2"}, "current"),
    ],
)
def test_how_a_host_stands_to_a_revision(health: dict[str, object] | None, expected: str) -> None:
    assert standing(health, "r2") == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, "Success"),
        (1, "ScriptMissing"),
        (2, "ScriptNotExecutable"),
        (3, "ScriptTimedOut"),
        (4, "ScriptFailed"),
        (5, "UnknownError"),
        (6, "UnknownError"),
        (7, "UnknownError"),
        (True, "UnknownError"),
        ("0", "UnknownError"),
        (None, "UnknownError"),
        ([], "UnknownError"),
    ],
)
def test_error_codes_of_agents(code: object, expected: str) -> None:
    assert diagnostics({"error_code": code})["errorCode"] == expected


def test_diagnostics_keep_the_end_of_the_log() -> None:
    found = diagnostics({"error_code": 4, "script_name": "a.sh", "message": "m", "log": "x" * 3000 + "end"})
    assert found["logTail"].endswith("end")
    assert len(found["logTail"]) == 2048
    assert diagnostics("nonsense")["errorCode"] == "UnknownError"
