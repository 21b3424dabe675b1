"""Zip archives from strangers: every member is judged before a byte is written, and written below one folder only."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_CHUNK = 1 << 20


class BadZipError(ValueError):
    """The archive is broken, or does what an archive must not do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. `ratio` is checked on members over a megabyte."""

    members: int = 200_000
    total: int = 8 << 30
    ratio: int = 1000


def members(archive: zipfile.ZipFile, limits: Limits) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """Each member with its relative path; BadZipError for absolute names, `..`, doubles, bombs and odd types."""
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise BadZipError(f"the archive has more than {limits.members} members")
    seen: set[str] = set()
    total = 0
    for info in infos:
        path = _path(info.filename)
        total += info.file_size
        if total > limits.total or info.file_size > max(info.compress_size, 1) * limits.ratio + _CHUNK:
            raise BadZipError("the archive holds more than it may")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise BadZipError(f"{info.filename!r} is neither a file, a folder nor a link")
        if path in seen and not info.is_dir():
            raise BadZipError(f"{info.filename!r} is there twice")
        seen.add(path)
        if path:
            yield info, path


def extract(file: IO[bytes], folder: str, limits: Limits | None = None) -> int:
    """Write the archive below `folder`, which exists and is empty; how many files. Links that stay inside are kept."""
    limits = limits or Limits()
    count, links = 0, []
    try:
        with zipfile.ZipFile(file) as archive:
            for info, path in members(archive, limits):
                target = os.path.join(folder, path)
                if info.is_dir():
                    os.makedirs(target, exist_ok=True)
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if stat.S_ISLNK(info.external_attr >> 16):
                    links.append((path, _link(archive, info, path)))
                    continue
                _write(archive, info, target)
                count += 1
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
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


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: str) -> None:
    mode = 0o755 if (info.external_attr >> 16) & 0o111 else 0o644
    left = info.file_size
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with archive.open(info) as source, os.fdopen(os.open(target, flags, mode), "wb") as out:
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
