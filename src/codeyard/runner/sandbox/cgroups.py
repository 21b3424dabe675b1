"""Limits of a build by cgroup, version 2 or 1, where this process may write them; else nothing, and it is said so."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a build may use. Bytes, processes, processors."""

    memory: int = 3 << 30
    processes: int = 4096
    cpus: float = 2.0
    disk: int = 8 << 30
    files: int = 1_000_000


class Cgroup:
    """The folders of one build; `words` says what is in force."""

    def __init__(self, folders: list[Path], words: str) -> None:
        self._folders, self.words = folders, words

    def add(self, pid: int) -> None:
        """Put a process, and all that it will start, under the limits."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def kill(self) -> None:
        """Kill everything that is inside."""
        for folder in self._folders:
            try:
                (folder / "cgroup.kill").write_text("1")
            except OSError:
                _kill_each(folder)

    def remove(self) -> None:
        """Drop the folders; those that still hold a dying process are left to the next sweep."""
        for folder in self._folders:
            try:
                folder.rmdir()
            except OSError:
                continue


def make(name: str, limits: Limits) -> Cgroup:
    """A cgroup of that name; one without folders where no controller is writable."""
    return _version_2(name, limits) or _version_1(name, limits) or Cgroup([], "rlimits only")


def _version_2(name: str, limits: Limits) -> Cgroup | None:
    if not (_ROOT / "cgroup.controllers").exists():
        return None
    parent = _own("0", "", _ROOT)
    folder = parent / f"codeyard-{name}"
    try:
        folder.mkdir()
        values = {
            "memory.max": str(limits.memory),
            "pids.max": str(limits.processes),
            "cpu.max": f"{int(limits.cpus * 100_000)} 100000",
        }
        set_ = [key.partition(".")[0] for key, value in values.items() if _write(folder / key, value)]
        _write(folder / "memory.swap.max", "0")
    except OSError:
        return None
    if not set_:
        folder.rmdir()
        return None
    return Cgroup([folder], f"cgroup v2 ({', '.join(set_)})")


def _version_1(name: str, limits: Limits) -> Cgroup | None:
    quota = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": str(int(limits.cpus * 100_000))}
    wanted = {
        "memory": {"memory.limit_in_bytes": str(limits.memory)},
        "pids": {"pids.max": str(limits.processes)},
        "cpu": quota,
    }
    folders, said = [], []
    for controller, values in wanted.items():
        parent = _own(r"\d+", controller, _ROOT / controller)
        folder = parent / f"codeyard-{name}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if all(_write(folder / key, value) for key, value in values.items()):
            folders.append(folder)
            said.append(controller)
        else:
            folder.rmdir()
    return Cgroup(folders, f"cgroup v1 ({', '.join(said)})") if folders else None


def _own(number: str, controller: str, root: Path) -> Path:
    """This process's own folder in a hierarchy, or the hierarchy's root where it is not to be seen."""
    pattern = re.compile(rf"{number}:(?:[^:]*,)?{controller}(?:,[^:]*)?:(/.*)")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if found := pattern.fullmatch(line):
            folder = root / found[1].lstrip("/")
            return folder if folder.is_dir() else root
    return root


def _write(path: Path, value: str) -> bool:
    try:
        path.write_text(value)
    except OSError:
        return False
    return True


def _kill_each(folder: Path) -> None:
    for _ in range(20):  # a fork bomb may fork while it is read
        try:
            pids = (folder / "cgroup.procs").read_text().split()
        except OSError:
            return
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
