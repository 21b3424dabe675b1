"""A bare repository on disk: how one is made, configured and removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from codeyard.git.command import Git, GitCommand

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tfsync = committed
\tbigFileThreshold = 16m
\thooksPath = "{hooks}"
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[receive]
\tautogc = false
\tfsckObjects = true
\tdenyDeleteCurrent = refuse
\tdenyNonFastForwards = false
\tmaxInputSize = {max_input}
\tunpackLimit = 20
\tadvertisePushOptions = false
[transfer]
\thideRefs = refs/codeyard
\tfsckObjects = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
\thideRefs = refs/codeyard
[uploadpackfilter]
\tallow = true
[protocol]
\tallow = never
[pack]
\tthreads = 2
\twriteBitmapHashCache = true
[repack]
\twriteBitmaps = true
"""

# An archive holds what the commit holds, whatever the repository's own attributes say.
_ATTRIBUTES = "* -export-ignore -export-subst\n"

MAX_INPUT = 4 * 1024**3


def create(git: Git, path: Path, default_ref: str, max_input: int = MAX_INPUT) -> None:
    """Make an empty bare repository, durable when this returns. What a crash left half made is replaced."""
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [
        "--bare",
        "--quiet",
        "--template=",
        f"--initial-branch={default_ref.removeprefix('refs/heads/')}",
    ]
    git.run(GitCommand("init", flags, operands=[str(path)]))
    config = path / "config"
    attributes = path / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text(_ATTRIBUTES, "utf-8")
    config.write_text(_CONFIG.format(hooks=_quoted(git.hooks), max_input=max_input), "utf-8")
    made = (attributes, attributes.parent, config, path / "HEAD", path / "refs", path / "objects", path)
    for name in (*made, path.parent, path.parent.parent):
        _fsync(name)


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def remove(path: Path) -> None:
    """Delete a repository: out of sight first, then piece by piece."""
    gone = path.with_name(path.name + ".deleted")
    try:
        path.rename(gone)
    except FileNotFoundError:
        shutil.rmtree(gone, ignore_errors=True)
        return
    shutil.rmtree(gone, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
