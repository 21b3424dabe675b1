"""Rules, targets and deliveries through the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError, Event, Origin
from codeyard.engine import Kit
from codeyard.platform import cloudwatch_logs, eventbridge
from codeyard.platform.eventbridge import Subscription, store
from tests.support.rooms import ACCOUNT, Rooms

ROLE = f"arn:aws:iam::{ACCOUNT}:role/events"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/all"


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    heard: list[dict[str, Any]] = []

    def events(kit: Kit) -> Any:
        return eventbridge.part(kit, [Subscription("shop", heard.append, frozenset({"Order"}))])

    made = Rooms(tmp_path, events, cloudwatch_logs.part)
    made.heard = heard  # type: ignore[attr-defined]
    made.call("logs", "CreateLogGroup", {"logGroupName": "/aws/events/all"})
    yield made
    made.close()


def _rule(rooms: Rooms, name: str = "all", bus: str = "default", pattern: str = '{"source": ["shop"]}') -> None:
    rooms.call("events", "PutRule", {"Name": name, "EventPattern": pattern, "EventBusName": bus})


def _target(rooms: Rooms, arn: str, rule: str = "all", bus: str = "default", **more: Any) -> dict[str, Any]:
    target = {"Id": "1", "Arn": arn, **more}
    return rooms.call("events", "PutTargets", {"Rule": rule, "EventBusName": bus, "Targets": [target]})


def _put(rooms: Rooms, **entry: Any) -> dict[str, Any]:
    whole = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}', **entry}
    return rooms.call("events", "PutEvents", {"Entries": [whole]})


def _logged(rooms: Rooms) -> list[dict[str, Any]]:
    rooms.engine.settle()
    found = rooms.call("logs", "FilterLogEvents", {"logGroupName": "/aws/events/all"})
    return [json.loads(event["message"]) for event in found["events"]]


def test_an_event_reaches_the_target_of_a_matching_rule_once_with_its_exact_envelope(rooms: Rooms) -> None:
    _rule(rooms)
    _target(rooms, GROUP)
    event_id = _put(rooms, Resources=["arn:x"])["Entries"][0]["EventId"]
    _put(rooms, Source="other")

    logged = _logged(rooms)

    assert logged == [
        {
            "version": "0",
            "id": event_id,
            "detail-type": "Order",
            "source": "shop",
            "account": ACCOUNT,
            "time": logged[0]["time"],
            "region": "us-east-1",
            "resources": ["arn:x"],
            "detail": {"n": 1},
        }
    ]


def test_subscribers_inside_hear_their_events(rooms: Rooms) -> None:
    _put(rooms)
    _put(rooms, DetailType="Refund")
    rooms.engine.settle()

    assert [event["detail-type"] for event in rooms.heard] == ["Order"]  # type: ignore[attr-defined]


def test_callers_cannot_speak_as_aws_and_each_entry_has_its_own_error(rooms: Rooms) -> None:
    found = rooms.call(
        "events",
        "PutEvents",
        {
            "Entries": [
                {"Source": "aws.s3", "DetailType": "x", "Detail": "{}"},
                {"Source": "shop", "DetailType": "x", "Detail": "[]"},
                {"Source": "shop", "DetailType": "x"},
                {"Source": "shop", "DetailType": "x", "Detail": "{}", "EventBusName": "none"},
                {"Source": "shop", "DetailType": "x", "Detail": "{}"},
            ]
        },
    )

    assert found["FailedEntryCount"] == 4
    codes = [entry.get("ErrorCode") for entry in found["Entries"]]
    assert codes == [
        "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "ResourceNotFoundException", None,
    ]  # fmt: skip


def test_too_many_or_too_big_entries_are_refused(rooms: Rooms) -> None:
    entry = {"Source": "shop", "DetailType": "x", "Detail": "{}"}
    for entries in ([entry] * 11, [{**entry, "Detail": json.dumps({"x": "y" * 1_048_576})}]):
        with pytest.raises(AwsError, match="ValidationException"):
            rooms.call("events", "PutEvents", {"Entries": entries})


@pytest.mark.parametrize(
    ("arn", "word"),
    [
        (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f", "lambda"),
        (f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", "sqs"),
        ("nonsense", "Arn is not in correct format"),
        (f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:p", "RoleArn"),
    ],
)
def test_a_target_that_cannot_be_delivered_to_is_refused_by_name(rooms: Rooms, arn: str, word: str) -> None:
    _rule(rooms)
    with pytest.raises(AwsError, match=word) as refusal:
        _target(rooms, arn)

    assert refusal.value.code == "ValidationException"


def test_storing_a_targets_role_asks_for_pass_role(rooms: Rooms) -> None:
    _rule(rooms)
    rooms.door.denied = {"iam:PassRole"}
    with pytest.raises(AwsError, match="AccessDenied"):
        _target(rooms, f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:p", RoleArn=ROLE)


def test_at_most_five_targets_a_rule(rooms: Rooms) -> None:
    _rule(rooms)
    targets = [{"Id": str(n), "Arn": GROUP} for n in range(6)]
    with pytest.raises(AwsError, match="LimitExceededException"):
        rooms.call("events", "PutTargets", {"Rule": "all", "Targets": targets})


def test_a_rule_that_is_changed_or_disabled_counts_from_the_next_event(rooms: Rooms) -> None:
    _rule(rooms)
    _target(rooms, GROUP)
    _put(rooms)
    assert len(_logged(rooms)) == 1
    rooms.call("events", "DisableRule", {"Name": "all"})
    _put(rooms)
    assert len(_logged(rooms)) == 1
    rooms.call("events", "EnableRule", {"Name": "all"})
    _put(rooms)
    assert len(_logged(rooms)) == 2


def test_another_bus_gets_the_same_event_and_does_not_send_it_on(rooms: Rooms) -> None:
    rooms.call("events", "CreateEventBus", {"Name": "other"})
    other = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/other"
    default = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    _rule(rooms)
    _target(rooms, other, RoleArn=ROLE)
    _rule(rooms, "there", "other")
    rooms.call(
        "events",
        "PutTargets",
        {
            "Rule": "there",
            "EventBusName": "other",
            "Targets": [{"Id": "1", "Arn": GROUP}, {"Id": "2", "Arn": default, "RoleArn": ROLE}],
        },
    )
    event_id = _put(rooms)["Entries"][0]["EventId"]

    assert [event["id"] for event in _logged(rooms)] == [event_id]


def test_no_client_may_use_the_door_between_buses(rooms: Rooms) -> None:
    with pytest.raises(AwsError, match="AccessDenied"):
        rooms.gateway.client(
            rooms.door.assume_for_service(ROLE, service="x", session_name="s", source_arn="", region=""),
            ACCOUNT,
            "us-east-1",
            origin=Origin(),
        ).call("events", "ForwardEvent", {"EventBusName": "default", "Event": {}})


def test_a_delivery_that_cannot_succeed_is_parked_with_its_error(rooms: Rooms) -> None:
    _rule(rooms)
    _target(rooms, GROUP.replace("all", "missing"))
    _put(rooms)
    rooms.engine.settle()

    parked = rooms.db.read(store.parked)

    assert len(parked) == 1
    assert "ResourceNotFoundException" in parked[0].error


def test_a_scheduled_rule_fires_at_its_time_and_again(rooms: Rooms) -> None:
    rooms.call("events", "PutRule", {"Name": "tick", "ScheduleExpression": "rate(5 minutes)"})
    _target(rooms, GROUP, "tick")
    assert _logged(rooms) == []
    rooms.clock.advance(300)
    assert [event["detail-type"] for event in _logged(rooms)] == ["Scheduled Event"]
    rooms.clock.advance(300)
    assert len({event["id"] for event in _logged(rooms)}) == 2


def test_events_of_services_are_matched_on_their_accounts_default_bus(rooms: Rooms) -> None:
    _rule(rooms, pattern='{"source": ["aws.codecommit"]}')
    _target(rooms, GROUP)
    event = Event("aws.codecommit", "CodeCommit Repository State Change", {"a": 1}, ACCOUNT, "us-east-1", 0)
    rooms.db.write(lambda tx: tx.emit(event))

    assert [one["source"] for one in _logged(rooms)] == ["aws.codecommit"]


def test_rules_are_listed_described_and_deleted(rooms: Rooms) -> None:
    for name in ("a1", "a2", "b"):
        _rule(rooms, name)
    first = rooms.call("events", "ListRules", {"NamePrefix": "a", "Limit": 1})
    second = rooms.call("events", "ListRules", {"NamePrefix": "a", "Limit": 1, "NextToken": first["NextToken"]})
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == ["a1", "a2"]
    assert "NextToken" not in second
    with pytest.raises(AwsError, match="ValidationException"):
        rooms.call("events", "ListRules", {"NextToken": first["NextToken"]})
    _target(rooms, GROUP, "b")
    assert rooms.call("events", "ListRuleNamesByTarget", {"TargetArn": GROUP})["RuleNames"] == ["b"]
    with pytest.raises(AwsError, match="since it has targets"):
        rooms.call("events", "DeleteRule", {"Name": "b"})
    rooms.call("events", "RemoveTargets", {"Rule": "b", "Ids": ["1"]})
    rooms.call("events", "DeleteRule", {"Name": "b"})
    with pytest.raises(AwsError, match="Rule b does not exist on EventBus default"):
        rooms.call("events", "DescribeRule", {"Name": "b"})


def test_a_bus_lets_accounts_in_by_statements(rooms: Rooms) -> None:
    rooms.call(
        "events",
        "PutPermission",
        {"Action": "events:PutEvents", "Principal": "111122223333", "StatementId": "friend"},
    )
    policy = json.loads(rooms.call("events", "DescribeEventBus")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    _put(rooms)
    assert json.loads(rooms.door.asked[-1][1].policy or "")["Statement"][0]["Sid"] == "friend"
    rooms.call("events", "RemovePermission", {"StatementId": "friend"})
    assert "Policy" not in rooms.call("events", "DescribeEventBus")


def test_a_pattern_is_tried_on_an_event(rooms: Rooms) -> None:
    event = dict.fromkeys(("version", "id", "detail-type", "source", "account", "time", "region"), "x")
    params = {"Event": json.dumps({**event, "resources": []}), "EventPattern": '{"source": ["x"]}'}
    assert rooms.call("events", "TestEventPattern", params) == {"Result": True}
