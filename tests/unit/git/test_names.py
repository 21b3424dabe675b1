"""Names, by the rules of git check-ref-format; git itself is asked too."""

from __future__ import annotations

import subprocess

import pytest

from codeyard.git.names import is_hidden, is_object_id, is_valid_branch, is_valid_ref, split_ref

NAMES = [
    "refs/heads/main",
    "refs/heads/a/b/c",
    "refs/heads/ümlaut",
    "refs/heads/@",
    "refs/heads/-x",
    "refs/heads/a@b",
    "refs/heads/a.b",
    "refs/heads/.a",
    "refs/heads/a/.b",
    "refs/heads/a.lock",
    "refs/heads/a.lock/b",
    "refs/heads/a..b",
    "refs/heads/a b",
    "refs/heads/a~1",
    "refs/heads/a^",
    "refs/heads/a:b",
    "refs/heads/a?",
    "refs/heads/a*",
    "refs/heads/a[b",
    "refs/heads/a\\b",
    "refs/heads/a@{b",
    "refs/heads/a.",
    "refs/heads/a/",
    "refs/heads//a",
    "refs/heads/a\x7f",
    "refs/heads/a\tb",
    "refs/heads/a\nb",
    "refs/x/y",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_name_is_what_git_says_it_is(name: str) -> None:
    said = subprocess.run(["git", "check-ref-format", name], capture_output=True, check=False).returncode == 0
    assert is_valid_ref(name) == said


@pytest.mark.parametrize("name", ["heads/main", "refs/heads", "main", "", "HEAD"])
def test_a_full_name_begins_with_refs_and_has_three_parts(name: str) -> None:
    assert not is_valid_ref(name)


BRANCHES = {"main": True, "a/b": True, "a" * 256: True, "a" * 257: False, "": False, "-a": False, "HEAD": False}
LIKE_IDS = {"a" * 40: False, "A" * 40: False, "a" * 39: True, "g" * 40: True}


@pytest.mark.parametrize(("name", "valid"), {**BRANCHES, **LIKE_IDS}.items())
def test_a_branch_cannot_look_like_a_flag_or_a_commit(name: str, valid: bool) -> None:
    assert is_valid_branch(name) == valid


def test_an_object_id_is_full_and_lower_case() -> None:
    assert is_object_id("0123456789abcdef0123456789abcdef01234567")
    for text in ("A" * 40, "a" * 39, "a" * 41, "a" * 40 + "\n", ""):
        assert not is_object_id(text)


def test_the_servers_own_references_are_hidden() -> None:
    assert is_hidden("refs/codeyard/pr/1")
    assert not is_hidden("refs/heads/codeyard")


def test_a_reference_has_a_kind_and_a_short_name() -> None:
    assert split_ref("refs/heads/a/b") == ("branch", "a/b")
    assert split_ref("refs/tags/v1") == ("tag", "v1")
    assert split_ref("refs/notes/x") == ("", "refs/notes/x")
