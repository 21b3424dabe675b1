"""DescribeLogGroups and DescribeLogStreams: every order, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform import cloudwatch_logs
from tests.support.rooms import Rooms

# With their last event; two at the same time, and two that have none.
STREAMS = {"a/1": 30, "a/2": 10, "b": 20, "a/3": 20, "é": 0, "a/\U0010ffff": 0}


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("listings"), cloudwatch_logs.part)
    made.call("logs", "CreateLogGroup", {"logGroupName": "g"})
    for name, last in STREAMS.items():
        made.call("logs", "CreateLogStream", {"logGroupName": "g", "logStreamName": name})
        if last:
            events = [{"timestamp": made.clock.now() // 1000 + last, "message": "m"}]
            made.call("logs", "PutLogEvents", {"logGroupName": "g", "logStreamName": name, "logEvents": events})
    for number in range(230):
        kind = {"logGroupClass": "INFREQUENT_ACCESS"} if number % 100 == 0 else {}
        made.call("logs", "CreateLogGroup", {"logGroupName": f"many/{number:03d}", **kind})
    yield made
    made.close()


def _all(rooms: Rooms, operation: str, member: str, key: str, **params: Any) -> list[str]:
    found, token = [], {}
    while True:
        page = rooms.call("logs", operation, {**params, **token})
        assert len(page[member]) <= params["limit"]
        found += [one[key] for one in page[member]]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("down", [False, True])
def test_streams_come_by_name_or_by_their_last_event_either_way(rooms: Rooms, limit: int, down: bool) -> None:
    asked: dict[str, Any] = {"logGroupName": "g", "limit": limit, "descending": down}

    def listed(**more: Any) -> list[str]:
        return _all(rooms, "DescribeLogStreams", "logStreams", "logStreamName", **asked, **more)

    assert listed() == sorted(STREAMS, reverse=down)
    assert listed(orderBy="LastEventTime") == sorted(STREAMS, key=lambda one: (STREAMS[one], one), reverse=down)
    under = [one for one in STREAMS if one.startswith("a/")]
    assert listed(logStreamNamePrefix="a/") == sorted(under, reverse=down)


def test_groups_are_found_however_few_of_many_are_wanted(rooms: Rooms) -> None:
    def listed(**asked: Any) -> list[str]:
        return _all(rooms, "DescribeLogGroups", "logGroups", "logGroupName", limit=2, **asked)

    assert listed(logGroupNamePattern="Y/1") == [f"many/{number}" for number in range(100, 200)]
    assert listed(logGroupNamePrefix="many/22") == [f"many/22{number}" for number in range(10)]
    rare = ["many/000", "many/100", "many/200"]
    assert listed(logGroupClass="INFREQUENT_ACCESS") == rare
    assert listed(logGroupIdentifiers=["many/007", "g", "none"]) == ["g", "many/007"]
    assert listed(logGroupNamePrefix="nothing") == []


def test_a_token_is_good_for_its_own_question_alone(rooms: Rooms) -> None:
    page = rooms.call("logs", "DescribeLogStreams", {"logGroupName": "g", "limit": 1})
    more = {"logGroupName": "g", "orderBy": "LastEventTime", "nextToken": page["nextToken"]}
    with pytest.raises(AwsError, match="nextToken is invalid"):
        rooms.call("logs", "DescribeLogStreams", more)
