"""Packages of npm for tests: pinned by a lock beside the tests, installed beside the environment, outside the tree."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def packages(sources: Path) -> Path:
    """The folder with the installed packages of `sources`' lock, kept by the lock's hash; skips without npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    lock = (sources / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / "js" / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(sources / name, folder / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True, timeout=110)
        (folder / "done").touch()
    return folder
