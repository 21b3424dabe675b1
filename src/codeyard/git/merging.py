"""What git says of a merge: the bases of two histories, how far they parted, and the merge of two commits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeyard.git.command import Git, GitCommand
from codeyard.git.diff import Change, parse_raw
from codeyard.git.scratch import Scratch

BASE, OURS, THEIRS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Stage:
    """One version of a path in conflict: `stage` is BASE, OURS or THEIRS; `recorded` is where git put it aside."""

    path: str
    recorded: str
    stage: int
    mode: int
    id: str


def merge_bases(git: Git, repository: Path, left: str, right: str) -> list[str]:
    """Every best common ancestor of two commits; more than one where histories cross, none where they share nothing."""
    result = git.run(GitCommand("merge-base", ["--all"], operands=[left, right], repository=repository), ok=(0, 1))
    return result.stdout.decode().split()


def divergence(git: Git, repository: Path, tips: Sequence[str], bases: Sequence[str], *, limit: int) -> int:
    """How many commits the tips have beyond the bases; counts no further than the limit."""
    operands = [*tips, *(f"^{base}" for base in bases)]
    flags = ["--count", f"--max-count={limit}"]
    return int(git.run(GitCommand("rev-list", flags, operands, repository=repository)).stdout)


def diff_pairs(git: Git, repository: Path, pairs: Sequence[tuple[str, str]]) -> list[list[Change]]:
    """What changed between each pair of trees, in one process."""
    flags = ["--stdin", "-r", "-z", "--raw", "--no-renames", "--abbrev=40"]
    asked = "".join(f"{before} {after}\n" for before, after in pairs)
    output = git.run(GitCommand("diff-tree", flags, repository=repository), asked.encode()).stdout
    answers: dict[str, list[bytes]] = {}
    fields: list[bytes] = []
    parts = iter(output.split(b"\0"))
    for part in parts:
        *headers, record = part.split(b"\n")  # each pair is named in a line of its own
        for header in headers:
            fields = answers[header.decode()] = []
        if record:
            fields += [record, next(parts)]
    return [list(parse_raw(answers.get(f"{before} {after}", []))) for before, after in pairs]


def merge_lines(git: Git, repository: Path, ours: str, theirs: str, into: Scratch) -> tuple[str, list[Stage]]:
    """Merge two commits as `git merge` does: the tree that results, and the stages of what is in conflict.

    What the merge makes lies in the scratch folder. A path that git had to put aside (`d~ID`) comes under its own.
    """
    flags = ["--write-tree", "-z", "--no-messages", "--allow-unrelated-histories"]
    command = GitCommand(
        "merge-tree", flags, [ours, theirs], repository=repository, config=["core.fsync=none"], scratch=into.folder
    )
    tree, *lines = git.run(command, ok=(0, 1)).stdout.split(b"\0")
    return tree.decode(), list(_stages([line for line in lines if line], (ours, theirs)))


def _stages(lines: Sequence[bytes], sides: tuple[str, str]) -> Iterator[Stage]:
    aside = re.compile(f"(.+)~(?:{'|'.join(sides)})(?:_[0-9]+)?", re.S)
    for line in lines:
        head, _, name = line.partition(b"\t")
        mode, object_id, stage = head.decode().split(" ")
        recorded = name.decode("utf-8", "surrogateescape")
        moved = aside.fullmatch(recorded)
        yield Stage(moved[1] if moved else recorded, recorded, int(stage), int(mode, 8), object_id)
