"""Where repositories live: the port from a row to a folder on disk, and git's tools for it.

A repository under a KMS key lies encrypted. Its plain path is then a link into the folder that stands open while the
repository is in use, so that whoever has a path need not know.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import defaultdict
from pathlib import Path
from typing import Protocol

from codeyard.git import gocryptfs, refs, repository
from codeyard.git.catfile import CatFiles
from codeyard.git.command import Git
from codeyard.git.gocryptfs import Gocryptfs

UNBORN = "refs/heads/main"
_INSIDE = "repository.git"


class RepositoryStore(Protocol):
    """The port: where the git repository with this id is."""

    def path(self, repository_id: str) -> Path:
        """The repository's folder; it is there while the repository is open, as one without a key always is."""

    def create(self, repository_id: str, secret: bytes = b"") -> None:
        """Make it, empty; with a secret encrypted, and open."""

    def remove(self, repository_id: str) -> None:
        """Delete it; nothing happens when it is gone."""

    def point_head(self, repository_id: str, branch: str) -> None:
        """Make HEAD name the branch."""

    def open(self, repository_id: str, secret: bytes) -> bool:
        """Open an encrypted one; whether it had been closed."""

    def shut(self, repository_id: str) -> None:
        """Close an encrypted one: without its secret nothing can be read any more."""

    def encrypt(self, repository_id: str, secret: bytes) -> None:
        """Copy a plain one into an encrypted one, which `open` will put in its place. Nobody may be writing to it."""


class LocalRepositories:
    """Repositories below one folder, spread by the first letters of their ids."""

    def __init__(self, folder: Path, git: Git, objects: CatFiles) -> None:
        self._folder, self._git, self._objects = folder, git, objects
        self._encrypted = Gocryptfs(folder / "open")
        self._opening: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def path(self, repository_id: str) -> Path:
        """The repository's folder."""
        return self._folder / "repositories" / repository_id[:2] / f"{repository_id}.git"

    def create(self, repository_id: str, secret: bytes = b"") -> None:
        """Make it, empty; with a secret encrypted, and open."""
        if secret:
            self._make_encrypted(repository_id, secret)
            repository.create(self._git, self._place(repository_id) / _INSIDE, UNBORN)
            self._link(repository_id)
        else:
            repository.create(self._git, self.path(repository_id), UNBORN)

    def remove(self, repository_id: str) -> None:
        """Delete it; nothing happens when it is gone."""
        path, cipher = self.path(repository_id), self._cipher(repository_id)
        self._objects.drop(path)
        if path.is_symlink():
            path.unlink()
        else:
            repository.remove(path)
        if cipher.exists():
            self.shut(repository_id)
            repository.remove(cipher)

    def point_head(self, repository_id: str, branch: str) -> None:
        """Make HEAD name the branch, where it does not yet."""
        path, ref = self.path(repository_id), f"refs/heads/{branch}"
        if path.exists() and refs.head(path) != ref:
            refs.set_head(self._git, path, ref)

    def open(self, repository_id: str, secret: bytes) -> bool:
        """Open an encrypted one; whether it had been closed."""
        place = self._place(repository_id)
        with self._opening[repository_id]:
            if self.path(repository_id).is_symlink() and (place / _INSIDE / "HEAD").exists():
                return False
            if not (place / _INSIDE).exists():
                self._encrypted.open(self._cipher(repository_id), place, secret)
            self._link(repository_id)
            return True

    def shut(self, repository_id: str) -> None:
        """Close an encrypted one: without its secret nothing can be read any more."""
        with self._opening[repository_id]:
            self._objects.drop(self.path(repository_id))
            gocryptfs.close(self._place(repository_id))

    def encrypt(self, repository_id: str, secret: bytes) -> None:
        """Copy a plain one into an encrypted one, which `open` will put in its place."""
        self._make_encrypted(repository_id, secret)
        shutil.copytree(self.path(repository_id), self._place(repository_id) / _INSIDE)
        os.sync()  # a file system of ours answers for durability file by file: all at once is quicker

    def close(self) -> None:
        """Close every encrypted one, those too that an earlier process left open."""
        self._objects.close()
        self._encrypted.close_all()

    def _cipher(self, repository_id: str) -> Path:
        return self._folder / "encrypted" / repository_id[:2] / repository_id

    def _place(self, repository_id: str) -> Path:
        return self._folder / "open" / repository_id

    def _make_encrypted(self, repository_id: str, secret: bytes) -> None:
        cipher, place = self._cipher(repository_id), self._place(repository_id)
        gocryptfs.close(place)
        shutil.rmtree(cipher, ignore_errors=True)  # a crash left it, before anybody was told of it
        self._encrypted.create(cipher, secret)
        self._encrypted.open(cipher, place, secret)

    def _link(self, repository_id: str) -> None:
        """Make the plain path a link into the open folder; a plain repository there was copied, and goes."""
        path = self.path(repository_id)
        if path.is_symlink():
            return
        gone = path.with_name(path.name + ".deleted")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._objects.drop(path)
        if path.exists():
            path.rename(gone)
        path.symlink_to(Path("..", "..", "open", repository_id, _INSIDE))
        repository.fsync(path.parent)
        shutil.rmtree(gone, ignore_errors=True)
