"""Fetches and unpacks bundles. Archives are hostile: nothing is written outside the folder, nothing without bound."""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from codeyard.agent.client import CommandClient
from codeyard.agent.config import Config
from codeyard.formats.zips import BROKEN, Limits, opened

_MEMBERS = 500_000
_DEEPEST = 200  # folders within folders; what makes and walks them is recursive
_LIMITS = Limits(members=_MEMBERS, total=1 << 62)  # how much there is room for is the writer's to say
_CHUNK = 1 << 20
_MAX_EXTENDED = 1 << 20
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class BundleError(Exception):
    """The bundle cannot be used; the message is for the deployment's record."""


def download(client: CommandClient, revision: Mapping[str, Any], into: Path, limit: int) -> None:
    """Fetch an S3 revision into a file; its ETag must be the one asked for."""
    bucket, key, wanted = revision["Bucket"], revision["Key"], (revision.get("ETag") or "").strip('"')
    with client.fetch(bucket, key, revision.get("Version")) as (etag, chunks), into.open("wb") as out:
        if wanted and etag != wanted:
            raise BundleError(f"The object {key} in bucket {bucket} has the eTag {etag}, not {wanted}")
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise BundleError(f"The bundle is larger than {limit} bytes")
            out.write(chunk)


def unpack(archive: Path, kind: str, into: Path, config: Config) -> None:
    """Unpack a zip, tar or tgz into a new folder; a bundle inside one single folder is lifted out of it."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    room = min(config.max_unpacked_bytes, shutil.disk_usage(into).free)
    try:
        if kind == "zip":
            _unzip(archive, Writer(into, room))
        elif kind in ("tar", "tgz"):
            _untar(archive, kind, Writer(into, room))
        else:
            raise BundleError(f"Bundles of type {kind} are not known")
    except (tarfile.TarError, OSError, *BROKEN) as error:
        raise BundleError(f"The bundle cannot be unpacked: {error}") from error
    _lift(into)


class Writer:
    """Writes members below a folder: never through a link, never more than there is room for."""

    def __init__(self, root: Path, room: int) -> None:
        self._root, self._room, self._count = root, room, 0

    def folder(self, name: str) -> None:
        """Make a folder and those above it."""
        self._place(name, folder=True)

    def file(self, name: str, content: IO[bytes], mode: int) -> None:
        """Write a regular file; only its permission bits are kept."""
        path = self._place(name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
            while chunk := content.read(_CHUNK):
                self._room -= len(chunk)
                if self._room < 0:
                    raise BundleError("The bundle unpacks to more than there is room for")
                out.write(chunk)
            os.fchmod(out.fileno(), mode & 0o777)

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link; nothing is ever written through one."""
        if not target or "\0" in target:
            raise BundleError(f"The bundle has a link without a target: {name[:200]!r}")
        os.symlink(target, self._place(name))

    def copy(self, name: str, source: str) -> None:
        """A hard link in a tar: a copy of a regular file that was written before."""
        path = self._inside(source)
        if not stat.S_ISREG(os.lstat(path).st_mode) or self._crosses_link(path):
            raise BundleError(f"The bundle links to what is not its file: {source[:200]!r}")
        with path.open("rb") as content:
            self.file(name, content, os.lstat(path).st_mode)

    def _place(self, name: str, *, folder: bool = False) -> Path:
        self._count += 1
        if self._count > _MEMBERS:
            raise BundleError(f"The bundle has more than {_MEMBERS} members")
        path = self._inside(name)
        parent = path if folder else path.parent
        if self._crosses_link(parent):
            raise BundleError(f"The bundle writes through a link: {name[:200]!r}")
        parent.mkdir(parents=True, exist_ok=True)
        if (not folder and path.exists() and not path.is_dir()) or (not folder and path.is_symlink()):
            path.unlink()
        return path

    def _inside(self, name: str) -> Path:
        clean = posixpath.normpath(name.replace("\\", "/"))
        parts = clean.split("/")
        bad = clean.startswith("/") or ".." in parts or any(c in name for c in "\0\n\r")
        if bad or (len(parts[0]) == 2 and parts[0][1] == ":"):
            raise BundleError(f"The bundle has a member outside itself: {name[:200]!r}")
        if len(parts) > _DEEPEST:
            raise BundleError(f"The bundle has folders more than {_DEEPEST} deep: {name[:200]!r}")
        return self._root / clean

    def _crosses_link(self, path: Path) -> bool:
        while path != self._root:
            if path.is_symlink():
                return True
            path = path.parent
        return False


def _unzip(archive: Path, writer: Writer) -> None:
    with archive.open("rb") as file, opened(file, _LIMITS) as bundle:
        for member in bundle.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                writer.folder(member.filename)
                continue
            with bundle.open(member) as content:
                if stat.S_ISLNK(mode):
                    writer.link(member.filename, os.fsdecode(content.read(4096)))
                elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                    writer.file(member.filename, content, mode & 0o777 or 0o644)
                else:
                    raise BundleError(f"The bundle has a device: {member.filename[:200]!r}")


class _Member(tarfile.TarInfo):
    """A member whose extended headers are bounded: tarfile reads each of them into memory, whatever it claims."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENDED and found.size > _MAX_EXTENDED:
            raise BundleError("The bundle has an extended header of more than 1 MiB")
        return found


def _untar(archive: Path, kind: str, writer: Writer) -> None:
    with tarfile.open(archive, "r|gz" if kind == "tgz" else "r|", tarinfo=_Member) as bundle:
        for member in bundle:
            _untar_one(bundle, member, writer)


def _untar_one(bundle: tarfile.TarFile, member: tarfile.TarInfo, writer: Writer) -> None:
    if posixpath.normpath(member.name) == ".":
        return
    if member.isdir():
        writer.folder(member.name)
    elif member.issym():
        writer.link(member.name, member.linkname)
    elif member.islnk():
        writer.copy(member.name, member.linkname)
    elif member.isreg():
        content = bundle.extractfile(member)
        assert content is not None
        writer.file(member.name, content, member.mode)
    else:
        raise BundleError(f"The bundle has a device: {member.name[:200]!r}")


def _lift(root: Path) -> None:
    """Where all lies in one single folder, its contents become the bundle's."""
    entries = list(root.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        return
    aside = root.with_name(root.name + ".nested")
    shutil.rmtree(aside, ignore_errors=True)
    entries[0].rename(aside)
    root.rmdir()
    aside.rename(root)


def walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every entry below a folder, parents first: (path, whether it is a real folder)."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        path = Path(entry.path)
        is_folder = entry.is_dir(follow_symlinks=False)
        yield path, is_folder
        if is_folder:
            yield from walk(path)
