"""No caller can make git do what the table does not list, and git sees nothing of the server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from codeyard.git.command import Git, GitCommand, GitError, UnsafeArgument, end, is_protocol
from codeyard.git.repository import create

REFUSED = [
    {"subcommand": "config"},
    {"subcommand": "daemon"},
    {"subcommand": "upload-pack", "flags": ["--exec=sh"]},
    {"subcommand": "for-each-ref", "flags": ["--shell"]},
    {"subcommand": "for-each-ref", "flags": ["--format"]},
    {"subcommand": "diff-tree", "operands": ["--output=/tmp/x"]},
    {"subcommand": "diff-tree", "operands": ["-r"]},
    {"subcommand": "rev-list", "operands": [""]},
    {"subcommand": "rev-list", "operands": ["a\nb"]},
    {"subcommand": "rev-list", "operands": ["a\0b"]},
    {"subcommand": "rev-list", "paths": ["a\0b"]},
    {"subcommand": "upload-pack", "protocol": "version=2\n"},
    {"subcommand": "upload-pack", "protocol": "version=2;x"},
]


@pytest.mark.parametrize("values", REFUSED, ids=str)
def test_what_the_table_does_not_list_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UnsafeArgument):
        GitCommand(**values)  # type: ignore[arg-type]


def test_operands_stand_behind_the_end_of_options_and_paths_behind_dashes() -> None:
    command = GitCommand("rev-list", ["--max-count=1"], ["main"], ["-path"], Path("/r"))
    assert command.argv()[3:] == [
        "--git-dir=/r",
        "rev-list",
        "--max-count=1",
        "--end-of-options",
        "main",
        "--",
        "-path",
    ]


@pytest.mark.parametrize("text", ["version=2", "version=1", "version=2:key=value"])
def test_a_protocol_is_pairs_of_plain_words(text: str) -> None:
    assert is_protocol(text)


@pytest.mark.parametrize("text", ["", "version", "version=2:", "version=2 x=1", "a=b\n", "v=" + "2" * 300])
def test_anything_else_is_no_protocol(text: str) -> None:
    assert not is_protocol(text)


def test_git_sees_nothing_of_the_servers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.hooksPath=/evil'")
    environment = Git(tmp_path).environment("version=2")
    assert "GIT_DIR" not in environment
    assert "secret" not in environment.values()
    assert environment["GIT_PROTOCOL"] == "version=2"
    assert environment["GIT_CONFIG_NOSYSTEM"] == "1"
    assert environment["HOME"] == str(tmp_path)


def test_a_failure_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(GitError) as error:
        Git(tmp_path).run(GitCommand("for-each-ref", repository=tmp_path / "none"))
    assert "not a git repository" in error.value.message


def test_ending_a_process_reaps_it_and_closes_its_pipes(tmp_path: Path) -> None:
    git = Git(tmp_path)
    create(git, tmp_path / "r", "refs/heads/main")
    command = GitCommand("cat-file", ["--batch-command"], repository=tmp_path / "r")
    process = git.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end(process)
    assert process.returncode is not None
    assert process.stdin is not None
    assert process.stdin.closed
    assert not os.path.exists(f"/proc/{process.pid}")
