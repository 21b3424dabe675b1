"""Merging two commits in memory: by file, or line by line as git does. Nothing is written to the repository.

By file, whatever both sides changed is in conflict, and a rename is a deletion and an addition, as trees say it.
By line (and for AUTOMERGE) the merge is git's own, with its renames and its virtual ancestors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from codeyard.contract import AwsError
from codeyard.git import merging
from codeyard.git.command import Git
from codeyard.git.diff import Change
from codeyard.git.merging import Stage
from codeyard.git.objects import NewObject
from codeyard.git.scratch import Scratch, scratch
from codeyard.git.trees import TreeEditor
from codeyard.services.codecommit import model
from codeyard.services.codecommit.merges import sides as compared
from codeyard.services.codecommit.merges.sides import Sides
from codeyard.services.codecommit.merges.versions import Conflict, Version, paths_of
from codeyard.services.codecommit.reading import Reader

FILE_LEVEL, LINE_LEVEL = "FILE_LEVEL", "LINE_LEVEL"


@dataclass(slots=True)
class Attempt:
    """A merge under way: the tree so far, in an editor, and the paths that are still in conflict."""

    git: Git
    reader: Reader
    sides: Sides
    by_line: bool
    scratch: Scratch
    editor: TreeEditor
    conflicts: dict[str, Conflict]
    objects: list[NewObject] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The paths in conflict, in order."""
        return list(paths_of(self.conflicts))

    def blob(self, blob_id: str) -> bytes:
        """A blob of the repository or of the merge itself (an ancestor that git made up)."""
        made = self._made(blob_id)
        return made.content if made is not None else self.reader.content(blob_id)

    def size(self, blob_id: str) -> int:
        """A blob's size."""
        made = self._made(blob_id)
        return len(made.content) if made is not None else self.reader.blob_size(blob_id) or 0

    def _made(self, object_id: str) -> NewObject | None:
        return self.scratch.objects().get(object_id) if self.by_line else None

    def choose(self, conflict: Conflict, version: Version | None) -> None:
        """Settle a conflict with one of its versions, or with none."""
        for recorded in conflict.aside:
            self.editor.discard(recorded)
        if version is None:
            self.editor.discard(conflict.path)
        elif version.type != "DIRECTORY" or version not in (conflict.source, conflict.destination):
            self.editor.force(conflict.path, version.mode, version.id)
        self.conflicts.pop(conflict.path, None)


@contextmanager
def attempt(git: Git, reader: Reader, source: str, destination: str, *, by_line: bool) -> Iterator[Attempt]:
    """The merge of `source` into `destination`, as far as it goes by itself."""
    sides = compared.compare(git, reader, source, destination)
    if by_line and len(sides.by_source.keys() & sides.by_destination.keys()) > model.MAX_LOADED_FILES:
        raise AwsError("MaximumFileContentToLoadExceededException", "Too many files were changed on both sides.")
    with scratch(git, reader.path) as into:
        make = _lines if by_line else _files
        editor, conflicts = make(git, reader, sides, into)
        yield Attempt(git, reader, sides, by_line, into, editor, conflicts)


def _lines(git: Git, reader: Reader, sides: Sides, into: Scratch) -> tuple[TreeEditor, dict[str, Conflict]]:
    tree, stages = merging.merge_lines(git, reader.path, sides.destination, sides.source, into)
    by_path: dict[str, list[Stage]] = {}
    for stage in stages:
        by_path.setdefault(stage.path, []).append(stage)
    conflicts = {path: _conflict(reader, sides, path, found) for path, found in by_path.items()}
    made = into.objects()

    def read(tree_id: str) -> bytes:
        return made[tree_id].content if tree_id in made else reader.tree(tree_id)

    return TreeEditor(read, tree), conflicts


def _conflict(reader: Reader, sides: Sides, path: str, stages: list[Stage]) -> Conflict:
    """A conflict of git's; a side without a stage may have a folder at the path."""
    found: dict[int, Version | None] = {stage.stage: Version(stage.mode, stage.id) for stage in stages}
    for stage, side in ((merging.BASE, "base"), (merging.OURS, "destination"), (merging.THEIRS, "source")):
        there = None if stage in found else sides.at(reader, side, path)
        if there is not None and there.type == "DIRECTORY":
            found[stage] = there
    aside = tuple(dict.fromkeys(stage.recorded for stage in stages if stage.recorded != path))
    versions = (found.get(merging.BASE), found.get(merging.THEIRS), found.get(merging.OURS))
    return Conflict(path, *versions, aside)


def _files(git: Git, reader: Reader, sides: Sides, into: Scratch) -> tuple[TreeEditor, dict[str, Conflict]]:
    editor = TreeEditor(reader.tree, sides.roots["destination"])
    disputed = set()
    for path, change in sides.by_source.items():
        other = sides.by_destination.get(path)
        if other is not None:
            disputed |= set() if _agree(editor, path, change, other) else {path}
        elif not change.new_mode:
            editor.discard(path)
    disputed |= _put_all(editor, sides.by_source, sides.by_destination)
    return editor, {path: _disputed(reader, sides, path) for path in disputed}


def _agree(editor: TreeEditor, path: str, mine: Change, other: Change) -> bool:
    """Whether both sides made the same of a file; where only one of them chose another mode, it is taken."""
    modes = {mine.new_mode, other.new_mode}
    if mine.new_id != other.new_id or (len(modes) == 2 and (0 in modes or mine.old_mode not in modes)):
        return False
    if len(modes) == 2:
        editor.force(path, (modes - {mine.old_mode}).pop(), mine.new_id)
    return True


def _put_all(editor: TreeEditor, mine: Mapping[str, Change], other: Mapping[str, Change]) -> set[str]:
    """Put what only the source changed; the paths where a file stands against a folder, which then stays."""
    disputed = set()
    for path, change in mine.items():
        if path in other or not change.new_mode:
            continue
        there = editor.get(path)
        if there is not None and there.is_folder:
            disputed.add(path)
            continue
        disputed |= {found} if (found := _in_the_way(editor, path)) else set()
        editor.force(path, change.new_mode, change.new_id)
    return disputed


def _in_the_way(editor: TreeEditor, path: str) -> str:
    """The path of a file (or submodule) where the path has a folder; empty when there is none."""
    names = path.split("/")
    for depth in range(1, len(names)):
        there = editor.get("/".join(names[:depth]))
        if there is None:
            return ""
        if not there.is_folder:
            return "/".join(names[:depth])
    return ""


def _disputed(reader: Reader, sides: Sides, path: str) -> Conflict:
    base, source, destination = (sides.at(reader, side, path) for side in ("base", "source", "destination"))
    return Conflict(path, base, source, destination)
