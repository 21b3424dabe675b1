"""Collecting artifacts out of a folder that a hostile build made: regular files only, no link is ever followed."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import Pattern
from typing import IO

from codeyard.formats.buildspec import Artifacts
from codeyard.formats.globs import compiled, is_glob

_MAX_FILES, _MAX_BYTES = 200_000, 8 * 1024**3
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NoArtifacts(Exception):
    """Nothing matched; the text is the phase's context."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A zip file that was made."""

    path: Path
    size: int
    md5: str
    sha256: str


def pack(root: Path, artifact: Artifacts, target: Path) -> Packed:
    """Zip what the artifact names; NoArtifacts where that is nothing."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        base = _base(descriptor, artifact.base_directory)
        try:
            chosen = _chosen(base, artifact)
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
                for path, name in chosen:
                    _add(bundle, base, path, name)
        finally:
            os.close(base)
    finally:
        os.close(descriptor)
    return _measured(target)


def each(root: Path, artifact: Artifacts) -> Iterator[tuple[str, IO[bytes], int]]:
    """The artifact's files one by one (packaging NONE): name, open file, size."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    base = _base(descriptor, artifact.base_directory)
    try:
        for path, name in _chosen(base, artifact):
            file = _regular(base, path)
            if file is not None:
                with file:
                    yield name, file, os.fstat(file.fileno()).st_size
    finally:
        os.close(base)
        os.close(descriptor)


def _chosen(base: int, artifact: Artifacts) -> list[tuple[str, str]]:
    paths = sorted(_walk(base, ""))
    found = select(paths, artifact.files, artifact.exclude_paths)
    if not found:
        raise NoArtifacts("CLIENT_ERROR: no matching artifact paths found")
    return [(path, path.rpartition("/")[2] if artifact.discard_paths else path) for path in found]


def select(paths: list[str], patterns: tuple[str, ...], excluded: tuple[str, ...] = ()) -> list[str]:
    """The paths that a pattern names (a plain name also means everything below it) and none excludes, in order."""
    wanted = [glob for pattern in patterns for glob in _globs(pattern)]
    unwanted = [glob for pattern in excluded for glob in _globs(pattern)]
    return [p for p in paths if any(w.fullmatch(p) for w in wanted) and not any(u.fullmatch(p) for u in unwanted)]


def _globs(pattern: str) -> list[Pattern[str]]:
    name = pattern.strip("/").removeprefix("./")
    if is_glob(name):
        return [compiled(name)]
    return [compiled(name), compiled(f"{name}/**/*")] if name not in ("", ".") else [compiled("**/*")]


def _walk(folder: int, prefix: str) -> Iterator[str]:
    """Relative paths of the regular files below an open folder."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            count += 1
            if count > _MAX_FILES:
                raise NoArtifacts("CLIENT_ERROR: there are too many files")
            if entry.is_file(follow_symlinks=False):
                yield prefix + entry.name
            elif entry.is_dir(follow_symlinks=False):
                try:
                    inner = os.open(entry.name, _OPEN | os.O_DIRECTORY, dir_fd=folder)
                except OSError:
                    continue  # it went away, or became something else, while we looked
                try:
                    yield from _walk(inner, f"{prefix}{entry.name}/")
                finally:
                    os.close(inner)


def _base(root: int, wanted: str) -> int:
    """The base directory, opened part by part; a part with a glob takes the first folder that matches."""
    current = os.dup(root)
    for part in [p for p in wanted.split("/") if p not in ("", ".")]:
        if part == "..":
            os.close(current)
            raise NoArtifacts("CLIENT_ERROR: base-directory leaves the source directory")
        name = _folder_named(current, part)
        try:
            inner = os.open(name or part, _OPEN | os.O_DIRECTORY, dir_fd=current)
        except OSError:
            raise NoArtifacts(f"CLIENT_ERROR: no matching base directory path found for {wanted}") from None
        finally:
            os.close(current)
        current = inner
    return current


def _folder_named(folder: int, pattern: str) -> str | None:
    if not is_glob(pattern):
        return pattern
    glob = compiled(pattern)
    with os.scandir(folder) as entries:
        return next(
            (
                e.name
                for e in sorted(entries, key=lambda e: e.name)
                if glob.fullmatch(e.name) and e.is_dir(follow_symlinks=False)
            ),
            None,
        )


def _regular(base: int, path: str) -> IO[bytes] | None:
    """The file, opened without following any link on the way; None where it is not a regular file any more."""
    current = os.dup(base)
    try:
        *folders, name = path.split("/")
        for part in folders:
            inner = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=current)
            os.close(current)
            current = inner
        file = os.open(name, _OPEN, dir_fd=current)
    except OSError:
        return None
    finally:
        os.close(current)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return os.fdopen(file, "rb")


def _add(bundle: zipfile.ZipFile, base: int, path: str, name: str) -> None:
    file = _regular(base, path)
    if file is None:
        return
    with file:
        facts = os.fstat(file.fileno())
        info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (stat.S_IFREG | (facts.st_mode & 0o777)) << 16
        with bundle.open(info, "w", force_zip64=facts.st_size > 1 << 30) as out:
            left = _MAX_BYTES
            while left > 0 and (chunk := file.read(min(1 << 20, left))):
                out.write(chunk)
                left -= len(chunk)


def _measured(path: Path) -> Packed:
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Packed(path, path.stat().st_size, md5, sha256)
