"""A small world for engine tests: a kit on a fresh database, one part, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codeyard.contract import AwsError, Event, Part, Violation
from codeyard.engine import Engine, Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.storage import Database, FileBlobs, Keyring, open_database


class World:
    """The engine with what it runs."""

    def __init__(
        self,
        folder: Path,
        *,
        url: str = "",
        reconcilers: Mapping[str, Callable[[str], None]] | None = None,
        effects: Mapping[str, Callable[[str, dict[str, Any]], None]] | None = None,
        lapsed: Mapping[str, Callable[[str], None]] | None = None,
        clock: Any = None,
        seed: int = 0,
    ) -> None:
        self.clock, self.ids = clock or ManualClock(), SeededIds(seed)
        self.db: Database = open_database(url or folder / "codeyard.db", self.clock, self.ids)
        self.db.create_all()
        master = Keyring(folder, self.ids, {}).open()
        self.jobs = Jobs(self.db, self.clock)
        self.kit = Kit(
            db=self.db,
            blobs=FileBlobs(folder / "blobs", master, self.clock, self.ids, self.db),
            clock=self.clock,
            ids=self.ids,
            clients=None,  # type: ignore[arg-type]
            sealer=master.sealer(),
            jobs=self.jobs,
            data_dir=folder,
            settings=Settings(),
        )
        self.parts = (
            Part(
                "test",
                object(),
                {},
                _no_rule,
                reconcilers=reconcilers or {},
                effects=effects or {},
                lapsed_jobs=lapsed or {},
            ),
        )
        self.engine = Engine(self.kit, self.parts)

    def emit(self, **detail: Any) -> str:
        """Emit one event in a write of its own."""
        event = Event("codeyard.test", "Test", detail, "123456789012", "us-east-1", self.clock.now())
        return self.db.write(lambda tx: tx.emit(event))

    def dirty(self, kind: str, key: str) -> None:
        """Mark one key in a write of its own."""
        self.db.write(lambda tx: tx.dirty(kind, key))

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()


def _no_rule(operation: str, violation: Violation) -> AwsError:
    return AwsError("ValidationException", violation.message)
