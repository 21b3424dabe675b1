"""Folders that builds share read-only, each by the key of its content: filled once, overlaid by every build.

A folder appears whole or not at all; what was on its way to the disk when the host went down is not relied upon. One
that a build has under it is locked and stays; of the others those go that were longest unused, when there are too many
or the disk is nearly full.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_KEPT, _FREE, _PART = 40, 5 << 30, 20
_ABANDONED_S = 86_400
_KINDS = ("zip-", "s3-", "tree-")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Index:
    """The regular files of a layer by their fingerprints, with those of the layer before it to take files from."""

    before: Path | None = None
    known: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def place(self, path: str, fingerprint: str, target: str) -> bool:
        """The same file at the same path: another name of it. Nothing ever writes to a layer's files."""
        self.files[path] = fingerprint
        if self.before is None or self.known.get(path) != fingerprint:
            return False
        try:
            os.link(self.before / path, target, follow_symlinks=False)
        except OSError:  # it has all the names that a file may have
            return False
        return True


Fill = Callable[[Path, Index], None]


class Layers:
    """The kept folders of one runner's cache. Its processes share them."""

    def __init__(self, cache: Path, boot: str = "") -> None:
        self._cache, self._boot = cache, f".{boot or _boot()}"

    def kept(self, key: str, fill: Fill, *, line: str = "") -> tuple[Path, int]:
        """The folder of a key, filled where it is new, and the lock that keeps it from being dropped.

        Layers of one `line` resemble each other: each is filled with the last of them at hand.
        """
        folder = self._cache / (key + self._boot)
        held = self._hold(folder)
        if held < 0:
            with self.locked(f"fill-{key[:6]}"):  # who needs the same waits for it
                held = self._hold(folder)
                if held < 0:
                    held = self._fill(folder, fill, line)
        return folder, held

    def drop(self, kind: str) -> None:
        """Drop the layers whose keys begin with `kind`, but none that a build has under it."""
        with self.locked("kept"):
            for folder in [path for path in self._cache.iterdir() if path.name.startswith(kind)]:
                self._drop(folder)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """For one process at a time."""
        lock = self._lock(name)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _hold(self, folder: Path) -> int:
        """A lock on the folder; -1 where it is not there."""
        with self.locked("kept"):
            if not folder.is_dir():
                return -1
            os.utime(folder)
            held = self._lock(folder.name)
            fcntl.flock(held, fcntl.LOCK_SH)
            return held

    def _fill(self, folder: Path, fill: Fill, line: str) -> int:
        target = Path(tempfile.mkdtemp(dir=self._cache, prefix=".new-"))
        try:
            with self._last(line) as index:
                fill(target, index)
            os.chmod(target, 0o755)
            return self._publish(target, folder, index, line)
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def _publish(self, target: Path, folder: Path, index: Index, line: str) -> int:
        with self.locked("kept"):
            if index.files:
                self._write(self._index(folder.name), json.dumps(index.files))
            if not folder.is_dir():
                os.rename(target, folder)
            held = self._lock(folder.name)
            fcntl.flock(held, fcntl.LOCK_SH)
            if line:
                self._write(self._line(line), folder.name)
            self._prune()
            return held

    @contextlib.contextmanager
    def _last(self, line: str) -> Iterator[Index]:
        """The last layer of the line, held for as long as files are taken from it."""
        held = -1
        found = Index()
        try:
            if line:
                before = self._cache / self._line(line).read_text()
                held = self._hold(before)
                if held >= 0:
                    found = Index(before, json.loads(self._index(before.name).read_text()))
        except (OSError, ValueError):
            found = Index()  # the first of its line, or the last one is gone
        try:
            yield found
        finally:
            if held >= 0:
                os.close(held)

    def _prune(self) -> None:
        """Drop what was longest unused, but nothing that a build has under it, and what killed builds left behind."""
        kept = sorted((p for p in self._cache.iterdir() if p.name.startswith(_KINDS)), key=self._worth)
        while kept and (len(kept) > _KEPT or not kept[0].name.endswith(self._boot) or self._is_tight()):
            self._drop(kept.pop(0))
        for path in self._cache.iterdir():
            name = path.name
            layer = path.read_text() if name.startswith(".line-") else name[1:].removesuffix(".index")
            if name.startswith(".line-") or name.endswith(".index"):
                if not (self._cache / layer).is_dir():
                    path.unlink()
            elif name.startswith((".new-", ".download-")) and _used(path) < time.time() - _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)

    def _worth(self, folder: Path) -> tuple[bool, float]:
        return folder.name.endswith(self._boot), _used(folder)

    def _drop(self, old: Path) -> None:
        lock = self._lock(old.name)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gone = Path(tempfile.mkdtemp(dir=self._cache, prefix=".new-"))
            os.rename(old, gone / old.name)  # out of sight first: half a folder is none
            shutil.rmtree(gone, ignore_errors=True)
            self._index(old.name).unlink(missing_ok=True)
            os.unlink(self._cache / f".{old.name}.lock")
        except OSError:
            return
        finally:
            os.close(lock)

    def _is_tight(self) -> bool:
        disk = os.statvfs(self._cache)
        return disk.f_bavail < min(disk.f_blocks // _PART, _FREE // disk.f_frsize)

    def _lock(self, name: str) -> int:
        return os.open(self._cache / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _index(self, name: str) -> Path:
        return self._cache / f".{name}.index"

    def _line(self, line: str) -> Path:
        return self._cache / f".line-{hashlib.sha256((line + self._boot).encode()).hexdigest()}"

    def _write(self, path: Path, text: str) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._cache, prefix=".download-", delete=False) as file:
            file.write(text)
        os.rename(file.name, path)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _boot() -> str:
    try:
        return _BOOT.read_text()[:8]
    except OSError:
        return "none"
