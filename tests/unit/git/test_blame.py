"""Blames: the commit, the lines, and what is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from codeyard.git.blame import Blames, blame
from codeyard.git.command import Git, GitCommand, Result


class Counting(Git):
    """Git that remembers what it was asked."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.asked: list[str] = []

    def run(self, command: GitCommand, data: bytes = b"", **more: object) -> Result:
        self.asked.append(command.subcommand)
        return super().run(command, data, **more)  # type: ignore[arg-type]


class Work:
    """A repository with a file that two people wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / ".git"
        self.git("init", "-q", "-b", "main")
        self.first = self.commit("a b.txt", "1\n2\n3\n", "Ann <b>")
        self.second = self.commit("a b.txt", "1\ntwo\n3\n4\n", "Böb")
        self.third = self.commit("other", "x\n", "Cid")

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=T", "-c", "user.email=t@x"]
        done = subprocess.run(["git", *identity, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, name: str, text: str, author: str) -> str:
        (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"{author}'s work\n\nat length", f"--author={author.replace('<', '(')} <a@x>")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    folder = tmp_path / "work"
    folder.mkdir()
    return Work(folder)


@pytest.fixture
def git(tmp_path: Path) -> Counting:
    made = Counting(tmp_path / "home")
    made.prepare()
    return made


def test_each_span_is_the_commits_that_wrote_it(work: Work, git: Counting) -> None:
    spans = [(one.start, one.count, one.commit, one.author) for one in blame(git, work.path, work.third, "a b.txt")]
    ann, bob = spans[0][3], "Böb"
    assert spans == [
        (1, 1, work.first, ann),
        (2, 1, work.second, bob),
        (3, 1, work.first, ann),
        (4, 1, work.second, bob),
    ]
    assert {one.summary for one in blame(git, work.path, work.second, "a b.txt")} == {"Ann <b>'s work", "Böb's work"}


def test_a_file_that_stayed_is_blamed_once_for_all_later_commits(work: Work, git: Counting) -> None:
    blames = Blames(git)
    found = blames.of(work.path, work.second, "a b.txt")
    assert blames.of(work.path, work.third, "a b.txt") == found
    assert git.asked.count("blame") == 1
    asked = len(git.asked)
    blames.of(work.path, work.third, "a b.txt")
    assert len(git.asked) == asked  # nothing is asked of git for what was looked at
    assert blames.of(work.path, work.first, "a b.txt") != found


def test_only_so_much_is_kept(work: Work, git: Counting) -> None:
    blames = Blames(git, bound=4)
    for _ in range(2):
        blames.of(work.path, work.first, "a b.txt")
        blames.of(work.path, work.second, "a b.txt")
    assert git.asked.count("blame") == 4
