"""The pattern language, as a table: pattern, event, does it match."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.formats.event_pattern import compile_pattern
from codeyard.platform.eventbridge.model import Rule, Target
from codeyard.platform.eventbridge.pattern import RuleIndex
from codeyard.platform.eventbridge.pattern import compile_pattern as compile_text

Test = Callable[[Mapping[str, Any]], bool]

E: dict[str, Any] = {
    "source": "aws.ec2",
    "detail": {
        "state": "running",
        "n": 300,
        "f": 300.0,
        "flag": True,
        "none": None,
        "empty": "",
        "ip": "10.0.0.55",
        "six": "2001:db8::1",
        "tags": ["a", "b"],
        "nothing": [],
        "name": "Straße.PNG",
        "path": "dir/sub/file.png",
        "items": [{"k": "x", "v": 1}, {"k": "y", "v": 2}],
    },
}

CASES: list[tuple[Any, bool]] = [
    ({"source": ["aws.ec2"]}, True),
    ({"source": ["aws.s3"]}, False),
    ({"detail": {"state": ["stopped", "running"]}}, True),
    ({"detail": {"n": [300]}}, True),
    ({"detail": {"n": [300.0]}}, True),
    ({"detail": {"flag": [1]}}, False),
    ({"detail": {"flag": [True]}}, True),
    ({"detail": {"none": [None]}}, True),
    ({"detail": {"missing": [None]}}, False),
    ({"detail": {"empty": [""]}}, True),
    ({"detail": {"state": [{"prefix": "run"}]}}, True),
    ({"detail": {"name": [{"suffix": {"equals-ignore-case": ".png"}}]}}, True),
    ({"detail": {"name": [{"suffix": ".png"}]}}, False),
    ({"detail": {"state": [{"equals-ignore-case": "RUNNING"}]}}, True),
    ({"detail": {"path": [{"wildcard": "dir/*.png"}]}}, True),
    ({"detail": {"path": [{"wildcard": "dir/sub/file.png*"}]}}, True),
    ({"detail": {"path": [{"wildcard": "*/nope/*"}]}}, False),
    ({"detail": {"state": [{"wildcard": "run\\*ing"}]}}, False),
    ({"detail": {"state": [{"anything-but": "stopped"}]}}, True),
    ({"detail": {"state": [{"anything-but": ["stopped", "running"]}]}}, False),
    ({"detail": {"n": [{"anything-but": [300, 400]}]}}, False),
    ({"detail": {"missing": [{"anything-but": "x"}]}}, False),
    ({"detail": {"state": [{"anything-but": {"prefix": ["st", "ru"]}}]}}, False),
    ({"detail": {"state": [{"anything-but": {"suffix": "ed"}}]}}, True),
    ({"detail": {"state": [{"anything-but": {"wildcard": "r*g"}}]}}, False),
    ({"detail": {"state": [{"anything-but": {"equals-ignore-case": ["RUNNING"]}}]}}, False),
    ({"detail": {"n": [{"numeric": [">", 0, "<=", 300]}]}}, True),
    ({"detail": {"n": [{"numeric": ["<", 300]}]}}, False),
    ({"detail": {"n": [{"numeric": ["=", 3e2]}]}}, True),
    ({"detail": {"state": [{"numeric": ["=", 1]}]}}, False),
    ({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True),
    ({"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}}, False),
    ({"detail": {"six": [{"cidr": "2001:db8::/32"}]}}, True),
    ({"detail": {"state": [{"exists": True}]}}, True),
    ({"detail": {"missing": [{"exists": False}]}}, True),
    ({"detail": {"items": [{"exists": True}]}}, False),
    ({"detail": {"nothing": [{"exists": True}]}}, False),
    ({"nowhere": {"deep": [{"exists": False}]}}, True),
    ({"detail": {"tags": ["b"]}}, True),
    ({"detail": {"tags": [{"anything-but": "a"}]}}, True),
    ({"detail": {"items": {"k": ["x"], "v": [1]}}}, True),
    ({"detail": {"items": {"k": ["x"], "v": [2]}}}, False),
    ({"$or": [{"source": ["no"]}, {"detail": {"state": ["running"]}}]}, True),
    ({"$or": [{"source": ["no"]}, {"detail": {"state": ["no"]}}]}, False),
    ({"detail": {"$or": [{"n": [1]}, {"state": ["running"]}], "flag": [True]}}, True),
    ({"$or": ["plain"]}, False),
]


@pytest.mark.parametrize(("pattern", "expected"), CASES)
def test_a_pattern_matches_as_the_language_says(pattern: Any, expected: bool) -> None:
    assert compile_pattern(pattern)(E) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid JSON"),
        ("[]", "not an object"),
        ("{}", "Empty objects"),
        ('{"a": []}', "Empty arrays"),
        ('{"a": "b"}', '"a" must be an object or an array'),
        ('{"a": [{"nope": 1}]}', "Unrecognized match type nope"),
        ('{"a": [{"prefix": 1}]}', "must be a string"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key"),
        ('{"a": [{"exists": "yes"}]}', "either true or false"),
        ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": [">", "x"]}]}', "must be numeric"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard"),
        ('{"a": [{"wildcard": "a\\\\x"}]}', "Invalid escape"),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "CIDR"),
        ('{"a": [{"anything-but": {"numeric": []}}]}', "Unsupported anything-but"),
        ('{"a": [["b"]]}', "Arrays inside arrays"),
        ('{"a":' * 80 + "[1]" + "}" * 80, "too deep"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(AwsError) as refusal:
        compile_text(text)

    assert refusal.value.code == "InvalidEventPatternException"
    assert reason in refusal.value.message


def _rule(number: int, pattern: str) -> tuple[Rule, tuple[Target, ...]]:
    arn = f"arn:aws:events:us-east-1:1:rule/r{number}"
    return Rule(arn, "bus", f"r{number}", pattern, "", "ENABLED", "", "", "", {}, 0), ()


def test_thousands_of_rules_cost_only_the_candidates() -> None:
    many = [_rule(n, f'{{"source": ["s{n}"], "detail-type": ["t"], "detail": {{"a": [1]}}}}') for n in range(3000)]
    index = RuleIndex(1, [*many, _rule(9001, '{"detail": {"a": [1]}}'), _rule(9002, '{"source": [{"prefix": "s"}]}')])
    event = {"source": "s7", "detail-type": "t", "detail": {"a": 1}}

    tested: list[str] = []
    for place, entries in index._places.items():
        index._places[place] = [(_noted(test, rule.name, tested), rule, targets) for test, rule, targets in entries]

    assert [rule.name for rule, _ in index.matching(event)] == ["r7", "r9001", "r9002"]
    assert tested == ["r7", "r9001", "r9002"]


def _noted(test: Test, name: str, tested: list[str]) -> Test:
    def noting(event: Mapping[str, Any]) -> bool:
        tested.append(name)
        return test(event)

    return noting
