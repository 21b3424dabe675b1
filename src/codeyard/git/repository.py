"""A bare repository on disk: how one is made, configured and removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from codeyard.git.command import Git
from codeyard.git.objects import UNPACK_LIMIT

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
\tunpackLimit = {unpack_limit}
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

_FOLDERS = ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info")

MAX_INPUT = 4 * 1024**3


def create(git: Git, path: Path, default_ref: str, max_input: int = MAX_INPUT) -> None:
    """Make an empty bare repository, durable when this returns. What a crash left half made is replaced.

    It is what `git init --bare` makes (gitrepository-layout(5)), without the five milliseconds that a process takes.
    """
    shutil.rmtree(path, ignore_errors=True)
    for folder in _FOLDERS:
        (path / folder).mkdir(parents=True)
    texts = {
        "HEAD": f"ref: {default_ref}\n",
        "config": _CONFIG.format(hooks=_quoted(git.hooks), max_input=max_input, unpack_limit=UNPACK_LIMIT),
        "info/attributes": _ATTRIBUTES,
    }
    for name, text in texts.items():
        _write(path / name, text)
    for folder in ("info", "refs", "objects", "", "..", "../.."):
        fsync(path / folder)


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


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def fsync(path: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
