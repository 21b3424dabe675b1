"""Where repositories live: the port from a row to a folder on disk, and git's tools for it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from codeyard.git import refs, repository
from codeyard.git.catfile import CatFiles
from codeyard.git.command import Git

UNBORN = "refs/heads/main"


class RepositoryStore(Protocol):
    """The port: where the git repository with this id is."""

    def path(self, repository_id: str) -> Path:
        """The repository's folder."""

    def create(self, repository_id: str) -> None:
        """Make it, empty."""

    def remove(self, repository_id: str) -> None:
        """Delete it; nothing happens when it is gone."""

    def point_head(self, repository_id: str, branch: str) -> None:
        """Make HEAD name the branch."""


class LocalRepositories:
    """Repositories in plain folders under one root, spread by the first letters of their ids."""

    def __init__(self, root: Path, git: Git, objects: CatFiles) -> None:
        self._root, self._git, self._objects = root, git, objects

    def path(self, repository_id: str) -> Path:
        """The repository's folder."""
        return self._root / repository_id[:2] / f"{repository_id}.git"

    def create(self, repository_id: str) -> None:
        """Make it, empty."""
        repository.create(self._git, self.path(repository_id), UNBORN)

    def remove(self, repository_id: str) -> None:
        """Delete it; nothing happens when it is gone."""
        self._objects.drop(self.path(repository_id))
        repository.remove(self.path(repository_id))

    def point_head(self, repository_id: str, branch: str) -> None:
        """Make HEAD name the branch, where it does not yet."""
        path, ref = self.path(repository_id), f"refs/heads/{branch}"
        if path.exists() and refs.head(path) != ref:
            refs.set_head(self._git, path, ref)
