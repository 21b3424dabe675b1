"""Blobs as sealed files: written aside, fsynced, renamed into place."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from codeyard.contract import Clock, Ids, Staged
from codeyard.storage import frames
from codeyard.storage.blobs import BlobMissingError
from codeyard.storage.database import Database
from codeyard.storage.digests import Digests
from codeyard.storage.durable import sync_folder
from codeyard.storage.frames import FRAME, HEADER, MAGIC, SEALED, WRAPPED, FrameCipher
from codeyard.storage.guard import assert_not_writing
from codeyard.storage.keys import MasterKey
from codeyard.storage.sweep import unheld

READ_FRAMES = 16
ID = re.compile(r"[0-9a-f]{32}\Z")
PART = ".part"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class FileWriter:
    """Seals what it is given into a temporary file; `commit` makes it the blob."""

    def __init__(self, path: Path, blob_id: str, key: bytes, wrapped: bytes, digests: Iterable[str]) -> None:
        self._path, self._id = path, blob_id
        self._cipher, self._digests = FrameCipher(key, blob_id), Digests(digests)
        self._number = self._size = 0
        self._kept = bytearray()
        self._part = path.with_name(blob_id + PART)
        self._file: Any = _create(self._part)
        self._file.write(MAGIC + wrapped)

    def write(self, data: bytes) -> None:
        """Take more bytes."""
        self._digests.update(data)
        self._size += len(data)
        with memoryview(data) as view:
            start = 0
            if self._kept:
                start = FRAME - len(self._kept)
                self._kept += view[:start]
                if start >= len(view):
                    return
                self._seal(self._kept)
                self._kept.clear()
            while len(view) - start > FRAME:
                self._seal(view[start : start + FRAME])
                start += FRAME
            self._kept += view[start:]

    def commit(self) -> Staged:
        """Make the blob durable and say what it is."""
        assert_not_writing("a blob")
        try:
            self._file.write(self._cipher.seal(self._number, self._kept, True))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.rename(self._part, self._path)
            sync_folder(self._path.parent)
        except BaseException:
            self.abort()
            raise
        return Staged(self._id, self._size, self._digests.results())

    def abort(self) -> None:
        """Throw away what was written."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._part.unlink()

    def _seal(self, plain: bytearray | memoryview) -> None:
        self._file.write(self._cipher.seal(self._number, plain, False))
        self._number += 1


