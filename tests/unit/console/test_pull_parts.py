"""The pure parts of the pages of pull requests: words, sides, Markdown, rules, conflicts."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.console import conflicts, discussion, markdown, rules
from codeyard.console.diffs import Row, difference
from codeyard.console.rows import split, unified
from codeyard.console.words import Marker, side_by_side

texts = st.lists(st.sampled_from(["a b", "a c", "x", "", "one two three"]), max_size=20).map("\n".join)


@given(texts, texts)
def test_beside_each_other_stand_the_same_lines_in_the_same_order(before: str, after: str) -> None:
    rows = difference(before, after) or []
    pairs = side_by_side(rows)
    assert [left for left, _ in pairs if left] == [row for row in rows if row.kind != "add"]
    assert [right for _, right in pairs if right] == [row for row in rows if row.kind != "del"]


@given(texts, texts)
def test_marks_take_nothing_from_a_text_and_stand_within_it(before: str, after: str) -> None:
    rows = difference(before, after) or []
    marked = Marker().mark(rows)
    assert [(row.kind, row.text) for row in marked] == [(row.kind, row.text) for row in rows]
    assert all(0 <= start < end <= len(row.text) for row in marked for start, end in row.marks)


def test_only_the_words_that_changed_are_marked() -> None:
    old, new = Marker().mark([Row("del", 1, None, "price = cost(a, b)"), Row("add", None, 1, "price = cost(a, c)")])
    assert [old.text[s:e] for s, e in old.marks] == ["b"]
    assert [new.text[s:e] for s, e in new.marks] == ["c"]
    assert '">-price = cost(a, <mark>b</mark>)</td>' in unified([old, new], {})


def test_long_and_many_lines_are_marked_in_bounded_time() -> None:
    lines = [Row("del", n, None, "a b " * 50) for n in range(3000)] + [
        Row("add", None, n, "b a " * 50) for n in range(3000)
    ]
    start = time.process_time()
    split(Marker().mark(lines), {})
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        "*_" * 15_000,
        "> " * 15_000,
        "[a](" * 8_000,
        "`" * 30_000 + "a",
        "|a" * 8_000 + "\n" + "|-" * 8_000,
        "- " * 9_000,
    ],
    ids=["brackets", "stars", "quotes", "links", "ticks", "tables", "lists"],
)
def test_hostile_markdown_is_shown_in_bounded_time(text: str) -> None:
    start = time.process_time()
    markdown.as_html(text)
    assert time.process_time() - start < 5


def test_a_text_too_long_to_be_markdown_is_shown_as_it_is() -> None:
    assert str(markdown.as_html("<b>" * 30_000)).startswith("<pre>&lt;b&gt;")


@pytest.mark.parametrize(
    ("href", "place"),
    [
        ("x.md", "/r/docs/x.md?at=m"),
        ("../x.md#part", "/r/x.md?at=m"),
        ("/top.md", "/r/top.md?at=m"),
        ("../../../../x", "/r/x?at=m"),
        ("a%20b?c", "/r/docs/a%20b?at=m"),
        ("https://x.example/?a=b", "https://x.example/?a=b"),
    ],
)
def test_a_relative_link_goes_into_the_repository(href: str, place: str) -> None:
    assert f'href="{place}"' in markdown.as_html(f"[x]({href})", "/r/", "docs", "?at=m")


@pytest.mark.parametrize("href", ["javascript:alert(1)", "//evil.example", "data:x,y", "file:///etc", "ftp://x"])
def test_other_links_lead_nowhere(href: str) -> None:
    assert "href" not in markdown.as_html(f"[x](<{href}>)", "/r/", "docs", "?at=m")


def test_a_form_and_its_json_say_the_same() -> None:
    content = rules.content_of({"needed": "2", "pool": " a \r\n\r\nb", "branches": "main\nrefs/heads/x"})
    (asked,) = rules.statements(content)
    assert (asked.needed, list(asked.pool)) == (2, ["a", "b"])
    assert rules.destinations(content) == ["main", "x"]
    assert rules.content_of({"json": " {} ", "needed": "2"}) == "{}"


def test_who_counts_for_a_rule_is_who_is_in_its_pool() -> None:
    content = rules.content_of({"needed": "1", "pool": "CodeCommitApprovers:111122223333:Senior/*"})
    arns = ["arn:aws:sts::111122223333:assumed-role/Senior/ada", "arn:aws:iam::111122223333:user/bob"]
    assert list(rules.statements(content, arns)[0].approved_by) == arns[:1]


def _said(number: int, text: str = "x", answers: int = 0) -> dict[str, Any]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    first = {"commentId": f"{number}", "content": text, "creationDate": start + timedelta(hours=number)}
    more = [
        {"commentId": f"{number}.{n}", "inReplyTo": f"{number}", "content": text, "creationDate": first["creationDate"]}
        for n in range(answers)
    ]
    return {"comments": [*more, first]}


def test_answers_stand_below_what_they_answer_though_all_came_at_one_moment() -> None:
    (thread,) = discussion.threads([_said(1, answers=3)])
    assert [one["commentId"] for one in thread.comments] == ["1", "1.0", "1.1", "1.2"]


def test_a_page_of_a_conversation_has_an_end_and_leads_to_what_came_before() -> None:
    line = discussion.timeline(discussion.threads([_said(number) for number in range(100)]), ())
    shown, earlier = discussion.page(line, len(line))
    assert (len(shown), earlier) == (60, 40)
    before, none = discussion.page(line, earlier)
    assert [*before, *shown] == line
    assert none == 0
    long = discussion.timeline(discussion.threads([_said(number, "x" * 10_000, 90) for number in range(9)]), ())
    shown, earlier = discussion.page(long, len(long))
    comments = [one for happening in shown if happening.thread for one in happening.thread.comments]
    assert sum(len(one["content"]) for one in comments) <= discussion.MOST_TEXT + discussion.MOST_OF_THREAD + 20_000
    assert earlier == len(long) - len(shown) > 0
    assert shown[-1].thread is not None
    assert shown[-1].thread.left_out + len(shown[-1].thread.comments) == 91


def _hunk(conflict: bool, **sides: tuple[int, int, bytes]) -> dict[str, Any]:
    told = {
        name: {"startLine": start, "endLine": end, "hunkContent": base64.b64encode(text).decode()}
        for name, (start, end, text) in sides.items()
    }
    return {"isConflict": conflict, **told}


def _conflict(*hunks: dict[str, Any], **more: Any) -> dict[str, Any]:
    kinds = dict.fromkeys(("source", "destination", "base"), "FILE")
    said = {"filePath": "a", "objectTypes": kinds, "isBinaryFile": {}, "contentConflict": True, **more}
    return {"conflictMetadata": said, "mergeHunks": list(hunks)}


DISPUTE = _hunk(True, base=(1, 2, b"2\n"), source=(1, 2, b"s\n"), destination=(1, 2, b"d\n"))


def test_a_conflict_is_offered_with_git_s_marks_and_what_one_side_changed_merged() -> None:
    one = _hunk(False, base=(3, 4, b"4\n"), source=(3, 4, b"four\n"), destination=(3, 4, b"4\n"))
    file = conflicts.file_of(_conflict(DISPUTE, one), b"1\n2\n3\n4\n", ("topic", "main"))
    assert file.merged == "1\n<<<<<<< main\nd\n=======\ns\n>>>>>>> topic\n3\nfour\n"
    assert [(hunk.line, hunk.source, hunk.destination) for hunk in file.hunks] == [(2, "s\n", "d\n")]


@pytest.mark.parametrize(
    ("base", "more"),
    [
        (b"1\n\xff\n", {}),
        (b"1\n2\n\x00\n", {}),
        (b"1\n2\n\x1b[0m\n", {}),
        (None, {}),
        (b"1\n2\n", {"isBinaryFile": {"source": True}}),
        (b"1\n2\n", {"objectTypes": {"source": "FILE", "base": "FILE"}}),
        (b"1\n2\n" + b"x\n" * conflicts.MOST_EDITED, {}),
    ],
    ids=["no UTF-8", "NUL", "control", "unread", "binary", "deleted", "large"],
)
def test_what_a_form_would_not_bring_back_as_it_was_is_not_offered_to_be_edited(base: bytes | None, more: Any) -> None:
    second = _hunk(True, base=(1, 1, b""), source=(1, 1, b"s"), destination=(1, 1, b"d"))
    assert conflicts.file_of(_conflict(second, **more), base, ("topic", "main")).merged is None


def test_lines_that_end_as_on_windows_come_back_so() -> None:
    hunk = _hunk(True, base=(0, 1, b"1\r\n"), source=(0, 1, b"s\r\n"), destination=(0, 1, b"d\r\n"))
    file = conflicts.file_of(_conflict(hunk), b"1\r\n2\r\n", ("t", "m"))
    assert file.crlf
    assert file.merged == "<<<<<<< m\nd\n=======\ns\n>>>>>>> t\n2\n"
    form = {"path-0": "a", "choice-0": "edited", "content-0": "d\r\n2\r\n", "crlf-0": "yes"}
    wanted = {"filePath": "a", "replacementType": "USE_NEW_CONTENT", "content": b"d\r\n2\r\n"}
    assert conflicts.resolution(form) == ({"replaceContents": [wanted]}, "")
