"""buildspec.yml and appspec.yml that are bombs, and patterns that would backtrack: refused or done, soon."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from codeyard.formats import appspec, buildspec, globs
from codeyard.formats.appspec import AppSpecError
from codeyard.formats.buildspec import BuildSpecError, OnFailure
from codeyard.runner.phases import tried_again
from codeyard.runner.search import finds


def laughs(leaf: str = "[lol, lol]") -> str:
    steps = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join([f"l0: &l0 {leaf}", *steps, ""])


def merges() -> str:
    steps = [f"l{n}: &l{n}\n  <<: [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(["l0: &l0 {a: b}", *steps, ""])


BUILD = "\nversion: 0.2\nphases: {build: {commands: [x]}}\n"
HOST = "\nversion: 0.0\nos: linux\n"
BUILDSPECS = {
    "a version of aliases": laughs() + "version: *l9\nphases: {build: {commands: [x]}}",
    "a user of aliases": laughs() + BUILD + "run-as: *l9",
    "commands of aliases": laughs() + "version: 0.2\nphases: {build: {commands: *l9}}",
    "artifacts of aliases": laughs() + BUILD + "artifacts: {files: x, name: *l9}",
    "a long text often": "t: &t " + "x" * 900_000 + "\na: [" + "*t, " * 10_000 + "]" + BUILD,
    "merges": merges() + BUILD,
    "a circle": "a: &a [*a]\nrun-as: *a" + BUILD,
    "a circle of merges": "a: &a\n  <<: *a" + BUILD,
    "deep lists": "[" * 200_000,
    "deep blocks": "- " * 200_000,
    "deep keys": "? " * 200_000,
    "a tag of Python": "!!python/object/apply:os.system [id]",
    "a tag unlike its value": "version: !!set {a, b}\nphases: {}",
    "a list as a key": "? [a, b]\n: c" + BUILD,
    "a NUL": "version: 0.2\0",
    "an endless expression": BUILD.replace("commands", "on-failure: 'RETRY-" + "(" * 5000 + ")" * 5000 + "', commands"),
    "an expression beyond counting": BUILD.replace("commands", "on-failure: 'RETRY-a{99999999999999999999}', commands"),
    "too large": "# " + "x" * (1 << 20) + BUILD,
}
APPSPECS = {
    "a version of aliases": laughs() + "version: *l9\nos: linux",
    "a system of aliases": laughs() + "version: 0.0\nos: *l9",
    "a source of aliases": laughs() + HOST + "files: [{source: *l9, destination: x}]",
    "a timeout of aliases": laughs() + HOST + "hooks: {A: [{location: x, timeout: *l9}]}",
    "merges": merges() + HOST,
    "a circle": HOST + "x: &a [*a]",
    "a number to the base of 60": HOST + "x: 1" + ":1" * 300_000,
    "a number of many digits": "os: linux\nversion: 0x" + "f" * 300_000,
    "a mode of many digits": HOST + "permissions: [{object: x, mode: 0x" + "f" * 300_000 + "}]",
    "a truth that is none": HOST + "x: !!bool maybe",
    "a number that is none": HOST + "x: !!int ''",
    "a time that is none": HOST + "x: !!timestamp never",
    "a tag of Python": "!!python/name:os.system",
    "deep": "[" * 200_000,
    "too large": "# " + "x" * (1 << 20) + HOST,
}


def _soon(call: Callable[[], object]) -> None:
    begun = time.process_time()
    call()
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("name", BUILDSPECS)
def test_a_hostile_buildspec_is_refused_soon(name: str) -> None:
    def parse() -> None:
        with pytest.raises(BuildSpecError) as refused:
            buildspec.parse(BUILDSPECS[name])
        assert len(str(refused.value)) < 1000

    _soon(parse)


@pytest.mark.parametrize("name", APPSPECS)
def test_a_hostile_appspec_is_refused_soon(name: str) -> None:
    def parse() -> None:
        with pytest.raises(AppSpecError) as refused:
            appspec.parse(APPSPECS[name])
        assert len(str(refused.value)) < 1000

    _soon(parse)


def test_aliases_that_people_use_are_fine() -> None:
    text = "env: &e\n  variables: {A: b}\nx: {<<: *e, y: [*e, *e]}" + BUILD
    assert buildspec.parse(text).variables == {"A": "b"}


PATTERNS = ["*a" * 100 + "b", "**a" * 100 + "b", "**/" * 100 + "b", "**/*a" * 50 + "b", "?*" * 100 + "b",
            "[ab]*" * 100 + "c", "**/*/" * 50 + "x", "{*a,*b}*" + "*a" * 50 + "b"]  # fmt: skip
PATHS = ["a" * 4000, "a/" * 2000, "ab/" * 1300 + "a", "[" * 4000]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_of_artifacts_takes_long(pattern: str) -> None:
    _soon(lambda: [globs.matches(pattern, path) for path in PATHS])


@pytest.mark.parametrize("pattern", ["{a,aa}" * 30, "{a," * 500 + "}" * 500, "x" * 5000, "a\0b", "{a,b,c,d}" * 12])
def test_a_pattern_with_too_many_ways_is_refused_soon(pattern: str) -> None:
    def match() -> None:
        with pytest.raises(ValueError, match="too"):
            globs.matches(pattern, "a" * 100)

    _soon(match)


def test_a_pattern_means_the_same_to_a_matcher_that_tries_every_way() -> None:
    rng, pieces = random.Random(7), ["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[!a]", "."]
    matched = 0
    for _ in range(4000):
        tokens = [rng.choice(pieces) for _ in range(rng.randint(1, 5))]
        path = "".join(rng.choice("ab/.") for _ in range(rng.randint(0, 6)))
        pattern = "".join(tokens)
        if "//" in pattern or pattern.startswith("./") or "***" in pattern:
            continue
        found = globs.matches(pattern, path)
        assert found is _tried(pattern, path, at=0), (pattern, path)
        matched += found
    assert matched > 200


def _tried(pattern: str, path: str, at: int) -> bool:
    """Every way, one character at a time."""
    rest = pattern[at:]
    if not rest:
        return not path
    if rest.startswith("**/") and (at == 0 or pattern[at - 1] == "/"):
        cuts = [n + 1 for n, c in enumerate(path) if c == "/" and "" not in path[: n + 1].split("/")[:-1]]
        return any(_tried(pattern, path[n:], at + 3) for n in [0, *cuts])
    if rest.startswith("**"):
        return any(_tried(pattern, path[n:], at + 2) for n in range(len(path) + 1))
    if rest[0] == "*":
        inner = len(path.partition("/")[0])
        return any(_tried(pattern, path[n:], at + 1) for n in range(inner + 1))
    one, width = path[:1], 1
    if rest[0] == "?":
        good = one not in ("", "/")
    elif rest.startswith("[ab]"):
        good, width = one in ("a", "b"), 4
    elif rest.startswith("[!a]"):
        good, width = one not in ("", "/", "a"), 4
    else:
        good = one == rest[0]
    return good and _tried(pattern, path[1:], at + width)


def test_an_expression_of_a_build_that_never_ends_is_given_up() -> None:
    begun = time.monotonic()
    assert not finds("(a+)+$", "a" * 60 + "b", within=0.5)
    assert time.monotonic() - begun < 3
    assert tried_again(OnFailure("RETRY", 3, "time.*out"), 1, "it timed out\n")
    assert not tried_again(OnFailure("RETRY", 3, "^nothing$"), 1, "it timed out\n")
    assert not tried_again(OnFailure("RETRY", 3, "out"), 4, "it timed out\n")
