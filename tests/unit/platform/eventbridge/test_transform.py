"""What targets are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.platform.eventbridge import transform

EVENT: dict[str, Any] = {"id": "e1", "source": "s", "detail": {"who": 'a "b"', "n": 3, "list": [{"x": 1}, {"x": 2}]}}


def _input(**target: Any) -> str:
    return transform.target_input(target, EVENT, rule_arn="arn:r", rule_name="r", ingested="2026-01-01T00:00:00Z")


def _template(template: str, **paths: str) -> str:
    return _input(InputTransformer={"InputPathsMap": paths, "InputTemplate": template})


def test_without_input_the_whole_event_is_sent() -> None:
    assert json.loads(_input()) == EVENT


def test_an_input_path_sends_a_part() -> None:
    assert json.loads(_input(InputPath="$.detail.list[*].x")) == [1, 2]


def test_a_constant_is_sent_as_it_is() -> None:
    assert _input(Input='{"a": 1}') == '{"a": 1}'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"who": <who>, "n": <n>}', '{"who": "a \\"b\\"", "n": 3}'),
        ('{"text": "by <who>"}', '{"text": "by a \\"b\\""}'),
        ('"n is <n>"', '"n is 3"'),
        ("n is <n> of <who>", 'n is 3 of a "b"'),
        ('{"gone": <none>, "in": "<none>"}', '{"gone": null, "in": ""}'),
        ('{"rule": <aws.events.rule-arn>}', '{"rule": "arn:r"}'),
        ('{"all": <aws.events.event>}', '{"all": {"id":"e1","source":"s"}}'),
    ],
)
def test_a_template_quotes_values_as_their_place_needs(template: str, expected: str) -> None:
    assert _template(template, who="$.detail.who", n="$.detail.n", none="$.detail.none") == expected


@pytest.mark.parametrize(
    "transformer",
    [
        {"InputTemplate": "<a>"},
        {"InputPathsMap": {"a": "detail"}, "InputTemplate": "<a>"},
        {"InputPathsMap": {"aws.x": "$.a"}, "InputTemplate": "x"},
    ],
)
def test_a_bad_transformer_is_refused(transformer: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        transform.check(transformer)