class SealedFile(io.RawIOBase):
    """A blob open for reading at any place; keeps the frame it read last."""

    def __init__(self, path: Path, blob_id: str, master: MasterKey, key: bytes = b"") -> None:
        super().__init__()
        self._handle = -1
        self._handle = _open(path, blob_id)
        header = os.pread(self._handle, HEADER, 0)
        if header[: len(MAGIC)] != MAGIC:
            raise frames.BlobDamagedError(f"blob {blob_id} has no header")
        self._cipher = FrameCipher(key or _unwrap(master, header[len(MAGIC) :], blob_id), blob_id)
        body = os.fstat(self._handle).st_size - HEADER
        self._count, self.size = frames.frame_count(body), frames.plain_size(body)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer from the place on, within one run of frames."""
        data = next(self.pieces(self._at, len(buffer)), b"")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """The range's bytes, up to a megabyte at a time."""
        end = min(self.size, start + length)
        while start < end:
            first = start // FRAME
            last = min((end - 1) // FRAME, first + READ_FRAMES - 1)
            plain = self._run(first, last)
            low, high = start - first * FRAME, min(end - first * FRAME, len(plain))
            yield plain if low == 0 and high == len(plain) else plain[low:high]
            start = first * FRAME + high

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        super().close()

    def _run(self, first: int, last: int) -> bytes:
        sealed = memoryview(os.pread(self._handle, (last - first + 1) * SEALED, HEADER + first * SEALED))
        opened = [
            self._cipher.open(number, sealed[at : at + SEALED], number == self._count - 1)
            for number, at in zip(range(first, last + 1), range(0, (last - first + 1) * SEALED, SEALED), strict=True)
        ]
        return opened[0] if len(opened) == 1 else b"".join(opened)


class FileBlobs:
    """Implements Blobs on a folder; each blob has a data key of its own, wrapped by the master key."""

    def __init__(self, root: Path, master: MasterKey, clock: Clock, ids: Ids, db: Database) -> None:
        self._root, self._master, self._clock, self._ids, self._db = root, master, clock, ids, db
        root.mkdir(parents=True, exist_ok=True)

    def writer(self, digests: Iterable[str] = ()) -> FileWriter:
        """Begin a blob."""
        assert_not_writing("a blob")
        key = self._ids.bytes(32)
        blob_id = self._ids.bytes(16).hex()
        return FileWriter(self._path(blob_id), blob_id, key, self._master.wrap(key, "blob:" + blob_id), digests)

    def put(self, chunks: Iterable[bytes], *, digests: Iterable[str] = ("md5",)) -> Staged:
        """Write a whole blob."""
        writer = self.writer(digests)
        try:
            for chunk in chunks:
                writer.write(chunk)
        except BaseException:
            writer.abort()
            raise
        return writer.commit()

    def lock(self, blob_id: str) -> bytes:
        """Take the blob's data key out of it, for good: where its wrapped form stood are zeros."""
        assert_not_writing("a blob")
        handle = _open(self._path(blob_id), blob_id, os.O_RDWR)
        try:
            key = _unwrap(self._master, os.pread(handle, HEADER, 0)[len(MAGIC) :], blob_id)
            os.pwrite(handle, bytes(WRAPPED), len(MAGIC))
            os.fsync(handle)
        finally:
            os.close(handle)
        return key

    def read(self, blob_id: str, start: int = 0, length: int | None = None, *, key: bytes = b"") -> Iterator[bytes]:
        """The bytes of a range; a missing blob raises here, not at the first piece."""
        source = self._source(blob_id, key)
        return _drain(source, start, source.size if length is None else length)

    def open(self, blob_id: str, *, key: bytes = b"") -> BinaryIO:
        """A seekable, buffered reader."""
        return io.BufferedReader(self._source(blob_id, key), buffer_size=FRAME)

    def size(self, blob_id: str) -> int:
        """The blob's size in bytes."""
        assert_not_writing("a blob")
        try:
            return frames.plain_size(self._path(blob_id).stat().st_size - HEADER)
        except FileNotFoundError:
            raise BlobMissingError(blob_id) from None

    def delete(self, blob_id: str) -> None:
        """Drop the blob now."""
        assert_not_writing("a blob")
        with suppress(FileNotFoundError):
            self._path(blob_id).unlink()

    def sweep(self, grace_us: int) -> int:
        """Drop what no row holds and is older than the grace, unfinished writes among it."""
        before = self._clock.now() - grace_us
        old = [path for path in self._root.glob("*/*") if path.stat().st_mtime_ns // 1000 < before]
        parts = [path for path in old if path.suffix == PART]
        whole = {path.name: path for path in old if ID.match(path.name)}
        gone = [whole[blob_id] for blob_id in unheld(self._db, list(whole), before)]
        for path in (*parts, *gone):
            path.unlink(missing_ok=True)
        return len(parts) + len(gone)

    def _source(self, blob_id: str, key: bytes = b"") -> SealedFile:
        assert_not_writing("a blob")
        return SealedFile(self._path(blob_id), blob_id, self._master, key)

    def _path(self, blob_id: str) -> Path:
        if not ID.match(blob_id):
            raise BlobMissingError(blob_id)
        return self._root / blob_id[:2] / blob_id


def _drain(source: SealedFile, start: int, length: int) -> Iterator[bytes]:
    with source:
        yield from source.pieces(start, length)


def _create(path: Path) -> Any:
    try:
        handle = os.open(path, _NEW, 0o600)
    except FileNotFoundError:  # the first blob of this folder
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
        handle = os.open(path, _NEW, 0o600)
    return os.fdopen(handle, "wb", buffering=SEALED)


def _open(path: Path, blob_id: str, how: int = os.O_RDONLY) -> int:
    try:
        return os.open(path, how | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BlobMissingError(blob_id) from None


def _unwrap(master: MasterKey, wrapped: bytes, blob_id: str) -> bytes:
    try:
        return master.unwrap(wrapped, "blob:" + blob_id)
    except ValueError:
        raise frames.BlobDamagedError(f"the key of blob {blob_id} does not open") from None
