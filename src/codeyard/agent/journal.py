"""What this host has begun and finished, on disk before it happens: no event of a deployment runs twice here."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

_KEEP_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Result:
    """How an event ended, in the protocol's terms."""

    code: int = 0
    script: str = ""
    message: str = "Succeeded"
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of one deployment: taken (not begun), begun, done (not told), told."""

    deployment: str
    event: str
    command: str
    state: str
    spec: dict[str, Any] = field(default_factory=dict)
    script: int = 0
    result: Result | None = None


class Journal:
    """Entries as small files, each written whole and durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, deployment: str, event: str) -> Entry | None:
        """The entry of an event."""
        return _read(self._path(deployment, event))

    def put(self, entry: Entry, **changes: Any) -> Entry:
        """Write an entry with changes; when it returns, the entry survives a crash."""
        entry = replace(entry, **changes)
        path = self._path(entry.deployment, entry.event)
        aside = path.with_suffix(".new")
        with aside.open("w") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync(self._folder)
        return entry

    def drop(self, entry: Entry) -> None:
        """Forget an entry of which nothing was begun."""
        self._path(entry.deployment, entry.event).unlink(missing_ok=True)
        _sync(self._folder)

    def open_entries(self) -> list[Entry]:
        """Entries that the server has not been told the end of, oldest first; forgets those long told."""
        found = []
        for path in sorted(self._folder.glob("*.json"), key=lambda p: p.stat().st_mtime):
            entry = _read(path)
            if entry is not None and entry.state != "told":
                found.append(entry)
            elif path.stat().st_mtime < time.time() - _KEEP_S:
                path.unlink()
        return found

    def _path(self, deployment: str, event: str) -> Path:
        return self._folder / f"{deployment}.{event}.json"


def _read(path: Path) -> Entry | None:
    try:
        tree = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    result = tree.pop("result")
    return Entry(**tree, result=Result(**result) if result else None)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
