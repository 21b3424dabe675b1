"""Kept cat-file processes."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codeyard.git import refs, repository
from codeyard.git.names import ZERO
from codeyard.git.objects import NewObject, Signature, commit, tree, write_objects
from codeyard.git.pktline import RefCommand
from tests.unit.git.conftest import Bare

BLOB = NewObject("blob", b"content\nwith lines\n")


def test_an_object_is_read_by_id_and_what_is_missing_is_none(bare: Bare) -> None:
    write_objects(bare.git, bare.path, [BLOB])
    info = bare.objects.info(bare.path, BLOB.id)
    assert info is not None
    assert (info.id, info.type, info.size) == (BLOB.id, "blob", len(BLOB.content))
    found = bare.objects.read(bare.path, BLOB.id)
    assert found is not None
    assert found[1] == BLOB.content
    assert bare.objects.read(bare.path, "1" * 40) is None
    assert bare.objects.info(bare.path, "refs/heads/none") is None


def test_a_kept_process_sees_objects_and_references_that_came_later(bare: Bare) -> None:
    assert bare.objects.info(bare.path, "refs/heads/main") is None
    who = Signature("A", "a", 1)
    made = commit(tree(()).id, (), who, who, "m")
    write_objects(bare.git, bare.path, [tree(()), made])
    refs.update_refs(bare.git, bare.path, [RefCommand("refs/heads/main", ZERO, made.id)])
    found = bare.objects.info(bare.path, "refs/heads/main^{commit}")
    assert found is not None
    assert found.id == made.id


@pytest.mark.parametrize("name", ["", "a\ncontents b", "a\0"])
def test_a_name_is_one_line(bare: Bare, name: str) -> None:
    with pytest.raises(ValueError):
        bare.objects.info(bare.path, name)


def test_threads_share_a_process_without_mixing_answers(bare: Bare) -> None:
    blobs = [NewObject("blob", str(n).encode() * 500) for n in range(40)]
    write_objects(bare.git, bare.path, blobs)

    def read(blob: NewObject) -> bool:
        found = bare.objects.read(bare.path, blob.id)
        return found is not None and found[1] == blob.content

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, blobs * 5))


def test_a_process_that_died_is_replaced(bare: Bare) -> None:
    write_objects(bare.git, bare.path, [BLOB])
    assert bare.objects.info(bare.path, BLOB.id)
    os.kill(bare.objects._kept[bare.path].reader._process.pid, signal.SIGKILL)
    assert bare.objects.info(bare.path, BLOB.id)


def others(bare: Bare, tmp_path: Path, count: int) -> list[Path]:
    made = [tmp_path / "more" / f"{n}.git" for n in range(count)]
    for path in made:
        repository.create(bare.git, path, "refs/heads/main")
    return made


def test_the_least_recently_used_goes_first(bare: Bare, tmp_path: Path) -> None:
    first, second, third = others(bare, tmp_path, 3)
    for path in (first, second, first, third):
        bare.objects.info(path, "HEAD")
    assert set(bare.objects._kept) == {first, third}


def test_an_idle_process_is_dropped(bare: Bare, tmp_path: Path) -> None:
    first, second = others(bare, tmp_path, 2)
    bare.objects.info(first, "HEAD")
    process = bare.objects._kept[first].reader._process
    bare.now = 61
    bare.objects.info(second, "HEAD")
    assert set(bare.objects._kept) == {second}
    assert process.returncode is not None


def test_a_dropped_repository_holds_no_process(bare: Bare) -> None:
    bare.objects.info(bare.path, "HEAD")
    process = bare.objects._kept[bare.path].reader._process
    bare.objects.drop(bare.path)
    bare.objects.drop(bare.path)
    assert len(bare.objects) == 0
    assert process.returncode is not None
