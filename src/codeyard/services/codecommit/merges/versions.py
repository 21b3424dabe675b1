"""A path in conflict: its versions on each side, and what CodeCommit says of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.git.objects import EXECUTABLE, FOLDER, NORMAL, SUBMODULE, SYMLINK, TreeEntry
from codeyard.services.codecommit.reading import MODE_NAMES

TYPES: Mapping[int, str] = {FOLDER: "DIRECTORY", SUBMODULE: "GIT_LINK", SYMLINK: "SYMBOLIC_LINK"}
SIDES = ("source", "destination", "base")


@dataclass(frozen=True, slots=True)
class Version:
    """What one side has at a path."""

    mode: int
    id: str

    @property
    def type(self) -> str:
        """The object type, as the API names it."""
        return TYPES.get(self.mode, "FILE")

    @property
    def is_blob(self) -> bool:
        """Whether it is a file or a symbolic link."""
        return self.mode not in (FOLDER, SUBMODULE)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that both sides changed. `aside` are the places where git put versions of it."""

    path: str
    base: Version | None
    source: Version | None
    destination: Version | None
    aside: tuple[str, ...] = ()

    def side(self, name: str) -> Version | None:
        """The version of `source`, `destination` or `base`."""
        found: Version | None = getattr(self, name)
        return found

    @property
    def files(self) -> bool:
        """Whether both sides have a file here."""
        return bool(self.source and self.destination and self._types() == {"FILE"})

    @property
    def type_differs(self) -> bool:
        """Whether the sides have different kinds of objects here."""
        return bool(self.source and self.destination and self.source.type != self.destination.type)

    @property
    def mode_differs(self) -> bool:
        """Whether both sides chose a file mode, and not the same one."""
        return self._both_changed("mode") and self._types() == {"FILE"}

    @property
    def content_differs(self) -> bool:
        """Whether the content is in dispute: it differs, one side has none, or neither type nor mode explains it."""
        if self.source is None or self.destination is None:
            return True
        return not self.type_differs and (self.source.id != self.destination.id or not self.mode_differs)

    def _types(self) -> set[str]:
        return {version.type for version in (self.source, self.destination) if version}

    def _both_changed(self, name: str) -> bool:
        if self.source is None or self.destination is None:
            return False
        ours, theirs = getattr(self.destination, name), getattr(self.source, name)
        return bool(ours != theirs and (self.base is None or getattr(self.base, name) not in (ours, theirs)))


def version(entry: TreeEntry | None) -> Version | None:
    """A tree's entry as a version."""
    return None if entry is None else Version(entry.mode, entry.id)


@dataclass(frozen=True, slots=True)
class Texts:
    """The sizes of a conflict's blobs, and which of them are binary, by side."""

    sizes: Mapping[str, int]
    binary: Mapping[str, bool]


def metadata(conflict: Conflict, texts: Texts, hunks: int) -> dict[str, Any]:
    """ConflictMetadata; `hunks` is the number of conflicts in the content."""
    sides = {name: found for name in SIDES if (found := conflict.side(name)) is not None}
    modes = {name: MODE_NAMES.get(found.mode, "NORMAL") for name, found in sides.items() if found.is_blob}
    return {
        "filePath": conflict.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "fileSizes": dict(texts.sizes),
        "fileModes": modes,
        "objectTypes": {name: found.type for name, found in sides.items()},
        "numberOfConflicts": hunks + conflict.mode_differs + conflict.type_differs,
        "isBinaryFile": dict(texts.binary),
        "contentConflict": hunks > 0,
        "fileModeConflict": conflict.mode_differs,
        "objectTypeConflict": conflict.type_differs,
        "mergeOperations": _operations(conflict),
    }


def _operations(conflict: Conflict) -> dict[str, str]:
    found = {name: _operation(conflict.base, conflict.side(name)) for name in ("source", "destination")}
    return {name: kind for name, kind in found.items() if kind}


def _operation(base: Version | None, side: Version | None) -> str:
    if base == side:
        return ""
    return "A" if base is None else "D" if side is None else "M"


def file_mode(name: str) -> int:
    """The mode that the API calls so."""
    return {"NORMAL": NORMAL, "EXECUTABLE": EXECUTABLE, "SYMLINK": SYMLINK}[name]


def paths_of(conflicts: Mapping[str, Conflict]) -> Sequence[str]:
    """The paths in conflict, in git's order of bytes."""
    return sorted(conflicts, key=lambda path: path.encode("utf-8", "surrogateescape"))
