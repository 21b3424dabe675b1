"""CodeCommit over a real database and real git, called without the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from botocore import xform_name

from codeyard.contract import Origin, Principal, Violation
from codeyard.engine import Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.services import codecommit
from codeyard.storage import FileBlobs, Keyring, loads, open_database

ACCOUNT, REGION = "123456789012", "us-east-1"
ALICE = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDA1", "alice")


class Call:
    """A context as the gateway makes one; the audit is left to the gateway's own tests."""

    def __init__(self, kit: Kit, operation: str) -> None:
        self.principal, self.account, self.region = ALICE, ACCOUNT, REGION
        self.service, self.operation = "codecommit", operation
        self.request_id, self.now = kit.ids.uuid(), kit.clock.now()
        self.origin = Origin(endpoint="http://127.0.0.1:8080")
        self.additional: dict[str, Any] = {}
        self.writes = 0
        self._kit = kit

    def write(self, fn: Any) -> Any:
        self.writes += 1
        assert self.writes == 1
        return self._kit.db.write(fn)

    def annotate(self, **additional: Any) -> None:
        self.additional.update(additional)


class Service:
    """The part under test."""

    def __init__(self, data: Path) -> None:
        clock, ids = ManualClock(1_700_000_000_000_000), SeededIds(7)
        db = open_database(data / "codeyard.db", clock, ids)
        db.create()
        master = Keyring(data, ids).open()
        self.kit = Kit(
            db=db,
            blobs=FileBlobs(data / "blobs", master, clock, ids, db),
            clock=clock,
            ids=ids,
            clients=None,  # type: ignore[arg-type]
            sealer=master.sealer(),
            jobs=Jobs(db, clock, ids),
            data_dir=data,
            settings=Settings(),
        )
        self.clock = clock
        self.restart()

    def restart(self) -> None:
        """The part as a new process builds it."""
        self.part = codecommit.part(self.kit)
        assert self.part.on_start is not None
        self.part.on_start()
        self.rooms = self.part.api._rooms  # type: ignore[attr-defined]

    def call(self, operation: str, /, **req: Any) -> dict[str, Any]:
        """Call an operation; `last` keeps its context."""
        self.last = Call(self.kit, operation)
        found: dict[str, Any] = getattr(self.part.api, xform_name(operation))(self.last, req)
        return found

    def push(self, request: Mapping[str, Any]) -> bytes:
        """Push as the git door does."""
        self.last = Call(self.kit, "GitPush")
        answer: bytes = self.part.api.git_push(self.last, request)["pipe"]  # type: ignore[attr-defined]
        return answer

    def events(self) -> list[dict[str, Any]]:
        """The details of every event emitted so far."""
        rows = self.kit.db.read(lambda tx: tx.all(sa.text("SELECT detail FROM outbox ORDER BY rowid")))
        return [loads(row.detail) for row in rows]

    def violation(self, operation: str, *path: str, kind: str, shape: str) -> str:
        """The exception for a violation."""
        return self.part.errors(operation, Violation(path, kind, shape, "said")).code
