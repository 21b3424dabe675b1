"""Zip archives from strangers: every member is judged before a byte is written, and written below one folder only."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

_CHUNK = 1 << 20
_LOCAL = 30  # bytes of a member's own header, before its name
_ODD = 0x61  # flags of members that are encrypted or patches
_CENTRAL = 46  # bytes of a member's entry in the directory, before its name
_ENTRY = 512  # as many as an entry has at most on the average
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA's asks for as much memory as it says
# What zipfile raises while it reads an archive that is broken.
BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    IndexError,
    struct.error,
    zlib.error,
)
# Puts a file with this path and fingerprint at this place, if it has it; else it is written from the archive.
Place = Callable[[str, str, str], bool]


class BadZipError(ValueError):
    """The archive is broken, or does what an archive must not do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. `ratio` is checked on members over a megabyte. No two members share their bytes."""

    members: int = 200_000
    total: int = 8 << 30
    ratio: int = 1000


def opened(file: IO[bytes], limits: Limits) -> zipfile.ZipFile:
    """The archive, its directory measured before it is read and each entry before it is unpacked; else BadZipError."""
    try:
        size = _measure(file, limits.members)
        archive = zipfile.ZipFile(file)
    except (*BROKEN, OSError) as error:
        raise BadZipError(f"the archive cannot be read: {error}") from error
    total = 0
    for info in archive.infolist():
        total += info.file_size
        if info.compress_type not in _METHODS:
            raise BadZipError(f"{info.filename!r} is packed by a method that is not read")
        if total > limits.total or info.file_size > max(info.compress_size, 1) * limits.ratio + _CHUNK:
            raise BadZipError("the archive holds more than it may")
        if info.compress_size > size:
            raise BadZipError(f"{info.filename!r} is larger than its archive")
    if sum(info.compress_size for info in archive.infolist()) > size:
        raise BadZipError("the archive's members overlap")
    return archive


def _measure(file: IO[bytes], most: int) -> int:
    """The archive's size; its directory, which would be read into memory whole, has `most` entries and no more."""
    size = file.seek(0, os.SEEK_END)
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # so that we see the very directory that will be read
    if not end:
        raise zipfile.BadZipFile("it is no zip file")
    length = end[5]
    behind = 76 if end[0] == b"PK\6\6" else 0  # the end records of 64 bits stand between
    start = end[9] - length - behind
    if start < 0 or length > most * _ENTRY:
        raise BadZipError(f"the archive has more than {most} members, or a directory beyond its end")
    file.seek(start)
    directory = file.read(length)
    if len(directory) != length:
        raise zipfile.BadZipFile("its directory is cut short")
    at = count = 0
    while count <= most and at + _CENTRAL <= length:
        at, count = at + _CENTRAL + sum(struct.unpack_from("<3H", directory, at + 28)), count + 1
    if count > most:
        raise BadZipError(f"the archive has more than {most} members")
    return size


