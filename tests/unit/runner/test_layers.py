"""The runner's cache of sources: what is taken over from the layer before, and that nothing else is."""

from __future__ import annotations

import io
import os
import stat
import time
import zipfile
from pathlib import Path

import pytest

from codeyard.formats import zips
from codeyard.runner import layers
from codeyard.runner.layers import Index, Layers

FILE, RUN, LINK = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777
Tree = dict[str, tuple[int, bytes]]
FIRST: Tree = {
    "a": (FILE, b"a" * 3000),
    "d/b": (FILE, b"b"),
    "d/e/c": (RUN, b"#!/bin/sh\n"),
    "large": (FILE, os.urandom(1 << 12) * 600),
    "link": (LINK, b"a"),
}


def packed(tree: Tree, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, (mode, data) in tree.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, data)
    return file.getvalue()


def shown(folder: Path) -> Tree:
    """What a build sees of a layer."""
    found: Tree = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()):
        target = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, target)
    return found


class Cache:
    """Layers of zips."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layers = Layers(folder, "1")
        self.filled = 0

    def get(self, key: str, data: bytes, line: str = "bucket/app") -> Path:
        """The layer of an archive, let go of at once."""

        def fill(target: Path, index: Index) -> None:
            self.filled += 1
            zips.extract(io.BytesIO(data), str(target), place=index.place)

        folder, held = self.layers.kept(f"zip-{key}", fill, line=line)
        os.close(held)
        return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def shares(one: Path, other: Path, name: str) -> bool:
    return os.path.samestat((one / name).lstat(), (other / name).lstat())


CHANGES: dict[str, tuple[Tree, set[str]]] = {
    "a file with other content": (FIRST | {"a": (FILE, b"A" * 3000)}, {"d/b", "d/e/c", "large"}),
    "a large file with other content": (FIRST | {"large": (FILE, os.urandom(1 << 21))}, {"a", "d/b", "d/e/c"}),
    "a file that is gone": ({k: v for k, v in FIRST.items() if k != "d/b"}, {"a", "d/e/c", "large"}),
    "a file that may be run now": (FIRST | {"a": (RUN, b"a" * 3000)}, {"d/b", "d/e/c", "large"}),
    "a file that is a link now": (FIRST | {"a": (LINK, b"d/b")}, {"d/b", "d/e/c", "large"}),
    "a link that is a file now": (FIRST | {"link": (FILE, b"a")}, {"a", "d/b", "d/e/c", "large"}),
    "a folder that is a link now": (
        {k: v for k, v in FIRST.items() if not k.startswith("d/")} | {"d": (LINK, b".")},
        {"a", "large"},
    ),
    "a file that is a folder now": (
        {k: v for k, v in FIRST.items() if k != "a"} | {"a/b": (FILE, b"b")},
        {"d/b", "d/e/c", "large"},
    ),
    "the content of another file": (FIRST | {"d/b": FIRST["a"]}, {"a", "d/e/c", "large"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_layer_is_its_archive_and_shares_what_did_not_change(cache: Cache, name: str) -> None:
    tree, same = CHANGES[name]
    before = cache.get("1", packed(FIRST))
    after = cache.get("2", packed(tree))
    assert shown(after) == dict(sorted(tree.items()))
    assert shown(before) == dict(sorted(FIRST.items()))
    regular = {path for path, (mode, _) in tree.items() if stat.S_ISREG(mode) and path in FIRST}
    assert {path for path in regular if shares(before, after, path)} == same


def test_two_files_of_the_same_content_are_two_files(cache: Cache) -> None:
    twins: Tree = {"a": (FILE, b"same"), "b": (FILE, b"same")}
    cache.get("1", packed(twins))
    after = cache.get("2", packed({**twins, "c": (FILE, b"same")}))
    assert len({(after / n).stat().st_ino for n in "abc"}) == 3


def test_a_layer_of_another_line_is_not_looked_at(cache: Cache) -> None:
    before = cache.get("1", packed(FIRST), "bucket/one")
    assert not shares(before, cache.get("2", packed(FIRST), "bucket/other"), "a")


def test_an_archive_with_the_checksum_and_size_of_another_is_unpacked(cache: Cache) -> None:
    """A CRC is no proof: whoever wants two files with the same one can make them."""
    cache.get("1", packed({"a": (FILE, b"plumless")}))
    after = cache.get("2", packed({"a": (FILE, b"buckeroo")}))
    assert (after / "a").read_bytes() == b"buckeroo"


def test_a_member_that_is_not_what_its_archive_says_is_refused_though_the_layer_before_has_it(cache: Cache) -> None:
    good = packed({"a": (FILE, b"good" * 100)}, zipfile.ZIP_STORED)
    cache.get("1", good)
    with pytest.raises(zips.BadZipError):
        cache.get("2", good.replace(b"goodgood", b"goodevil", 1))
    assert [p.name for p in cache.folder.iterdir() if p.name.startswith(("zip-", ".new-"))] == ["zip-1.1"]


def test_a_layer_is_filled_once(cache: Cache) -> None:
    assert cache.get("1", packed(FIRST)) == cache.get("1", packed(FIRST))
    assert cache.filled == 1


def test_a_fill_that_fails_leaves_nothing_and_the_next_one_begins_anew(cache: Cache) -> None:
    def half(target: Path, index: Index) -> None:
        (target / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.layers.kept("zip-1", half)
    assert shown(cache.get("1", packed(FIRST))) == dict(sorted(FIRST.items()))


def test_a_layer_from_before_the_host_went_down_is_not_used(cache: Cache) -> None:
    before = cache.get("1", packed(FIRST))
    (before / "a").write_bytes(b"")  # what a disk may hold of a file that was never synced
    cache.layers = Layers(cache.folder, "2")
    after = cache.get("1", packed(FIRST))
    assert shown(after) == dict(sorted(FIRST.items()))
    assert not before.exists()


def test_the_longest_unused_go_and_one_in_use_stays(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_KEPT", 2)
    first = cache.get("1", packed(FIRST))
    _, held = cache.layers.kept("zip-1", lambda target, index: None)
    for number, key in enumerate("2345"):
        os.utime(cache.get(key, packed(FIRST), key), (number, number))
    os.utime(first, (0, 0))
    cache.get("6", packed(FIRST), "6")
    kept = {p.name for p in cache.folder.iterdir() if p.name.startswith("zip-")}
    assert "zip-1.1" in kept
    assert len(kept) <= 3
    assert "zip-6.1" in kept
    os.close(held)
    cache.get("7", packed(FIRST), "7")
    assert not first.exists()
    lines = [p for p in cache.folder.iterdir() if p.name.startswith(".line-") or p.name.endswith(".index")]
    assert len(lines) <= 4


def test_on_a_disk_that_is_nearly_full_only_what_is_in_use_stays(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache.get("1", packed(FIRST))
    monkeypatch.setattr(Layers, "_is_tight", lambda self: True)
    second = cache.get("2", packed(FIRST | {"a": (FILE, b"2")}))
    assert (first.exists(), second.exists()) == (False, True)
    assert (second / "d/b").read_bytes() == b"b"


def test_what_a_killed_build_left_goes_after_a_day(cache: Cache) -> None:
    old, young = cache.folder / ".new-old", cache.folder / ".new-young"
    for path in (old, young):
        path.mkdir()
        (path / "file").touch()
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    cache.get("1", packed(FIRST))
    assert (old.exists(), young.exists()) == (False, True)
