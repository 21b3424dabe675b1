"""Memory and process limits by cgroup, v2 or v1, where one is writable; by rlimits where none is."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_GIB = 1024**3
# docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html: memory in GiB.
MEMORY = {
    "BUILD_GENERAL1_SMALL": 3,
    "BUILD_GENERAL1_MEDIUM": 7,
    "BUILD_GENERAL1_LARGE": 15,
    "BUILD_GENERAL1_XLARGE": 70,
    "BUILD_GENERAL1_2XLARGE": 145,
}
PROCESSES = 2048
FILES = 65536


@dataclass(frozen=True, slots=True)
class Group:
    """The cgroups of one build, and what is said of them in its record."""

    folders: tuple[Path, ...]
    said: str

    def add(self, pid: int) -> None:
        """Put a process, and all that it will start, under the limits."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Take the empty groups away."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def make(name: str, compute_type: str) -> Group:
    """Groups for a build of this compute type, the best kind that this machine lets us make."""
    memory = MEMORY.get(compute_type, 3) * _GIB
    for attempt in (_v2, _v1):
        with contextlib.suppress(OSError):
            return attempt(name, memory)
    return Group((), f"rlimits: {PROCESSES} processes, {FILES} files; memory is not limited")


def rlimits() -> None:
    """What holds without any cgroup; runs in the child before exec."""
    for kind, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, FILES), (resource.RLIMIT_NPROC, 4096)):
        _, hard = resource.getrlimit(kind)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (wanted, wanted))


def _v2(name: str, memory: int) -> Group:
    if not (_ROOT / "cgroup.controllers").exists():
        raise OSError("no unified hierarchy")
    folder = _ROOT / "codeyard" / name
    folder.mkdir(parents=True)
    for parent in (_ROOT, _ROOT / "codeyard"):
        (parent / "cgroup.subtree_control").write_text("+memory +pids")
    (folder / "memory.max").write_text(str(memory))
    (folder / "pids.max").write_text(str(PROCESSES))
    return Group((folder,), f"cgroup v2: {memory // _GIB} GiB, {PROCESSES} processes")


def _v1(name: str, memory: int) -> Group:
    folders = tuple(_ROOT / kind / "codeyard" / name for kind in ("memory", "pids"))
    for folder in folders:
        if not os.access(folder.parent.parent / "cgroup.procs", os.W_OK):
            raise OSError(f"{folder} cannot be made")
        folder.mkdir(parents=True)
    (folders[0] / "memory.limit_in_bytes").write_text(str(memory))
    (folders[1] / "pids.max").write_text(str(PROCESSES))
    return Group(folders, f"cgroup v1: {memory // _GIB} GiB, {PROCESSES} processes")
