"""Differences: the right rows, with the right numbers, in bounded time."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from codeyard.console.diffs import Row, difference

texts = st.lists(st.sampled_from("abcde"), max_size=40).map("\n".join)


def test_a_changed_line_is_shown_with_three_around_it() -> None:
    before = "\n".join("0123456789")
    after = before.replace("5", "five")
    assert difference(before, after) == [
        Row("gap", None, None, "@@ line 3 @@"),
        Row("same", 3, 3, "2"),
        Row("same", 4, 4, "3"),
        Row("same", 5, 5, "4"),
        Row("del", 6, None, "5"),
        Row("add", None, 6, "five"),
        Row("same", 7, 7, "6"),
        Row("same", 8, 8, "7"),
        Row("same", 9, 9, "8"),
    ]


def test_a_new_file_is_all_added_and_a_deleted_one_all_taken_out() -> None:
    assert difference("", "a\nb") == [Row("add", None, 1, "a"), Row("add", None, 2, "b")]
    assert difference("a", "") == [Row("del", 1, None, "a")]


def test_changes_far_apart_have_a_gap_between_them() -> None:
    before = [str(n) for n in range(50)]
    after = ["first", *before[1:-1], "last"]
    rows = difference("\n".join(before), "\n".join(after)) or []
    assert [row.kind for row in rows].count("gap") == 1
    assert len(rows) == 11


@given(texts, texts)
def test_the_rows_of_any_two_texts_say_how_one_becomes_the_other(before: str, after: str) -> None:
    rows = difference(before, after) or []
    old, new = before.splitlines(), after.splitlines()
    assert all(old[row.old - 1] == row.text for row in rows if row.old)
    assert all(new[row.new - 1] == row.text for row in rows if row.new)
    assert {row.old for row in rows if row.kind == "del"} <= set(range(1, len(old) + 1))
    shown_old = {row.old for row in rows if row.old}
    shown_new = {row.new for row in rows if row.new}
    left_old = [line for n, line in enumerate(old, 1) if n not in shown_old]
    left_new = [line for n, line in enumerate(new, 1) if n not in shown_new]
    assert left_old == left_new


def test_long_and_hostile_texts_take_little_time() -> None:
    begun = time.process_time()
    assert difference("\n".join(["a", "b"] * 5000), "\n".join(["b", "c", "a"] * 5000)) is not None
    assert difference("a\n" * 30_000, "b") is None
    assert time.process_time() - begun < 5
