"""A bare repository as the server makes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from codeyard.git import repository
from codeyard.git.catfile import CatFiles
from codeyard.git.command import Git


@dataclass
class Bare:
    """The repository and git's tools for it."""

    git: Git
    path: Path
    objects: CatFiles
    now: int = 0

    def tree(self, tree_id: str) -> bytes:
        found = self.objects.read(self.path, tree_id)
        assert found is not None
        return found[1]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """An empty repository."""
    git = Git(tmp_path / "home")
    git.prepare()
    path = tmp_path / "r" / "repo.git"
    repository.create(git, path, "refs/heads/main")
    made = Bare(git, path, CatFiles(git, lambda: made.now, capacity=2, idle_us=60))
    yield made
    made.objects.close()
