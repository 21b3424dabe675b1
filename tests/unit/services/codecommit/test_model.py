"""Pure rules."""

from __future__ import annotations

import pytest

from codeyard.contract import AwsError
from codeyard.git.names import ZERO
from codeyard.services.codecommit.model import Intent, decode_token, encode_token, first_branch, judge

X, Y, Z = "a" * 40, "b" * 40, "c" * 40
REF = "refs/heads/main"


def intent(batch: str, old: str, new: str, ref: str = REF) -> Intent:
    return Intent(batch, "r", ref, old, new)


JUDGED = [
    ("nothing was done", X, [("1", X, Y)], []),
    ("it was done", Y, [("1", X, Y)], ["1"]),
    ("a creation was done", X, [("1", ZERO, X)], ["1"]),
    ("a creation was not done", None, [("1", ZERO, X)], []),
    ("a deletion was done", None, [("1", X, ZERO)], ["1"]),
    ("a deletion was not done", X, [("1", X, ZERO)], []),
    ("one after the other", Z, [("1", X, Y), ("2", Y, Z)], ["1", "2"]),
    ("the first of two", Y, [("1", X, Y), ("2", Y, Z)], ["1"]),
    ("two rivals, the second won", Z, [("1", X, Y), ("2", X, Z)], ["2"]),
    ("two that want the same", Y, [("1", X, Y), ("2", X, Y)], ["1"]),
    ("deleted after it was moved", None, [("1", X, Y), ("2", Y, ZERO)], ["1", "2"]),
]


@pytest.mark.parametrize(("what", "now", "begun", "happened"), JUDGED, ids=[case[0] for case in JUDGED])
def test_what_was_begun_is_judged_by_what_references_hold(
    what: str, now: str | None, begun: list[tuple[str, str, str]], happened: list[str]
) -> None:
    current = {REF: now} if now else {}
    assert [one.batch for one in judge(current, [intent(*values) for values in begun])] == happened


def test_references_are_judged_apart() -> None:
    begun = [intent("1", X, Y), intent("1", X, Z, "refs/heads/other")]
    assert judge({REF: Y, "refs/heads/other": X}, begun) == [begun[0]]


def test_a_token_comes_back_as_it_was_given() -> None:
    assert decode_token(encode_token(a="x", n=3), a=str, n=int) == {"a": "x", "n": 3}
    assert decode_token(None, a=str) == {}


@pytest.mark.parametrize(
    "token", ["x", "é", encode_token(a=1), encode_token(b="x"), encode_token(a="x", more=1), "W10"]
)
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(AwsError) as error:
        decode_token(token, a=str)
    assert error.value.code == "InvalidContinuationTokenException"


FIRST = [
    (["refs/heads/dev"], "dev"),
    (["refs/heads/dev", "refs/heads/main"], "main"),
    (["refs/heads/dev", "refs/heads/master"], "master"),
    (["refs/tags/v1"], None),
    ([], None),
]


@pytest.mark.parametrize(("refs", "branch"), FIRST)
def test_the_default_branch_is_the_usual_one_or_the_first(refs: list[str], branch: str | None) -> None:
    assert first_branch(refs) == branch
