"""Objects, trees, references and differences, against git itself."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from codeyard.git import diff, merging, refs, repository, trees
from codeyard.git.archive import zip_of
from codeyard.git.command import Git, GitError
from codeyard.git.names import ZERO
from codeyard.git.objects import (
    EMPTY_TREE,
    EXECUTABLE,
    NORMAL,
    UNPACK_LIMIT,
    NewObject,
    Signature,
    TreeEntry,
    commit,
    object_id,
    parse_commit,
    parse_tree,
    tree,
    write_objects,
)
from codeyard.git.pktline import RefCommand
from codeyard.git.scratch import scratch
from codeyard.git.transfer import check
from codeyard.git.trees import PathConflict, TreeEditor
from tests.unit.git.conftest import Bare

WHO = Signature("Ann <x>\n", "ann@example.com", 1_700_000_000)


def edit(bare: Bare, root: str, puts: dict[str, bytes], removes: tuple[str, ...] = ()) -> str:
    editor = TreeEditor(bare.tree, root)
    blobs = [NewObject("blob", content) for content in puts.values()]
    for path in removes:
        editor.remove(path)
    for path, blob in zip(puts, blobs, strict=True):
        editor.put(path, NORMAL, blob.id)
    made, new = editor.finish()
    write_objects(bare.git, bare.path, [*blobs, *new])
    return made


def record(bare: Bare, tree_id: str, *parents: str, message: str = "m") -> str:
    made = commit(tree_id, parents, WHO, WHO, message)
    write_objects(bare.git, bare.path, [made])
    return made.id


def git(bare: Bare, *args: str) -> str:
    found = subprocess.run(["git", f"--git-dir={bare.path}", *args], capture_output=True, check=True)
    return found.stdout.decode()


def test_ids_are_the_ones_that_git_gives() -> None:
    assert object_id("blob", b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert tree(()).id == EMPTY_TREE


def test_a_tree_is_in_gits_order_and_reads_back() -> None:
    entries = [
        TreeEntry(b"a", 0o40000, "a" * 40),
        TreeEntry(b"a.b", NORMAL, "b" * 40),
        TreeEntry(b"a0", NORMAL, "c" * 40),
    ]
    content = tree(entries).content
    assert [entry.name for entry in parse_tree(content)] == [b"a.b", b"a", b"a0"]


def test_written_objects_satisfy_fsck_and_read_as_they_were_meant(bare: Bare) -> None:
    root = edit(bare, EMPTY_TREE, {"a/b/c": b"1", "a/d": b"2", "e": b"3"})
    tip = record(bare, root, message="Grüße\n\nbody")
    refs.update_refs(bare.git, bare.path, [RefCommand("refs/heads/main", ZERO, tip)])
    assert check(bare.git, bare.path) == []
    assert git(bare, "ls-tree", "-r", "--name-only", "main").split() == ["a/b/c", "a/d", "e"]
    found = bare.objects.read(bare.path, tip)
    assert found is not None
    read = parse_commit(tip, found[1])
    assert (read.author, read.message) == (("Ann x", "ann@example.com", "1700000000 +0000"), "Grüße\n\nbody\n")


def test_an_object_with_a_broken_link_is_not_written(bare: Bare) -> None:
    with pytest.raises(GitError):
        write_objects(bare.git, bare.path, [commit("1" * 40, (), WHO, WHO, "m")])


def test_many_objects_are_written_as_one_pack_and_none_of_them_where_a_link_is_broken(bare: Bare) -> None:
    blobs = [NewObject("blob", b"%d" % number) for number in range(UNPACK_LIMIT)]
    root = tree(TreeEntry(b"%d" % number, NORMAL, blob.id) for number, blob in enumerate(blobs))
    with pytest.raises(GitError):
        write_objects(bare.git, bare.path, [*blobs, commit(root.id, (), WHO, WHO, "m")])
    assert not list((bare.path / "objects" / "pack").glob("*.pack"))
    made = commit(root.id, (), WHO, WHO, "m")
    write_objects(bare.git, bare.path, [*blobs, root, made])
    refs.update_refs(bare.git, bare.path, [RefCommand("refs/heads/main", ZERO, made.id)])
    assert check(bare.git, bare.path) == []
    assert len(list((bare.path / "objects" / "pack").glob("*.pack"))) == 1
    assert bare.objects.read(bare.path, blobs[3].id)


def test_a_commits_further_headers_are_kept_apart() -> None:
    content = b"tree " + b"a" * 40 + b"\nauthor A <a> 1 +0000\ncommitter C <c> 2 -0100\ngpgsig x\n y\n\nmessage"
    read = parse_commit("f" * 40, content)
    assert (read.tree, read.parents, read.committer, read.message) == ("a" * 40, (), ("C", "c", "2 -0100"), "message")
    assert read.extra == "gpgsig x\n y"


def test_removing_files_removes_the_folders_that_they_leave_empty(bare: Bare) -> None:
    root = edit(bare, EMPTY_TREE, {"a/b/c": b"1", "a/d": b"2"})
    editor = TreeEditor(bare.tree, root)
    assert editor.remove("a/b/c") == "a/b"
    assert editor.get("a/b") is None
    assert editor.remove("a/d") == "a"
    assert editor.finish()[0] == EMPTY_TREE


def test_a_file_may_take_the_place_of_a_folder_that_became_empty(bare: Bare) -> None:
    root = edit(bare, EMPTY_TREE, {"a/b": b"1", "z": b"2"})
    changed = edit(bare, root, {"a": b"3"}, removes=("a/b",))
    assert git(bare, "ls-tree", "-r", "--name-only", changed).split() == ["a", "z"]


CONFLICTS = [("a", "folder"), ("a/b/c", "file"), ("sub", "submodule"), ("sub/x", "submodule")]


@pytest.mark.parametrize(("path", "kind"), CONFLICTS)
def test_paths_that_collide_are_told_apart(bare: Bare, path: str, kind: str) -> None:
    blob = NewObject("blob", b"1")
    inner = tree([TreeEntry(b"b", NORMAL, blob.id)])
    root = tree([TreeEntry(b"a", 0o40000, inner.id), TreeEntry(b"sub", 0o160000, "1" * 40)])
    write_objects(bare.git, bare.path, [blob, inner, root])
    with pytest.raises(PathConflict) as conflict:
        TreeEditor(bare.tree, root.id).put(path, NORMAL, "2" * 40)
    assert conflict.value.kind == kind


def test_a_path_is_found_by_walking(bare: Bare) -> None:
    root = edit(bare, EMPTY_TREE, {"a/b": b"1"})
    found = trees.find(bare.tree, root, "a/b")
    assert found is not None
    assert found.id == object_id("blob", b"1")
    assert trees.find(bare.tree, root, "") == TreeEntry(b"", 0o40000, root)
    for path in ("x", "a/x", "a/b/c"):
        assert trees.find(bare.tree, root, path) is None
    assert trees.find(bare.tree, EMPTY_TREE, "a") is None


def test_references_move_only_from_what_they_were_believed_to_be(bare: Bare) -> None:
    first = record(bare, edit(bare, EMPTY_TREE, {"a": b"1"}))
    second = record(bare, edit(bare, EMPTY_TREE, {"a": b"2"}), first)
    main, other = "refs/heads/main", "refs/heads/other"
    refs.update_refs(bare.git, bare.path, [RefCommand(main, ZERO, first)])
    for stale in (
        [RefCommand(main, ZERO, second)],
        [RefCommand(main, second, first)],
        [RefCommand(main, second, ZERO)],
        [RefCommand(other, ZERO, first), RefCommand(main, second, first)],
        [RefCommand("refs/heads/main/below", ZERO, first)],
    ):
        with pytest.raises(refs.RefConflict):
            refs.update_refs(bare.git, bare.path, stale)
    assert refs.list_refs(bare.git, bare.path) == {main: first}
    refs.update_refs(bare.git, bare.path, [RefCommand(main, first, second), RefCommand(other, ZERO, first)])
    assert refs.list_refs(bare.git, bare.path, "refs/heads/") == {main: second, other: first}
    refs.update_refs(bare.git, bare.path, [RefCommand(other, first, ZERO)])
    assert refs.list_refs(bare.git, bare.path) == {main: second}


def test_differences_are_told_file_by_file(bare: Bare) -> None:
    before = edit(bare, EMPTY_TREE, {"a": b"1", "d/ü\n": b"2", "same": b"3"})
    editor = TreeEditor(bare.tree, edit(bare, before, {"new": b"4"}, removes=("d/ü\n",)))
    editor.put("a", EXECUTABLE, object_id("blob", b"1"))
    after, made = editor.finish()
    write_objects(bare.git, bare.path, made)
    found = [
        (c.path.decode(), c.kind, c.old_mode, c.new_mode) for c in diff.diff_trees(bare.git, bare.path, before, after)
    ]
    assert found == [("a", "M", NORMAL, EXECUTABLE), ("d/ü\n", "D", NORMAL, 0), ("new", "A", 0, NORMAL)]


def test_histories_are_compared(bare: Bare) -> None:
    base = record(bare, edit(bare, EMPTY_TREE, {"a": b"1", "b": b"1"}))
    left = record(bare, edit(bare, EMPTY_TREE, {"a": b"2", "b": b"1"}), base)
    right = record(bare, edit(bare, EMPTY_TREE, {"a": b"1", "b": b"2"}), base)
    rival = record(bare, edit(bare, EMPTY_TREE, {"a": b"3", "b": b"1"}), base)
    alone = record(bare, edit(bare, EMPTY_TREE, {"x": b"1"}))
    assert diff.merge_base(bare.git, bare.path, left, right) == base
    assert diff.merge_base(bare.git, bare.path, left, alone) is None
    bases = diff.MergeBases(bare.git, bound=1)
    for _ in range(2):  # the one is forgotten for the other
        assert bases.of(bare.path, left, right) == base
        assert bases.of(bare.path, left, right) == base
        assert bases.of(bare.path, left, alone) is None
    assert diff.beyond(bare.git, bare.path, right, left, skip=0, count=9) == [right]
    assert diff.beyond(bare.git, bare.path, right, alone, skip=1, count=9) == [base]
    assert diff.is_ancestor(bare.git, bare.path, base, left)
    assert not diff.is_ancestor(bare.git, bare.path, left, right)
    with scratch(bare.git, bare.path) as into:
        merged, conflicts = merging.merge_lines(bare.git, bare.path, left, right, into)
        assert (set(into.objects()) <= {merged}, conflicts) == (True, [])
        _, conflicts = merging.merge_lines(bare.git, bare.path, left, rival, into)
        assert {(one.path, one.stage) for one in conflicts} == {("a", 1), ("a", 2), ("a", 3)}
    assert not into.folder.exists()
    assert diff.history(bare.git, bare.path, left, "a", count=9) == [(left, [base]), (base, [])]


def test_a_repository_is_configured_for_a_server(bare: Bare) -> None:
    settings = {
        "core.fsync": "committed",
        "gc.auto": "0",
        "receive.autogc": "false",
        "receive.fsckobjects": "true",
        "transfer.hiderefs": "refs/codeyard",
        "uploadpack.allowfilter": "true",
        "uploadpack.allowanysha1inwant": "true",
        "core.hookspath": str(bare.git.hooks),
    }
    for name, value in settings.items():
        assert git(bare, "config", name).strip() == value
    assert refs.head(bare.path) == "refs/heads/main"
    refs.set_head(bare.git, bare.path, "refs/heads/other")
    assert refs.head(bare.path) == "refs/heads/other"


def test_a_repository_is_removed_whole_and_twice(bare: Bare) -> None:
    repository.remove(bare.path)
    repository.remove(bare.path)
    assert list(bare.path.parent.iterdir()) == []


def test_a_folder_with_an_odd_name_does_not_break_the_configuration(tmp_path: Path) -> None:
    tools = Git(tmp_path / 'a"b;c # d\\e')
    path = tmp_path / "x.git"
    repository.create(tools, path, "refs/heads/main")
    found = subprocess.run(["git", f"--git-dir={path}", "config", "core.hooksPath"], capture_output=True, check=True)
    assert found.stdout.decode().strip() == str(tools.hooks)


def test_an_archive_holds_the_commits_files_and_is_the_same_each_time(bare: Bare) -> None:
    tip = record(bare, edit(bare, EMPTY_TREE, {".gitattributes": b"b export-ignore\n", "b": b"1"}))
    first = b"".join(zip_of(bare.git, bare.path, tip))
    assert b"".join(zip_of(bare.git, bare.path, tip)) == first
    assert sorted(zipfile.ZipFile(io.BytesIO(first)).namelist()) == [".gitattributes", "b"]
    with pytest.raises(GitError):
        list(zip_of(bare.git, bare.path, "1" * 40))
