"""A few services behind the real gateway, store and engine, with a door that lets everybody in: for unit tests of
operations. Answers are checked against the models as they are in a whole server under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeyard.contract import INTERNAL, Check, Origin, Part, Principal
from codeyard.engine import Engine, Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.gateway import Gateway, Registry
from codeyard.gateway.clients import LateClients
from codeyard.platform.cloudtrail.record import build_record
from codeyard.storage import FileBlobs, Keyring, assert_not_writing, open_database
from codeyard.wire.codec import Wire
from codeyard.wire.models import Models
from codeyard.wire.services import ENABLED

ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass(frozen=True)
class Verdict:
    allowed: bool = True
    message: str = "not authorized"
    encoded: str = ""


@dataclass
class OpenDoor:
    """Lets everybody do everything but what is in `denied`; remembers what was asked."""

    asked: list[tuple[Principal, Check]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    ended: list[tuple[str, str]] = field(default_factory=list)

    def authorize(self, principal: Principal, checks: Sequence[Check], keys: Mapping[str, Any]) -> Verdict:
        self.asked += [(principal, check) for check in checks]
        return Verdict(not any(check.action in self.denied for check in checks))

    def assume_for_service(
        self, role_arn: str, *, service: str, session_name: str, source_arn: str, region: str
    ) -> Principal:
        account = role_arn.split(":")[4]
        name = role_arn.rpartition("/")[2]
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}"
        return Principal(
            "role", account, arn, principal_id=f"AROA{name}:{session_name}", role_arn=role_arn, invoked_by=service,
            expires_at=2**60,
        )  # fmt: skip

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        self.ended.append((role_arn, session_name))


class Rooms:
    """Parts that are made by `build(kit)`, and calls to them."""

    def __init__(self, folder: Path, *build: Callable[[Kit], Part], database: str = "", **settings: Any) -> None:
        self.clock, ids = ManualClock(), SeededIds(7)
        self.db = open_database(database or folder / "rooms.db", self.clock, ids)
        master, clients = Keyring(folder, ids, {}).open(), LateClients()
        facts = {"region": REGION, "account": ACCOUNT, "endpoint": "http://yard.test", **settings}
        self.kit = Kit(
            db=self.db,
            blobs=FileBlobs(folder / "blobs", master, self.clock, ids, self.db),
            clock=self.clock,
            ids=ids,
            clients=clients,
            sealer=master.sealer(),
            jobs=Jobs(self.db, self.clock, ids),
            data_dir=folder,
            settings=Settings(**facts),
        )
        self.parts = [make(self.kit) for make in build]
        self.db.create()
        models, self.door = Models(ENABLED), OpenDoor()
        self.wire = Wire(models)
        self.gateway = Gateway(
            registry=Registry(self.parts, models),
            identity=self.door,  # type: ignore[arg-type]
            recorder=build_record,
            validator=self.wire,
            db=self.db,
            clock=self.clock,
            ids=ids,
            assert_free=assert_not_writing,
        )
        clients.bind(self.gateway.clients)
        self.engine = Engine(self.kit, self.parts)

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        account: str = ACCOUNT,
        origin: Origin = INTERNAL,
    ) -> dict[str, Any]:
        """Call as a user of the account; the answer is checked against the model."""
        who = Principal("user", account, f"arn:aws:iam::{account}:user/ann", "AIDAANN", "ann", access_key_id="AKIAANN")
        answer = self.gateway.client(who, account, REGION, origin=origin).call(service, operation, params or {})
        self.wire.check_answer(service, operation, answer)
        return answer

    def close(self) -> None:
        """Let go of the database."""
        self.gateway.auditor.stop()
        self.db.close()
