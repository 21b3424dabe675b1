"""Walking and editing trees: a change to a path makes new trees up to the root; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeyard.git.objects import EMPTY_TREE, FOLDER, SUBMODULE, NewObject, TreeEntry, parse_tree, tree

ReadTree = Callable[[str], bytes]


class PathConflict(Exception):
    """A path of the change collides with what is there: `kind` is folder, file or submodule."""

    def __init__(self, kind: str, path: str) -> None:
        super().__init__(f"{path} is in conflict with a {kind}")
        self.kind = kind
        self.path = path


def find(read: ReadTree, root: str, path: str) -> TreeEntry | None:
    """The entry at the path; the root itself for an empty path; None when nothing is there."""
    entry = TreeEntry(b"", FOLDER, root)
    for name in _names(path):
        if not entry.is_folder:
            return None
        by_name = {child.name: child for child in _entries(read, entry.id)}
        found = by_name.get(name)
        if found is None:
            return None
        entry = found
    return entry


def list_folder(read: ReadTree, tree_id: str) -> list[TreeEntry]:
    """The entries of a tree."""
    return _entries(read, tree_id)


def _entries(read: ReadTree, tree_id: str) -> list[TreeEntry]:
    return [] if tree_id == EMPTY_TREE else parse_tree(read(tree_id))


def _names(path: str) -> list[bytes]:
    return [name.encode("utf-8", "surrogateescape") for name in path.split("/") if name]


@dataclass(slots=True)
class _Folder:
    entries: dict[bytes, TreeEntry]
    folders: dict[bytes, _Folder]


class TreeEditor:
    """Puts and removes files in a tree, loading only the folders that it touches."""

    def __init__(self, read: ReadTree, root: str) -> None:
        self._read = read
        self._root = self._load(root)

    def get(self, path: str) -> TreeEntry | None:
        """What is at the path now, with the edits so far."""
        folder: _Folder | None = self._root
        names = _names(path)
        for name in names[:-1]:
            folder = self._child(folder, name) if folder else None
        return folder.entries.get(names[-1]) if folder else None

    def put(self, path: str, mode: int, blob_id: str) -> None:
        """Put a file; PathConflict when a folder, a submodule or (for a folder) a file is in the way."""
        names = _names(path)
        folder = self._root
        for depth, name in enumerate(names[:-1]):
            folder = self._descend(folder, name, "/".join(path.split("/")[: depth + 1]))
        there = folder.entries.get(names[-1])
        if there is not None and there.mode in (FOLDER, SUBMODULE):
            raise PathConflict("folder" if there.is_folder else "submodule", path)
        folder.entries[names[-1]] = TreeEntry(names[-1], mode, blob_id)

    def force(self, path: str, mode: int, object_id: str) -> None:
        """Put an entry, even a submodule or a whole folder, and let whatever is in the way go."""
        names = _names(path)
        folder = self._root
        for name in names[:-1]:
            child = self._child(folder, name)
            if child is None:
                folder.entries.pop(name, None)
                child = self._descend(folder, name, path)
            folder = child
        folder.folders.pop(names[-1], None)
        folder.entries[names[-1]] = TreeEntry(names[-1], mode, object_id)

    def discard(self, path: str) -> None:
        """Remove what is no folder at the path, if there is anything, and the folders that it leaves empty."""
        there = self.get(path)
        if there is not None and not there.is_folder:
            self.remove(path)

    def remove(self, path: str) -> str:
        """Remove a file, and the folders that it leaves empty; the file's folder if it is one of those."""
        names = _names(path)
        walked = [self._root]
        for name in names[:-1]:
            child = self._child(walked[-1], name)
            if child is None:
                raise KeyError(path)
            walked.append(child)
        del walked[-1].entries[names[-1]]
        emptied = path.rpartition("/")[0] if not walked[-1].entries else ""
        for parent, name in zip(reversed(walked[:-1]), reversed(names[:-1]), strict=True):
            if parent.folders[name].entries:
                break
            del parent.entries[name], parent.folders[name]
        return emptied

    def finish(self) -> tuple[str, list[NewObject]]:
        """The new root's id and the trees to write; empty folders vanish, as git has none."""
        made: list[NewObject] = []
        root = self._save(self._root, made)
        return root or tree(()).id, made or [tree(())]

    def _load(self, tree_id: str) -> _Folder:
        return _Folder({entry.name: entry for entry in _entries(self._read, tree_id)}, {})

    def _child(self, folder: _Folder, name: bytes) -> _Folder | None:
        if name in folder.folders:
            return folder.folders[name]
        entry = folder.entries.get(name)
        if entry is None or not entry.is_folder:
            return None
        folder.folders[name] = self._load(entry.id)
        return folder.folders[name]

    def _descend(self, folder: _Folder, name: bytes, path: str) -> _Folder:
        child = self._child(folder, name)
        if child is not None:
            return child
        there = folder.entries.get(name)
        if there is not None:
            raise PathConflict("submodule" if there.mode == SUBMODULE else "file", path)
        folder.folders[name] = _Folder({}, {})
        folder.entries[name] = TreeEntry(name, FOLDER, EMPTY_TREE)
        return folder.folders[name]

    def _save(self, folder: _Folder, made: list[NewObject]) -> str | None:
        for name, child in folder.folders.items():
            child_id = self._save(child, made)
            if child_id is None:
                folder.entries.pop(name, None)
            elif name in folder.entries:
                folder.entries[name] = TreeEntry(name, FOLDER, child_id)
        if not folder.entries:
            return None
        made.append(tree(folder.entries.values()))
        return made[-1].id


def largest_tree(objects: Sequence[NewObject]) -> int:
    """The size in bytes of the largest tree among the objects."""
    return max((len(one.content) for one in objects if one.type == "tree"), default=0)