def members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """Each member with its relative path; BadZipError for absolute names, `..`, doubles and odd types."""
    seen: set[str] = set()
    for info in archive.infolist():
        path = _path(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise BadZipError(f"{info.filename!r} is neither a file, a folder nor a link")
        if path in seen and not info.is_dir():
            raise BadZipError(f"{info.filename!r} is there twice")
        seen.add(path)
        if path:
            yield info, path


def extract(file: IO[bytes], folder: str, limits: Limits | None = None, place: Place | None = None) -> int:
    """Write the archive below `folder`, which exists and is empty; how many files. Links that stay inside are kept.

    `place` is asked for each regular file. Files of one fingerprint have the same content and mode: it is a SHA-256 of
    all that these are made from.
    """
    limits = limits or Limits()
    count, links = 0, []
    made = {folder}
    try:
        with opened(file, limits) as archive:
            for info, path in members(archive):
                target = os.path.join(folder, path)
                parent = target if info.is_dir() else os.path.dirname(target)
                if parent not in made:
                    os.makedirs(parent, exist_ok=True)
                    made.add(parent)
                if info.is_dir():
                    continue
                if stat.S_ISLNK(info.external_attr >> 16):
                    links.append((path, _link(archive, info, path)))
                    continue
                _file(archive, file, info, path, target, place)
                count += 1
    except BadZipError:
        raise
    except (*BROKEN, OSError) as error:
        raise BadZipError(f"the archive cannot be read: {error}") from error
    for path, target in links:  # last, so that no member is ever written through a link
        _make_link(folder, path, target)
    return count + len(links)


def _path(name: str) -> str:
    if "\0" in name or "\\" in name or name.startswith("/"):
        raise BadZipError(f"{name!r} is not a relative path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts):
        raise BadZipError(f"{name!r} leaves the archive's folder")
    return "/".join(parts)


def _file(
    archive: zipfile.ZipFile, file: IO[bytes], info: zipfile.ZipInfo, path: str, target: str, place: Place | None
) -> None:
    """One regular file. The small and ordinary, which most are, without a reader of its own."""
    small = info.compress_size <= _CHUNK >= info.file_size and not info.flag_bits & _ODD
    raw = _raw(file, info) if small and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else None
    if place is not None and place(path, _fingerprint(file, info, raw), target):
        return
    if raw is None:
        _write(archive, info, target)
    else:
        with os.fdopen(_create(info, target), "wb") as out:
            out.write(_plain(info, raw))


def _raw(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    """A member as it is packed."""
    _seek(file, info)
    raw = file.read(info.compress_size)
    if len(raw) != info.compress_size:
        raise zipfile.BadZipFile(f"{info.filename!r} is cut short")
    return raw


def _seek(file: IO[bytes], info: zipfile.ZipInfo) -> None:
    file.seek(info.header_offset)
    head = file.read(_LOCAL)
    if len(head) != _LOCAL or head[:4] != b"PK\3\4":
        raise zipfile.BadZipFile(f"{info.filename!r} is not where the archive says")
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), os.SEEK_CUR)


def _plain(info: zipfile.ZipInfo, raw: bytes) -> bytes:
    """A packed member's content, no more than it says, and checked."""
    plain = raw
    if info.compress_type == zipfile.ZIP_DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        plain = stream.decompress(raw, info.file_size + 1)
        if len(plain) <= info.file_size and not stream.eof:
            raise zipfile.BadZipFile(f"{info.filename!r} is cut short")
    if len(plain) != info.file_size:
        raise BadZipError(f"{info.filename!r} is not as long as it says")
    if zlib.crc32(plain) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename!r} has another checksum")
    return plain


def _fingerprint(file: IO[bytes], info: zipfile.ZipInfo, raw: bytes | None) -> str:
    told = f"{info.compress_type} {info.flag_bits} {_mode(info):o} {info.file_size} {info.CRC} {info.compress_size}\0"
    digest = hashlib.sha256(told.encode())
    if raw is not None:
        digest.update(raw)
        return digest.hexdigest()
    _seek(file, info)
    left = info.compress_size
    while left > 0 and (chunk := file.read(min(left, _CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
    if left:
        raise zipfile.BadZipFile(f"{info.filename!r} is cut short")
    return digest.hexdigest()


def _mode(info: zipfile.ZipInfo) -> int:
    return 0o755 if (info.external_attr >> 16) & 0o111 else 0o644


def _create(info: zipfile.ZipInfo, target: str) -> int:
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _mode(info))


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: str) -> None:
    left = info.file_size
    with archive.open(info) as source, os.fdopen(_create(info, target), "wb") as out:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadZipError(f"{info.filename!r} is longer than it says")
            out.write(chunk)


def _link(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> str:
    target = archive.read(info).decode("utf-8", "surrogateescape") if info.file_size <= 4096 else ""
    inside = os.path.normpath(os.path.join("/r", os.path.dirname(path), target))
    if not target or target.startswith("/") or "\0" in target or not (inside + "/").startswith("/r/"):
        raise BadZipError(f"the link {info.filename!r} leaves the archive's folder")
    return target


def _make_link(folder: str, path: str, target: str) -> None:
    try:
        os.symlink(target, os.path.join(folder, path))
    except OSError as error:
        raise BadZipError(f"the link {path!r} cannot be made: {error}") from error
