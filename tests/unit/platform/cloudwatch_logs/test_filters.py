"""Filter patterns, as a table."""

from __future__ import annotations

import pytest

from codeyard.contract import AwsError
from codeyard.platform.cloudwatch_logs.filters import compile_filter, extractor

JSON = '{"level": "error", "code": 500, "user": {"name": "ann"}, "list": [1, 2], "none": null, "ok": true}'
LINE = '127.0.0.1 - ann [10/Oct/2000:13:25:15 -0700] "GET /x HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] x", True),
        ("ERROR", "error", False),
        ("ERROR db", "ERROR in db", True),
        ("ERROR db", "ERROR", False),
        ('"in the db"', "ERROR in the db", True),
        ("?WARN ?ERROR", "a WARN", True),
        ("?WARN ?ERROR", "INFO", False),
        ("ERROR -db", "ERROR in db", False),
        ("ERROR -db", "ERROR in fs", True),
        ("{ $.level = error }", JSON, True),
        ('{ $.level = "err*" && $.code >= 500 }', JSON, True),
        ("{ ($.code = 404) || ($.user.name = ann) }", JSON, True),
        ("{ $.code != 500 }", JSON, False),
        ("{ $.list[1] = 2 }", JSON, True),
        ("{ $.list[*] = 2 }", JSON, True),
        ("{ $.none IS NULL }", JSON, True),
        ("{ $.gone NOT EXISTS }", JSON, True),
        ("{ $.ok IS TRUE }", JSON, True),
        ("{ $.ok IS FALSE }", JSON, False),
        ("{ $.level = error }", "no json", False),
        ("[ip, id, user, time, request, status = 4*, bytes > 1000]", LINE, True),
        ("[..., status = 404, bytes]", LINE, True),
        ("[ip, id]", LINE, False),
    ],
)
def test_a_filter_pattern_matches(pattern: str, message: str, expected: bool) -> None:
    assert compile_filter(pattern)(message) is expected


@pytest.mark.parametrize("pattern", ["{ $.a }", "{ a = 1 }", "[a", '"open', "{ $.a = 1 || }", "{" + "(" * 50 + "}"])
def test_a_bad_filter_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError, match="Invalid filter pattern"):
        compile_filter(pattern)


def test_fields_are_extracted_by_name() -> None:
    assert extractor("[ip, ..., bytes]")(LINE) == {"$ip": "127.0.0.1", "$bytes": "1534"}
