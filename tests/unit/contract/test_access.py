"""The vocabulary of access entries."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import request_tags


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ({}, {}),
        ({"Tags": []}, {}),
        (
            {"Tags": [{"Key": "team", "Value": "a"}, {"Key": "env", "Value": "b"}]},
            {"aws:RequestTag/team": "a", "aws:RequestTag/env": "b", "aws:TagKeys": ["team", "env"]},
        ),
        ({"tags": [{"key": "team", "value": "a"}]}, {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}),
        ({"tags": {"team": "a"}}, {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}),
        ({"tags": ["team", "env"]}, {"aws:TagKeys": ["team", "env"]}),
        ({"TagKeys": ["team"]}, {"aws:TagKeys": ["team"]}),
        ({"tagKeys": ("team",)}, {"aws:TagKeys": ["team"]}),
        ({"Tags": [{"Key": "team"}]}, {"aws:RequestTag/team": "", "aws:TagKeys": ["team"]}),
        ({"Tags": [{"Value": "nobody's"}, 7, None]}, {}),
        ({"Tags": 7, "tags": None, "TagKeys": "team", "tagKeys": [7]}, {}),
    ],
)
def test_tags_of_a_request_become_condition_keys_in_every_form(params: dict[str, Any], keys: dict[str, Any]) -> None:
    assert request_tags(params) == keys
