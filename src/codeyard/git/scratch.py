"""A throw-away object folder over a repository: git may write into it while it works things out.

What turns out to be wanted is taken from there and written for good; reading calls leave nothing behind.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeyard.git.command import Git
from codeyard.git.objects import NewObject


class Scratch:
    """One such folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, NewObject] | None = None

    def objects(self) -> dict[str, NewObject]:
        """Everything that git has written here, by id."""
        if self._read is None:
            files = (file for sub in self.folder.iterdir() if len(sub.name) == 2 for file in sub.iterdir())
            found = {file.parent.name + file.name: _loose(file) for file in files if len(file.name) == 38}
            self._read = found
        return self._read


@contextmanager
def scratch(git: Git, repository: Path) -> Iterator[Scratch]:
    """A scratch folder for as long as the block runs; that of an encrypted repository is encrypted with it."""
    place = git.scratches
    if repository.is_symlink():
        place = repository / "scratch"
        place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
        yield Scratch(Path(folder))


def _loose(file: Path) -> NewObject:
    head, _, content = zlib.decompress(file.read_bytes()).partition(b"\0")
    return NewObject(head.split(b" ")[0].decode(), content)
