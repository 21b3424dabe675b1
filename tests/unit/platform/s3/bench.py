"""S3's operations called directly, with answers held against botocore's model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from codeyard.contract import BlobRange, Origin, Principal, Scope, Staged
from codeyard.engine import Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.engine.outbox import event_row
from codeyard.platform.s3 import part
from codeyard.storage import FileBlobs, Keyring, open_database
from codeyard.storage.system import outbox

ACCOUNT, OTHER = "123456789012", "210987654321"


@cache
def model() -> Any:
    """Botocore's model of S3."""
    return botocore.session.get_session().get_service_model("s3")


def check_shape(shape: Any, value: Any, where: str) -> None:
    """Fail on an unknown, missing or mistyped member."""
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{where}: {unknown} is not in the model"
        for name in shape.required_members:
            assert name in value, f"{where}.{name} is required"
        for name, member in value.items():
            if not isinstance(member, BlobRange):
                check_shape(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        for one in value:
            check_shape(shape.member, one, where + "[]")
    elif shape.type_name == "map":
        assert all(isinstance(one, str) for pair in value.items() for one in pair), where
    else:
        kinds = {"string": str, "character": str, "integer": int, "long": int, "boolean": bool, "timestamp": datetime}
        assert isinstance(value, kinds.get(shape.type_name, object)), f"{where}: {value!r} is no {shape.type_name}"


@dataclass
class FakeContext:
    """A call's facts, and its one write."""

    db: Any
    now: int
    account: str = ACCOUNT
    region: str = "us-east-1"
    service: str = "s3"
    operation: str = ""
    request_id: str = "REQUEST"
    origin: Origin = field(default_factory=lambda: Origin(endpoint="http://yard"))
    written: bool = False

    @property
    def principal(self) -> Principal:
        """An administrator of the account."""
        return Principal("user", self.account, f"arn:aws:iam::{self.account}:user/ann", name="ann")

    def refusal(self, *checks: Any) -> None:
        """The administrator may do everything."""

    def write(self, fn: Any) -> Any:
        """The call's one write."""
        assert not self.written, "an operation writes once"
        self.written = True
        return self.db.write(fn)


class Store:
    """The service on a fresh database."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock, self.ids = ManualClock(), SeededIds(1)
        self.db = open_database(folder / "codeyard.db", self.clock, self.ids)
        master = Keyring(folder, self.ids, {}).open()
        self.blobs = FileBlobs(folder / "blobs", master, self.clock, self.ids, self.db)
        self.kit = Kit(
            db=self.db,
            blobs=self.blobs,
            clock=self.clock,
            ids=self.ids,
            clients=None,  # type: ignore[arg-type]
            sealer=master.sealer(),
            jobs=Jobs(self.db, self.clock),
            data_dir=folder,
            settings=Settings(**settings),
        )
        self.part = part(self.kit, frozenset({"healthz"}))
        self.db.create_all()

    def call(self, operation: str, params: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Call an operation of the API's name and check its answer's form."""
        account, region = more.pop("_account", ACCOUNT), more.pop("_region", "us-east-1")
        self.clock.advance(0.001)
        ctx = FakeContext(self.db, self.clock.now(), account, region, operation=operation)
        answer = getattr(self.part.api, xform_name(operation))(ctx, {**(params or {}), **more})
        shape = model().operation_model(operation).output_shape
        if shape is not None:
            check_shape(shape, answer, operation)
        else:
            assert answer == {}
        return dict(answer)

    def bucket(self, name: str = "bucket", *, versioned: bool = False, events: bool = False) -> str:
        """Make a bucket."""
        self.call("CreateBucket", Bucket=name)
        if versioned:
            self.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if events:
            self.call(
                "PutBucketNotificationConfiguration",
                Bucket=name,
                NotificationConfiguration={"EventBridgeConfiguration": {}},
            )
        return name

    def put(self, key: str, body: bytes | Staged = b"x", bucket: str = "bucket", **more: Any) -> dict[str, Any]:
        """Put an object."""
        return self.call("PutObject", Bucket=bucket, Key=key, Body=body, **more)

    def body(self, key: str, bucket: str = "bucket", **more: Any) -> bytes:
        """An object's bytes, as the edge would send them."""
        return self.bytes(self.call("GetObject", Bucket=bucket, Key=key, **more)["Body"])

    def bytes(self, handle: BlobRange) -> bytes:
        """The bytes behind an answer's handle."""
        return b"".join(self.blobs.read(handle.blob_id, handle.start, handle.length))

    def events(self) -> list[Any]:
        """What was emitted, oldest first."""
        import sqlalchemy as sa

        found = self.db.read(lambda tx: tx.all(sa.select(outbox).order_by(outbox.c.seq)))
        return [event_row(row) for row in found]

    def checks(self, operation: str, _account: str = ACCOUNT, _kind: str = "user", **params: Any) -> list[Any]:
        """The checks that a call needs."""
        principal = Principal(_kind, _account, f"arn:aws:iam::{_account}:user/ann")  # type: ignore[arg-type]
        return list(self.part.access[operation](Scope(principal, _account, "us-east-1"), params))
