"""Constraints of the models, row by row, and their patterns."""

from __future__ import annotations

import time
from typing import Any

import pytest

from codeyard.contract import Staged
from codeyard.wire.codec import Wire
from codeyard.wire.models import Models
from codeyard.wire.patterns import IGNORED, REPLACED, Patterns
from codeyard.wire.services import ENABLED

MODELS = Models(ENABLED)
WIRE = Wire(MODELS)


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("codecommit", "GetRepository", {"repositoryName": "a"}, None),
        ("codecommit", "GetRepository", {}, (("repositoryName",), "required")),
        ("codecommit", "GetRepository", {"repositoryName": None}, (("repositoryName",), "required")),
        ("codecommit", "GetRepository", {"repositoryName": 7}, (("repositoryName",), "type")),
        ("codecommit", "GetRepository", {"repositoryName": "a", "x": 1}, (("x",), "type")),
        ("codecommit", "GetRepository", {"repositoryName": ""}, (("repositoryName",), "min")),
        ("codecommit", "GetRepository", {"repositoryName": "a" * 101}, (("repositoryName",), "max")),
        ("codecommit", "GetRepository", {"repositoryName": "a b"}, (("repositoryName",), "pattern")),
        ("codecommit", "GetRepository", {"repositoryName": "a\n"}, (("repositoryName",), "pattern")),
        ("codecommit", "ListRepositories", {"order": "sideways"}, (("order",), "enum")),
        ("codepipeline", "ListPipelines", {"maxResults": 0}, (("maxResults",), "min")),
        ("codepipeline", "ListPipelines", {"maxResults": 1001}, (("maxResults",), "max")),
        ("codepipeline", "ListPipelines", {"maxResults": True}, (("maxResults",), "type")),
        ("codepipeline", "CreatePipeline", {"pipeline": []}, (("pipeline",), "type")),
        ("events", "PutEvents", {"Entries": []}, (("Entries",), "min")),
        ("events", "PutEvents", {"Entries": [{"Source": 1}]}, (("Entries", "Source"), "type")),
        ("iam", "TagUser", {"UserName": "u", "Tags": [{"Key": "é x", "Value": ""}]}, None),
        ("iam", "TagUser", {"UserName": "u", "Tags": [{"Key": "a!", "Value": ""}]}, (("Tags", "Key"), "pattern")),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": Staged("i", 1, {})}, None),
        ("s3", "PutObject", {"Bucket": "b", "Key": ""}, (("Key",), "min")),
    ],
)
def test_the_first_broken_constraint_is_told(service: str, operation: str, params: Any, expected: Any) -> None:
    found = WIRE.violation(service, operation, params)
    assert (None if found is None else (found.path, found.kind)) == expected


def test_the_message_is_in_awss_words_with_indexes() -> None:
    found = WIRE.violation("events", "PutEvents", {"Entries": [{"EventBusName": "a b"}]})
    assert found is not None
    assert found.message.startswith(
        "1 validation error detected: Value 'a b' at 'entries.1.member.eventBusName' failed"
    )
    assert found.shape == "NonPartnerEventBusNameOrArn"


def test_everything_that_is_broken_is_told_in_one_message() -> None:
    found = WIRE.violation("codecommit", "ListRepositories", {"sortBy": "size", "order": "sideways"})
    assert found is not None
    assert found.path == ("sortBy",)
    assert found.message == (
        "2 validation errors detected: Value 'size' at 'sortBy' failed to satisfy constraint: Member must satisfy enum "
        "value set: [repositoryName, lastModifiedDate]; Value 'sideways' at 'order' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ascending, descending]"
    )


def test_a_sensitive_value_is_never_told() -> None:
    found = WIRE.violation("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": "hush" * 20000})
    assert found is not None
    assert "hush" not in found.message


def _patterns() -> set[str]:
    found = set()
    for service in ENABLED:
        model = MODELS.service(service)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            if pattern:
                found.add(pattern)
    return found


def test_every_pattern_of_every_model_compiles_or_is_listed_as_ignored() -> None:
    patterns, stated = Patterns(), _patterns()
    for pattern in stated:
        patterns.matches(pattern, "a")
    assert set(REPLACED) <= stated
    assert set(IGNORED) <= stated


def test_no_pattern_takes_long_whatever_it_is_given() -> None:
    patterns = Patterns()
    values = ("a" * 2048 + "!", "-a" * 1024 + "!", "arn:aws" + ":" * 2000, " \t" * 1000 + "\x00", "a." * 1000 + "\n")
    for pattern in sorted(_patterns()):
        patterns.matches(pattern, "")
        for value in (*values, "a" * 200_000):
            start = time.thread_time()
            patterns.matches(pattern, value)
            assert time.thread_time() - start < 1.0, (pattern, value[:20])


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\p{L}\p{N}]+", ["aé1", "字"], ["a b", ""]),
        (r"\P{C}*", ["", "a b"], ["a\x00"]),
        (r"[^\p{C}\p{IsWhitespace}]+", ["ab"], ["a b", "a\x01"]),
        (r"[\P{C}\s]+", ["a\nb"], ["\x00"]),
        (r"\p{ASCII}*", ["a~"], ["é"]),
        (r"[\w-_]*", ["a-_"], ["a b"]),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", ["a😀\t"], ["\x00", "\ud800"]),
        (r"\d+", ["1"], ["٣"]),
        (r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$", ["a.b", "a", "a/b*"], ["a..b", "a.", "."]),
        (r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$", ["a b", "\ta"], ["\t", "", "a\n"]),
    ],
)
def test_javas_patterns_mean_here_what_they_mean_there(pattern: str, good: list[str], bad: list[str]) -> None:
    patterns = Patterns()
    assert [value for value in good if not patterns.matches(pattern, value)] == []
    assert [value for value in bad if patterns.matches(pattern, value)] == []


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("codebuild", "BatchGetReports", {"reportArns": [""] * 50}),
        ("codepipeline", "UpdatePipeline", {"pipeline": {"name": "p", "stages": [{"name": "", "actions": []}] * 5000}}),
        ("ssm", "AddTagsToResource", {"ResourceType": "Parameter", "ResourceId": "p", "Tags": [{"Key": ""}] * 900}),
    ],
)
def test_what_is_found_of_a_request_full_of_faults_stays_small(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    found = WIRE.violation(service, operation, params)
    assert found is not None
    assert int(found.message.split()[0]) <= 101
    assert found.message.count("failed to satisfy constraint") <= 10
