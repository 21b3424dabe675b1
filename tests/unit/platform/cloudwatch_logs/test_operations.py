"""CloudWatch Logs through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform import cloudwatch_logs
from tests.support.rooms import Rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("logs"), cloudwatch_logs.part)
    yield made
    made.close()


def _stream(rooms: Rooms, group: str, stream: str) -> None:
    try:
        rooms.call("logs", "CreateLogGroup", {"logGroupName": group})
    except AwsError as there:
        assert there.code == "ResourceAlreadyExistsException"  # noqa: PT017
    rooms.call("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})


def _put(rooms: Rooms, group: str, stream: str, *events: tuple[int, str]) -> dict[str, Any]:
    now = rooms.clock.now() // 1000
    lines = [{"timestamp": now + at, "message": message} for at, message in events]
    return rooms.call("logs", "PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": lines})


def _get(rooms: Rooms, group: str, stream: str, **more: Any) -> dict[str, Any]:
    return rooms.call("logs", "GetLogEvents", {"logGroupName": group, "logStreamName": stream, **more})


def _messages(page: dict[str, Any]) -> list[str]:
    return [event["message"] for event in page["events"]]


def test_a_reader_goes_forward_and_its_token_repeats_at_the_end(rooms: Rooms) -> None:
    _stream(rooms, "g1", "s")
    _put(rooms, "g1", "s", (0, "a"), (1, "b"))
    _put(rooms, "g1", "s", (2, "c"))

    first = _get(rooms, "g1", "s", startFromHead=True, limit=2)
    second = _get(rooms, "g1", "s", nextToken=first["nextForwardToken"])
    third = _get(rooms, "g1", "s", nextToken=second["nextForwardToken"])

    assert [_messages(page) for page in (first, second, third)] == [["a", "b"], ["c"], []]
    assert third["nextForwardToken"] == second["nextForwardToken"]
    _put(rooms, "g1", "s", (3, "d"))
    assert _messages(_get(rooms, "g1", "s", nextToken=third["nextForwardToken"])) == ["d"]


def test_a_reader_goes_backward_from_the_end(rooms: Rooms) -> None:
    _stream(rooms, "g2", "s")
    _put(rooms, "g2", "s", (0, "a"), (1, "b"), (2, "c"))
    last = _get(rooms, "g2", "s", limit=2)
    before = _get(rooms, "g2", "s", limit=2, nextToken=last["nextBackwardToken"])
    end = _get(rooms, "g2", "s", nextToken=before["nextBackwardToken"])
    assert [_messages(page) for page in (last, before, end)] == [["b", "c"], ["a"], []]
    assert end["nextBackwardToken"] == before["nextBackwardToken"]
    with pytest.raises(AwsError, match="nextToken is invalid"):
        _get(rooms, "g2", "s", nextToken="f/x/s")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([(1, "b"), (0, "a")], "chronological"),
        ([(-90_000_000, "a"), (0, "b")], "24 hours"),
        ([(0, "x" * 1_048_576)], "Upload too large"),
    ],
)
def test_a_batch_that_breaks_the_rules_is_refused(rooms: Rooms, events: Any, words: str) -> None:
    with pytest.raises(AwsError, match=words):
        rooms.call("logs", "PutLogEvents", {
            "logGroupName": "g1", "logStreamName": "s",
            "logEvents": [{"timestamp": rooms.clock.now() // 1000 + at, "message": text} for at, text in events],
        })  # fmt: skip


def test_events_too_old_or_too_new_are_named_and_left_out(rooms: Rooms) -> None:
    _stream(rooms, "g3", "s")
    assert _put(rooms, "g3", "s", (0, "now"), (8_000_000, "later"))["rejectedLogEventsInfo"] == {
        "tooNewLogEventStartIndex": 1
    }
    old = _put(rooms, "g3", "s", (-15 * 86_400_000, "old"))
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert _messages(_get(rooms, "g3", "s")) == ["now"]


def test_a_search_goes_over_streams_in_order_of_time_and_by_page(rooms: Rooms) -> None:
    _stream(rooms, "g4", "x")
    _stream(rooms, "g4", "y")
    _put(rooms, "g4", "x", (0, "x0 ERROR"), (4, "x4"))
    _put(rooms, "g4", "y", (1, "y1"), (3, "y3 ERROR"))
    _put(rooms, "g4", "x", (2, "x2 ERROR"))

    found, token = [], None
    for _ in range(9):
        params = {"logGroupName": "g4", "limit": 2, **({"nextToken": token} if token else {})}
        page = rooms.call("logs", "FilterLogEvents", params)
        found += _messages(page)
        token = page.get("nextToken")
        if token is None:
            break
    matching = rooms.call("logs", "FilterLogEvents", {"logGroupName": "g4", "filterPattern": "ERROR"})

    assert found == ["x0 ERROR", "y1", "x2 ERROR", "y3 ERROR", "x4"]
    assert _messages(matching) == ["x0 ERROR", "x2 ERROR", "y3 ERROR"]
    assert len({event["eventId"] for event in matching["events"]}) == 3


def test_messages_are_sealed_on_disk(rooms: Rooms) -> None:
    _stream(rooms, "g5", "s")
    _put(rooms, "g5", "s", (0, "a-very-particular-line"))
    files = rooms.kit.data_dir.glob("rooms.db*")
    assert not any(b"a-very-particular-line" in file.read_bytes() for file in files)


def test_retention_hides_and_then_drops_what_is_past_it(rooms: Rooms) -> None:
    _stream(rooms, "g6", "s")
    _put(rooms, "g6", "s", (0, "a"))
    with pytest.raises(AwsError, match="retentionInDays"):
        rooms.call("logs", "PutRetentionPolicy", {"logGroupName": "g6", "retentionInDays": 2})
    rooms.call("logs", "PutRetentionPolicy", {"logGroupName": "g6", "retentionInDays": 1})
    rooms.clock.advance(86_400 + 60)
    assert _messages(_get(rooms, "g6", "s", startFromHead=True)) == []
    rooms.engine.settle()
    described = rooms.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": "g6"})["logGroups"][0]
    assert (described["retentionInDays"], described["storedBytes"]) == (1, 0)


def test_groups_and_streams_are_described_tagged_and_deleted(rooms: Rooms) -> None:
    _stream(rooms, "life", "one")
    _stream(rooms, "life", "two")
    page = rooms.call("logs", "DescribeLogStreams", {"logGroupName": "life", "limit": 1})
    rest = rooms.call("logs", "DescribeLogStreams", {"logGroupName": "life", "nextToken": page["nextToken"]})
    assert [one["logStreamName"] for one in page["logStreams"] + rest["logStreams"]] == ["one", "two"]
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:life"
    rooms.call("logs", "TagResource", {"resourceArn": arn, "tags": {"a": "1", "b": "2"}})
    rooms.call("logs", "UntagResource", {"resourceArn": arn, "tagKeys": ["a"]})
    assert rooms.call("logs", "ListTagsForResource", {"resourceArn": arn}) == {"tags": {"b": "2"}}
    rooms.call("logs", "DeleteLogGroup", {"logGroupName": "life"})
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        rooms.call("logs", "DescribeLogStreams", {"logGroupName": "life"})
