"""Buildspecs, parsed as CodeBuild parses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeyard.formats.buildspec import BuildSpecError, OnFailure, Secret, boolean, on_failure, parse, secret

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "buildspecs"
NOT_VALID = ("ManojKumarAlagudurai__DotNetCoreSample__buildspec.yml__7877abe9c3",)
WHOLE = """
version: 0.2
run-as: root
env:
  shell: bash
  variables: {A: 1, ON: yes, EMPTY: ""}
  parameter-store: {P: /app/p}
  secrets-manager: {S: "db:password"}
  exported-variables: [A]
  git-credential-helper: yes
phases:
  install:
    runtime-versions: {python: 3.10, golang: 1.20}
    commands: [one]
    finally: [last]
  build:
    on-failure: RETRY-2-timeout
    commands:
      - |
        two
        lines
artifacts:
  files: ["**/*"]
  name: out-$(date +%F)
  base-directory: dist
  discard-paths: no
  exclude-paths: ["*.map"]
  enable-symlinks: yes
  secondary-artifacts:
    docs: {files: [a.txt], discard-paths: yes}
reports:
  unit: {files: [r.xml]}
cache: {paths: [/root/.m2/**/*]}
"""


def test_every_part_of_a_buildspec_is_kept() -> None:
    spec = parse(WHOLE)
    assert spec.variables == {"A": "1", "ON": "yes", "EMPTY": ""}
    assert spec.parameter_store == {"P": "/app/p"}
    assert spec.secrets_manager == {"S": Secret("db", "password")}
    assert (spec.shell, spec.exported, spec.git_credential_helper) == ("bash", ("A",), True)
    assert spec.phases["install"].finally_ == ("last",)
    assert spec.phases["build"].commands == ("two\nlines\n",)
    assert spec.phases["build"].on_failure == OnFailure("RETRY", 2, "timeout")
    assert spec.artifacts is not None
    assert (spec.artifacts.discard_paths, spec.artifacts.enable_symlinks) == (False, True)
    assert spec.secondary_artifacts["docs"].discard_paths
    assert spec.reports["unit"] == {"files": ["r.xml"]}
    assert spec.cache == {"paths": ["/root/.m2/**/*"]}


def test_numbers_stay_as_they_were_written() -> None:
    versions = parse(WHOLE).phases["install"].runtime_versions
    assert versions == {"python": "3.10", "golang": "1.20"}


@pytest.mark.parametrize("word", ["yes", "Yes", "on", "TRUE", "y"])
def test_yaml_1_1_words_are_true(word: str) -> None:
    assert boolean(word) is True


@pytest.mark.parametrize("word", ["no", "Off", "FALSE", "n", "", None])
def test_yaml_1_1_words_are_false(word: str | None) -> None:
    assert boolean(word) is False


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ABORT", OnFailure("ABORT")),
        ("CONTINUE", OnFailure("CONTINUE")),
        ("RETRY", OnFailure("RETRY", 3, ".*")),
        ("RETRY-0", OnFailure("RETRY", 0, ".*")),
        ("RETRY-5", OnFailure("RETRY", 5, ".*")),
        ("RETRY-net.*down", OnFailure("RETRY", 3, "net.*down")),
        ("RETRY-7-a-b", OnFailure("RETRY", 7, "a-b")),
    ],
)
def test_on_failure_is_understood(text: str, meant: OnFailure) -> None:
    assert on_failure(text) == meant


@pytest.mark.parametrize("text", ["retry", "RETRY-101", "ABORT-3", "RETRY-(", "STOP"])
def test_another_on_failure_is_refused(text: str) -> None:
    with pytest.raises(BuildSpecError):
        on_failure(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("name", Secret("name")),
        ("name:key", Secret("name", "key")),
        ("name:key:AWSCURRENT:v1", Secret("name", "key", "AWSCURRENT", "v1")),
        (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1:key",
            Secret("arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1", "key"),
        ),
    ],
)
def test_a_secret_reference_is_taken_apart(text: str, meant: Secret) -> None:
    assert secret(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 0.2\nphases:\n  build:\n    commands: [a, b\n", "did not find expected ',' or ']' at line"),
        ("version: 0.2\nphases: {postbuild: {}}", "Invalid buildspec phase name: POSTBUILD. Expecting: "),
        ("a: b: c", "mapping values are not allowed in this context at line 0"),
        ("version: 0.3\nphases: {build: {commands: [a]}}", "Invalid version: 0.3"),
        ("phases: {build: {commands: [a]}}", "version is required"),
        ("version: 0.2\nphases:\n  build:\n    commands:\n      - echo: a", "found subkeys instead"),
        ("version: 0.2\nenv: {variables: {1A: x}}\nphases: {build: {}}", "Invalid environment variable name"),
        ("version: 0.2", "phases is required"),
        ("", "the file is empty"),
        ("- a", "Expected a mapping"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(BuildSpecError) as refused:
        parse(text)
    assert said in str(refused.value)


def test_an_alias_bomb_is_harmless() -> None:
    lines = [
        "version: 0.2",
        "a: &a [x, x]",
        *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
    with pytest.raises(BuildSpecError):
        parse("\n".join(lines))


def test_the_early_version_runs_each_command_in_a_shell_of_its_own() -> None:
    spec = parse("version: 0.1\nenvironment_variables:\n  plaintext: x\nphases: {build: {commands: [a]}}")
    assert not spec.one_shell


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the collection of public buildspecs is not on this machine")
def test_public_buildspecs_parse() -> None:
    refused = []
    for path in sorted(SAMPLES.iterdir()):
        try:
            parse(path.read_text())
        except BuildSpecError:
            refused.append(path.name)
    assert tuple(refused) == NOT_VALID
