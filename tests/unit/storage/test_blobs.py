"""Sealed blobs: what is on the disk, and what comes back."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeyard.engine import SeededIds, SystemClock, SystemIds
from codeyard.storage import Database, FileBlobs, Keyring, WriteGuardError, open_database
from codeyard.storage.blobs import BlobMissingError
from codeyard.storage.frames import FRAME, HEADER, SEALED, BlobDamagedError

DAY = 86_400_000_000


class Shelf:
    """A blob store with its database and the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.ids = folder, SystemClock(), SystemIds()
        self.db: Database = open_database(folder / "codeyard.db", self.clock, self.ids)
        self.db.create_all()
        self.master = Keyring(folder, self.ids, {}).open()
        self.blobs = FileBlobs(folder / "blobs", self.master, self.clock, self.ids, self.db)

    def path(self, blob_id: str) -> Path:
        return self.folder / "blobs" / blob_id[:2] / blob_id

    def age(self, blob_id: str, days: int) -> None:
        then = self.path(blob_id).stat().st_mtime - days * 86_400
        os.utime(self.path(blob_id), (then, then))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("shelf"))
    yield made
    made.db.close()


def whole(shelf: Shelf, blob_id: str) -> bytes:
    return b"".join(shelf.blobs.read(blob_id))


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 20 * FRAME + 7])
def test_a_blob_of_any_size_comes_back_whole(shelf: Shelf, size: int) -> None:
    data = SeededIds(size).bytes(size)
    staged = shelf.blobs.put(data[at : at + 1000] for at in range(0, size, 1000))
    assert staged.size == size == shelf.blobs.size(staged.blob_id)
    assert whole(shelf, staged.blob_id) == data


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.integers(0, 5 * FRAME + 10), st.integers(0, 5 * FRAME + 10))
def test_any_range_is_the_same_slice_of_the_bytes(shelf: Shelf, start: int, length: int) -> None:
    data = SeededIds(5).bytes(5 * FRAME + 5)
    blob_id = shelf.__dict__.setdefault("ranged", shelf.blobs.put([data]).blob_id)
    assert b"".join(shelf.blobs.read(blob_id, start, length)) == data[start : start + length]


def test_every_digest_is_taken_in_one_pass(shelf: Shelf) -> None:
    data = b"123456789"
    staged = shelf.blobs.put([data[:4], data[4:]], digests=("sha256", "sha1", "crc32", "crc32c", "crc64nvme"))
    assert staged.digests["md5"] == hashlib.md5(data, usedforsecurity=False).digest()
    assert staged.digests["sha1"] == hashlib.sha1(data, usedforsecurity=False).digest()
    assert staged.digests["sha256"] == hashlib.sha256(data).digest()
    assert staged.digests["crc32"] == zlib.crc32(data).to_bytes(4, "big")
    assert staged.digests["crc32c"].hex() == "e3069283"
    assert staged.digests["crc64nvme"].hex() == "ae8b14860a799888"


def test_the_disk_never_shows_the_bytes_and_the_files_are_private(shelf: Shelf) -> None:
    staged = shelf.blobs.put([b"top secret " * 10_000])
    path = shelf.path(staged.blob_id)
    assert b"secret" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("at", [HEADER + 5, HEADER + SEALED + 3, 12])
def test_a_changed_byte_is_noticed(shelf: Shelf, at: int) -> None:
    staged = shelf.blobs.put([b"x" * 100_000])
    path = shelf.path(staged.blob_id)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BlobDamagedError):
        whole(shelf, staged.blob_id)


def test_frames_that_are_cut_off_or_moved_are_noticed(shelf: Shelf) -> None:
    staged = shelf.blobs.put([b"a" * FRAME, b"b" * FRAME, b"c"])
    path = shelf.path(staged.blob_id)
    raw = path.read_bytes()
    head, first, second = raw[:HEADER], raw[HEADER : HEADER + SEALED], raw[HEADER + SEALED : HEADER + 2 * SEALED]
    for changed in (raw[: HEADER + 2 * SEALED], head + second + first + raw[HEADER + 2 * SEALED :]):
        path.write_bytes(changed)
        with pytest.raises(BlobDamagedError):
            whole(shelf, staged.blob_id)


def test_a_blob_under_another_id_does_not_open(shelf: Shelf) -> None:
    one, two = shelf.blobs.put([b"one"]), shelf.blobs.put([b"two"])
    shelf.path(two.blob_id).write_bytes(shelf.path(one.blob_id).read_bytes())
    with pytest.raises(BlobDamagedError):
        whole(shelf, two.blob_id)


def test_an_open_blob_is_seekable(shelf: Shelf) -> None:
    data = SeededIds(1).bytes(200_000)
    with shelf.blobs.open(shelf.blobs.put([data]).blob_id) as file:
        file.seek(70_000)
        assert file.read(100) == data[70_000:70_100]
        file.seek(-10, os.SEEK_END)
        assert file.read() == data[-10:]
        file.seek(0)
        assert file.read() == data


def test_an_aborted_or_failed_write_leaves_nothing(shelf: Shelf) -> None:
    before = set((shelf.folder / "blobs").glob("*/*"))
    writer = shelf.blobs.writer()
    writer.write(b"x" * 200_000)
    writer.abort()

    def breaks() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the client left")

    with pytest.raises(OSError, match="client left"):
        shelf.blobs.put(breaks())
    assert set((shelf.folder / "blobs").glob("*/*")) == before


@pytest.mark.parametrize("blob_id", ["0" * 32, "../../etc/passwd", "", "x"])
def test_a_blob_that_is_not_there_is_missing(shelf: Shelf, blob_id: str) -> None:
    with pytest.raises(BlobMissingError):
        shelf.blobs.read(blob_id)


def test_blobs_are_not_touched_inside_a_write(shelf: Shelf) -> None:
    for call in (
        lambda: shelf.blobs.put([b""]),
        lambda: shelf.blobs.read("0" * 32),
        lambda: shelf.blobs.delete("0" * 32),
    ):
        with pytest.raises(WriteGuardError):
            shelf.db.write(lambda tx, call=call: call())


def test_the_sweep_takes_what_was_never_adopted_and_what_was_released_after_the_grace(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    young, orphan, held, twice, released = (shelf.blobs.put([b"x"]).blob_id for _ in range(5))
    shelf.db.write(lambda tx: [tx.adopt(one) for one in (held, twice, twice, released)])
    shelf.db.write(lambda tx: [tx.release(twice), tx.release(released)])
    for one in (orphan, held, twice, released):
        shelf.age(one, 3)
    assert shelf.blobs.sweep(DAY) == 1
    assert not shelf.path(orphan).exists()
    assert shelf.path(released).exists(), "released just now: a reader may still stream it"
    assert shelf.blobs.sweep(-DAY) == 2
    assert [one for one in (young, orphan, held, twice, released) if shelf.path(one).exists()] == [held, twice]
    shelf.db.close()


def test_an_unfinished_write_that_was_left_behind_is_swept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    writer = shelf.blobs.writer()
    writer.write(b"x")
    part = next((tmp_path / "blobs").glob("*/*.part"))
    os.utime(part, (1, 1))
    assert shelf.blobs.sweep(DAY) == 1
    assert not part.exists()
    shelf.db.close()
