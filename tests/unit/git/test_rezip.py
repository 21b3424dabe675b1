"""The zip of a commit out of the zip of another: byte for byte what git makes of it."""

from __future__ import annotations

import io
import zipfile

import pytest

from codeyard.git import rezip
from codeyard.git.archive import zip_of
from codeyard.git.diff import diff_trees
from codeyard.git.objects import EXECUTABLE, NORMAL, SUBMODULE, SYMLINK, NewObject, Signature, commit, write_objects
from codeyard.git.trees import TreeEditor
from tests.unit.git.conftest import Bare

Files = dict[str, tuple[int, bytes]]
PLAIN: Files = {
    "README.md": (NORMAL, b"read me\n" * 50),
    "a.txt": (NORMAL, b"a"),
    "a/b.txt": (NORMAL, b"b" * 300_000),
    "a/deep/c.bin": (NORMAL, bytes(range(256)) * 20),
    "a0": (EXECUTABLE, b"#!/bin/sh\n"),
    "bär/ü.txt": (NORMAL, "ü".encode()),
    "empty": (NORMAL, b""),
    "link": (SYMLINK, b"a/b.txt"),
}


def record(bare: Bare, files: Files, at: int) -> str:
    """A commit of exactly these files."""
    editor = TreeEditor(bare.tree, "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    blobs = []
    for path, (mode, data) in files.items():
        if mode == SUBMODULE:
            editor.put(path, mode, "1" * 40)
            continue
        blobs.append(NewObject("blob", data))
        editor.put(path, mode, blobs[-1].id)
    root, made = editor.finish()
    who = Signature("Ann", "ann@example.com", at)
    tip = commit(root, (), who, who, "message")
    write_objects(bare.git, bare.path, [*blobs, *made, tip])
    return tip.id


def whole(bare: Bare, tip: str) -> bytes:
    return b"".join(zip_of(bare.git, bare.path, tip))


def built(bare: Bare, old: str, new: str) -> bytes:
    """The new commit's zip, out of the old one's."""
    before = rezip.Zip(io.BytesIO(whole(bare, old)))
    changes = diff_trees(bare.git, bare.path, old, new)
    fresh = b"".join(zip_of(bare.git, bare.path, new, rezip.wanted(before, changes)))
    return b"".join(rezip.spliced(before, rezip.Zip(io.BytesIO(fresh)), changes, new))


def without(*names: str) -> Files:
    return {name: entry for name, entry in PLAIN.items() if name not in names}


CHANGES: dict[str, Files] = {
    "nothing": PLAIN,
    "a file is changed": PLAIN | {"a.txt": (NORMAL, b"another")},
    "files are added first, last and in a new folder": PLAIN
    | {"0": (NORMAL, b"0"), "a/new/x": (NORMAL, b"x"), "z": (NORMAL, b"z")},
    "a file is deleted": without("a.txt"),
    "the last file of a folder is deleted": without("a/deep/c.bin"),
    "a whole folder is deleted": without("a/deep/c.bin", "a/b.txt"),
    "a file becomes executable": PLAIN | {"a.txt": (EXECUTABLE, b"a")},
    "a file becomes a link": PLAIN | {"a.txt": (SYMLINK, b"a0")},
    "a link becomes a file": PLAIN | {"link": (NORMAL, b"a/b.txt")},
    "a file becomes a folder": without("a.txt") | {"a.txt/inner": (NORMAL, b"i")},
    "a folder becomes a file": without("a/deep/c.bin", "a/b.txt") | {"a": (NORMAL, b"now a file")},
    "a name holds what patterns are made of": PLAIN | {"*": (NORMAL, b"*"), ":(top)x[a]": (NORMAL, b"?")},
    "all is changed": {name: (mode, data + b"x") for name, (mode, data) in PLAIN.items()},
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_archive_is_what_git_makes_of_the_commit_when(bare: Bare, name: str) -> None:
    old = record(bare, PLAIN, 1_700_000_000)
    new = record(bare, CHANGES[name], 1_700_654_322)
    assert built(bare, old, new) == whole(bare, new)


def test_a_large_file_is_copied_in_pieces(bare: Bare) -> None:
    large = PLAIN | {"m": (NORMAL, bytes((i * i) % 251 for i in range(3 << 20)))}
    old, new = record(bare, large, 1_700_000_000), record(bare, large | {"n": (NORMAL, b"n")}, 1_700_000_100)
    assert built(bare, old, new) == whole(bare, new)


def test_what_attributes_turn_files_into_is_kept_while_they_do_not_change(bare: Bare) -> None:
    lines = PLAIN | {".gitattributes": (NORMAL, b"*.txt text eol=crlf\n"), "t.txt": (NORMAL, b"1\n2\n")}
    old = record(bare, lines, 1_700_000_000)
    new = record(bare, lines | {"u.txt": (NORMAL, b"3\n4\n")}, 1_700_000_100)
    made = built(bare, old, new)
    assert made == whole(bare, new)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert (archive.read("t.txt"), archive.read("u.txt")) == (b"1\r\n2\r\n", b"3\r\n4\r\n")


@pytest.mark.parametrize(
    "after",
    [
        PLAIN | {"a/.gitattributes": (NORMAL, b"* text eol=crlf\n")},
        PLAIN | {"sub": (SUBMODULE, b"")},
        PLAIN | {f"f{n}": (NORMAL, b"f") for n in range(rezip.MOST_PATHS + 1)},
        PLAIN | {"-x": (NORMAL, b"x")},
        PLAIN | {"x\ny": (NORMAL, b"x")},
        {},
    ],
)
def test_the_archive_is_made_as_a_whole_where_what_is_there_tells_too_little(bare: Bare, after: Files) -> None:
    old, new = record(bare, PLAIN, 1_700_000_000), record(bare, after, 1_700_000_100)
    with pytest.raises(rezip.Unusable):
        built(bare, old, new)


def test_a_submodule_that_does_not_change_keeps_its_folder(bare: Bare) -> None:
    with_one = PLAIN | {"sub": (SUBMODULE, b"")}
    old = record(bare, with_one, 1_700_000_000)
    new = record(bare, with_one | {"a.txt": (NORMAL, b"2")}, 1_700_000_100)
    assert built(bare, old, new) == whole(bare, new)


def test_what_would_tell_of_its_commit_or_stay_out_is_copied_as_it_is(bare: Bare) -> None:
    lines = PLAIN | {".gitattributes": (NORMAL, b"stamp export-subst\na.txt export-ignore\n")}
    old = record(bare, lines | {"stamp": (NORMAL, b"$Format:%H$")}, 1_700_000_000)
    new = record(bare, lines | {"stamp": (NORMAL, b"$Format:%H$"), "new": (NORMAL, b"n")}, 1_700_000_100)
    made = built(bare, old, new)
    assert made == whole(bare, new)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert (archive.read("stamp"), archive.read("a.txt")) == (b"$Format:%H$", b"a")


def test_a_zip_of_another_make_is_not_built_upon() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"a")
        archive.comment = b"0" * 40
    for data in (file.getvalue(), b"", b"PK\5\6" + b"\0" * 58, file.getvalue()[:-30] + b"\0" * 30):
        with pytest.raises(rezip.Unusable):
            rezip.Zip(io.BytesIO(data))
