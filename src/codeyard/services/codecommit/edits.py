"""CreateCommit's changes: read from the request with its refusals, and applied to a tree in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import AwsError, Params
from codeyard.git.objects import EXECUTABLE, NORMAL, SUBMODULE, SYMLINK, NewObject, TreeEntry
from codeyard.git.trees import TreeEditor
from codeyard.services.codecommit import model

KEEP = ".gitkeep"
_MODES = {"NORMAL": NORMAL, "EXECUTABLE": EXECUTABLE, "SYMLINK": SYMLINK}


@dataclass(frozen=True, slots=True)
class Put:
    """A file to be written: from content, or from another file of the tip."""

    path: str
    mode: int | None
    content: bytes | None
    source: str | None = None
    move: bool = False


@dataclass(frozen=True, slots=True)
class Edits:
    """What one request asks for."""

    puts: Sequence[Put] = ()
    deletes: Sequence[str] = ()
    modes: Sequence[tuple[str, int]] = ()


Listed = tuple[str, TreeEntry]


@dataclass(slots=True)
class Applied:
    """What was done, and the blobs that it takes."""

    added: list[Listed] = field(default_factory=list)
    updated: list[Listed] = field(default_factory=list)
    deleted: list[Listed] = field(default_factory=list)
    objects: list[NewObject] = field(default_factory=list)


def read_request(req: Params) -> Edits:
    """The changes of a CreateCommit request; every rule that needs no repository is checked here."""
    puts = [_read_put(entry) for entry in req.get("putFiles") or ()]
    deletes = [model.clean_path(entry["filePath"]) for entry in req.get("deleteFiles") or ()]
    modes = [
        (model.clean_path(entry["filePath"]), _MODES[entry["fileMode"]]) for entry in req.get("setFileModes") or ()
    ]
    wanted = Edits(puts, deletes, modes)
    _check_counts(wanted)
    _check_paths(wanted)
    _check_sizes(wanted)
    return wanted


def _read_put(entry: Mapping[str, Any]) -> Put:
    path = model.check_new_path(entry["filePath"])
    mode = _MODES[entry["fileMode"]] if entry.get("fileMode") else None
    content, source = entry.get("fileContent"), entry.get("sourceFile")
    if content is not None and source is not None:
        raise AwsError("FileContentAndSourceFileSpecifiedException", f"{path} has both content and a source file.")
    if source is not None:
        source_path = model.clean_path(source["filePath"])
        if KEEP in (source_path.rpartition("/")[2], path.rpartition("/")[2]):
            raise AwsError("RestrictedSourceFileException", f"A {KEEP} file cannot be copied or moved.")
        return Put(path, mode, None, source_path, bool(source.get("isMove")))
    if content is None:
        raise AwsError("SourceFileOrContentRequiredException", f"{path} needs content or a source file.")
    return Put(path, mode, content)


def _check_counts(wanted: Edits) -> None:
    total = len(wanted.puts) + len(wanted.deletes) + len(wanted.modes)
    if total == 0:
        raise AwsError("FileEntryRequiredException", "A commit needs at least one change.")
    if total > model.MAX_FILES_PER_COMMIT:
        raise AwsError("MaximumFileEntriesExceededException", "A commit changes at most 100 files.")


def _check_paths(wanted: Edits) -> None:
    puts = [put.path for put in wanted.puts]
    if any(_has_folder(path, set(puts)) for path in puts):
        raise AwsError("PutFileEntryConflictException", "The same path is put as a file and as a folder.")
    others = [*wanted.deletes, *(path for path, _ in wanted.modes)]
    moved = [put.source for put in wanted.puts if put.move and put.source is not None]
    if (
        len(set(puts)) != len(puts)
        or len(set(others)) != len(others)
        or set(puts) & set(others)
        or set(moved) & set(others)
    ):
        raise AwsError("SamePathRequestException", "The same path stands in more than one change.")
    if len(set(moved)) != len(moved) or set(moved) & set(puts):
        raise AwsError("SamePathRequestException", "The same path stands in more than one change.")


def _has_folder(path: str, files: Set[str]) -> bool:
    names = path.split("/")
    return any("/".join(names[:depth]) in files for depth in range(1, len(names)))


def _check_sizes(wanted: Edits) -> None:
    sizes = [len(put.content) for put in wanted.puts if put.content is not None]
    if max(sizes, default=0) > model.MAX_FILE or sum(sizes) > model.MAX_REQUEST_CONTENT:
        raise AwsError("FileContentSizeLimitExceededException", "At most 6 MB a file and 7 MB together.")


def apply(editor: TreeEditor, wanted: Edits, *, keep_folders: bool) -> Applied:
    """Make the changes in the tree; FileDoesNotExistException, or PathConflict from the tree."""
    done = Applied()
    sources = {put.source: _file(editor, put.source) for put in wanted.puts if put.source is not None}
    emptied = []
    for path in [*wanted.deletes, *(put.source for put in wanted.puts if put.move and put.source)]:
        done.deleted.append((path, _file(editor, path)))
        emptied.append(editor.remove(path))
    for put in wanted.puts:
        _apply_put(editor, put, sources, done)
    for path, mode in wanted.modes:
        entry = _file(editor, path)
        editor.put(path, mode, entry.id)
        if entry.mode != mode:
            done.updated.append((path, TreeEntry(entry.name, mode, entry.id)))
    done.objects += keep(editor, emptied) if keep_folders else []
    return done


def _apply_put(editor: TreeEditor, put: Put, sources: Mapping[str, TreeEntry], done: Applied) -> None:
    there = editor.get(put.path)
    if put.content is not None:
        blob = NewObject("blob", put.content)
        done.objects.append(blob)
        blob_id, mode = blob.id, there.mode if there and is_file(there) else NORMAL
    else:
        source = sources[put.source or ""]
        blob_id, mode = source.id, source.mode
    mode = put.mode or mode
    editor.put(put.path, mode, blob_id)
    if there is None:
        done.added.append((put.path, TreeEntry(b"", mode, blob_id)))
    elif (there.mode, there.id) != (mode, blob_id):
        done.updated.append((put.path, TreeEntry(b"", mode, blob_id)))


def keep(editor: TreeEditor, emptied: Sequence[str]) -> list[NewObject]:
    """Put a .gitkeep into the folders that would vanish; the blobs that this takes."""
    blob = NewObject("blob", b"")
    gone = [folder for folder in emptied if folder and editor.get(folder) is None]
    for folder in gone:
        editor.put(f"{folder}/{KEEP}", NORMAL, blob.id)
    return [blob] if gone else []


def _file(editor: TreeEditor, path: str) -> TreeEntry:
    entry = editor.get(path)
    if entry is None or not is_file(entry):
        raise AwsError("FileDoesNotExistException", f"The file {path} does not exist.")
    return entry


def is_file(entry: TreeEntry) -> bool:
    """Whether the entry is a file or a symbolic link."""
    return not entry.is_folder and entry.mode != SUBMODULE


def default_message(done: Applied) -> str:
    """What a commit says for whom nothing was said."""
    parts = [("Added", done.added), ("Updated", done.updated), ("Deleted", done.deleted)]
    said = [f"{verb} {len(files)} file{'s' * (len(files) > 1)}" for verb, files in parts if files]
    return ", ".join(said) or "Changed files"
