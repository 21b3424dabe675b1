"""Whether encrypted folders can be opened here: without it, tests of repositories under keys do not run, and say so."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest

from codeyard.git.gocryptfs import Gocryptfs, Unavailable


@cache
def lacking() -> str:
    """Why a folder cannot be opened on this machine; empty where one can."""
    with tempfile.TemporaryDirectory() as folder:
        folders, cipher = Gocryptfs(Path(folder) / "open"), Path(folder) / "cipher"
        try:
            folders.create(cipher, b"s" * 32)
            folders.open(cipher, Path(folder) / "open" / "one", b"s" * 32)
        except Unavailable as reason:
            return str(reason)
        finally:
            folders.close_all()
    return ""


def needs_fuse() -> pytest.MarkDecorator:
    """The mark of tests that open encrypted folders."""
    return pytest.mark.skipif(bool(lacking()), reason=f"no encrypted folder can be opened here: {lacking()}")
