"""Collecting artifacts out of folders that a hostile build made: below its scratch only, regular files only."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from codeyard.formats.buildspec import Artifacts
from codeyard.formats.globs import compiled, is_glob
from codeyard.runner.sandbox import kernel

MOST_FILES, MOST_BYTES, MOST_DEPTH = 200_000, 8 << 30, 128
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_INSIDE = kernel.BENEATH | kernel.NO_MAGICLINKS
# where the build sees the folders of its scratch
_ROOMS = {"/codebuild/output": "out", "/tmp": "tmp", "/root": "root", "/var": "var"}


class NoArtifacts(Exception):
    """The artifact cannot be made; the text is the phase's context."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A zip file that was made."""

    path: Path
    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was chosen: its path below the base, its name in the artifact, its target where it stays a link."""

    path: str
    name: str
    link: str = ""


class Collector:
    """Reads below the scratch folder of one sandbox; `rooms` maps what the build calls its folders."""

    def __init__(self, scratch: int, rooms: dict[str, str] | None = None) -> None:
        self._scratch, self._rooms = scratch, _ROOMS if rooms is None else rooms
        self._libc = kernel.Libc()

    def pack(self, source_dir: str, artifact: Artifacts, target: Path) -> tuple[Packed, int]:
        """Zip what the artifact names; how many files. NoArtifacts where that is nothing."""
        count, total = 0, 0
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as bundle:
            for base, found in self._chosen(source_dir, artifact):
                total += self._add(bundle, base, found, MOST_BYTES - total)
                count += 1
        if not count:
            raise NoArtifacts("no matching artifact paths found")
        return _measured(target), count

    def each(self, source_dir: str, artifact: Artifacts) -> Iterator[tuple[str, IO[bytes], int]]:
        """The artifact's files one by one (packaging NONE): name, open file, size."""
        count = 0
        for base, found in self._chosen(source_dir, artifact):
            file = self._regular(base, found.path)
            if file is not None and not found.link:
                count += 1
                with file:
                    yield found.name, file, os.fstat(file.fileno()).st_size
        if not count:
            raise NoArtifacts("no matching artifact paths found")

    def _chosen(self, source_dir: str, artifact: Artifacts) -> Iterator[tuple[int, Found]]:
        """(open base folder, file): relative patterns below each base directory, absolute ones where they say."""
        seen: set[str] = set()
        relative = [p for p in artifact.files if not p.startswith("/")]
        absolute = [p for p in artifact.files if p.startswith("/")]
        jobs = [(base, relative) for base in self._bases(source_dir, artifact.base_directory)] if relative else []
        jobs += [(posixpath.dirname(_literal(p)), [p[len(posixpath.dirname(_literal(p))) + 1 :]]) for p in absolute]
        for base, patterns in jobs:
            folder = self._folder(base)
            if folder is None:
                continue
            try:
                for found in self._select(folder, artifact, patterns):
                    if found.name not in seen:
                        seen.add(found.name)
                        yield folder, found
            finally:
                os.close(folder)

    def _bases(self, source_dir: str, wanted: str) -> list[str]:
        """The base directories; one with a glob may be several, and their own names are dropped."""
        whole = posixpath.normpath(posixpath.join(source_dir, wanted or "."))
        if not is_glob(wanted):
            if self._room(whole) is None or (folder := self._folder(whole)) is None:
                raise NoArtifacts(f"no matching base directory path found for {wanted}")
            os.close(folder)
            return [whole]
        top = _literal(whole).rpartition("/")[0]
        folder = self._folder(top)
        if folder is None:
            raise NoArtifacts(f"no matching base directory path found for {wanted}")
        try:
            pattern = _pattern(whole[len(top) + 1 :])
            names = [path for path, kind in self._walk(folder, "", 0) if kind == "folder" and pattern(path)]
        finally:
            os.close(folder)
        if not names:
            raise NoArtifacts(f"no matching base directory path found for {wanted}")
        return [f"{top}/{name}" for name in sorted(names)]

    def _select(self, folder: int, artifact: Artifacts, patterns: list[str]) -> Iterator[Found]:
        wanted = [_pattern(p) for p in patterns]
        excluded = [_pattern(p) for p in artifact.exclude_paths]
        for path, kind in sorted(self._walk(folder, "", 0)):
            if kind == "folder" or not any(w(path) for w in wanted):
                continue
            if any(e(path) for e in excluded):
                continue
            name = path.rpartition("/")[2] if artifact.discard_paths else path
            if kind == "file":
                yield Found(path, name)
            elif link := self._link(folder, path, artifact.enable_symlinks):
                yield Found(path, name, link if artifact.enable_symlinks else "")

    def _walk(self, folder: int, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
        """(path, file, link or folder) of all that lies below an open folder; links are never gone into."""
        if depth > MOST_DEPTH:
            return
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count > MOST_FILES:
                    raise NoArtifacts("there are too many files")
                path = prefix + entry.name
                if entry.is_symlink():
                    yield path, "link"
                elif entry.is_file(follow_symlinks=False):
                    yield path, "file"
                elif entry.is_dir(follow_symlinks=False):
                    yield path, "folder"
                    yield from self._inner(folder, entry.name, path, depth)

    def _inner(self, folder: int, name: str, path: str, depth: int) -> Iterator[tuple[str, str]]:
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except OSError:
            return  # it went away, or became something else, while we looked
        try:
            yield from self._walk(inner, f"{path}/", depth + 1)
        finally:
            os.close(inner)

    def _link(self, folder: int, path: str, keep: bool) -> str:
        """A link's target where it leads to a regular file (kept links: to anything) below the base; else empty."""
        try:
            target = os.readlink(path, dir_fd=folder)
            file = self._libc.openat2(folder, path, os.O_PATH, _INSIDE)
        except OSError:
            return ""
        kind = os.fstat(file).st_mode
        os.close(file)
        return target if stat.S_ISREG(kind) or (keep and stat.S_ISDIR(kind)) else ""

    def _regular(self, folder: int, path: str) -> IO[bytes] | None:
        """The file, opened below the folder only; None where it is not a regular file (any more)."""
        try:
            file = self._libc.openat2(folder, path, _FILE, _INSIDE)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            return None
        return os.fdopen(file, "rb")

    def _folder(self, place: str) -> int | None:
        """A folder by what the build calls it."""
        room = self._room(place)
        if room is None:
            return None
        try:
            return self._libc.openat2(self._scratch, room, os.O_RDONLY | os.O_DIRECTORY, _INSIDE)
        except OSError:
            return None

    def _room(self, place: str) -> str | None:
        for seen, room in self._rooms.items():
            if place == seen or place.startswith(seen + "/"):
                return room + place[len(seen) :] or "."
        return None

    def _add(self, bundle: zipfile.ZipFile, base: int, found: Found, left: int) -> int:
        info = zipfile.ZipInfo(_name(found.name), date_time=(1980, 1, 1, 0, 0, 0))
        if found.link:
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            bundle.writestr(info, os.fsencode(found.link))
            return 0
        file = self._regular(base, found.path)
        if file is None:
            return 0
        with file:
            facts = os.fstat(file.fileno())
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | (facts.st_mode & 0o777)) << 16  # never setuid, setgid, sticky
            written = 0
            with bundle.open(info, "w", force_zip64=facts.st_size > 1 << 30) as out:
                while chunk := file.read(1 << 20):
                    written += len(chunk)
                    if written > left:
                        raise NoArtifacts("the artifact is larger than it may be")
                    out.write(chunk)
            return written


def _pattern(text: str) -> Callable[[str], bool]:
    try:
        return compiled(text)
    except ValueError as problem:
        raise NoArtifacts(f"the artifact path {text[:100]!r} cannot be used: {problem}") from None


def _literal(pattern: str) -> str:
    """The pattern up to (and with) its first part that holds a wildcard, or all of it."""
    kept = []
    for part in pattern.split("/"):
        kept.append(part)
        if is_glob(part):
            break
    return "/".join(kept)


def _name(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _measured(path: Path) -> Packed:
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Packed(path, path.stat().st_size, md5, sha256)
