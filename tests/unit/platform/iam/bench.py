"""IAM and STS behind a real gateway and wire, without a server: calls go in as principals and come out checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import Check, Principal
from codeyard.engine import Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.gateway import Gateway, Registry
from codeyard.gateway.clients import LateClients
from codeyard.platform import iam, organizations, sts
from codeyard.platform.iam.accounts import Accounts
from codeyard.platform.iam.door import IamDoor
from codeyard.platform.iam.policy import Decision
from codeyard.storage import FileBlobs, Keyring
from codeyard.storage.sqlite import SqliteDatabase
from codeyard.wire.codec import Wire
from codeyard.wire.models import Models
from codeyard.wire.routing import Route
from codeyard.wire.services import ENABLED

ACCOUNT, OTHER = "111122223333", "444455556666"


class Bench:
    """An account with its administrator; `call` is checked against the models on its way out."""

    def __init__(self, data: Path) -> None:
        self.clock, self.ids = ManualClock(), SeededIds(7)
        self.db = SqliteDatabase(data / "test.db", self.clock, self.ids)
        self.db.create_all()
        master = Keyring(data, self.ids).open()
        clients = LateClients()
        self.kit = Kit(
            db=self.db,
            blobs=FileBlobs(data / "blobs", master, self.clock, self.ids, self.db),
            clock=self.clock,
            ids=self.ids,
            clients=clients,
            sealer=master.sealer(),
            jobs=Jobs(self.db, self.clock, self.ids),
            data_dir=data,
            settings=Settings(account=ACCOUNT, allow_private_outbound=True),
        )
        self.door, self.accounts = IamDoor(self.kit, organizations.guardrails), Accounts(self.kit)
        models = Models(ENABLED)
        self.wire = Wire(models)
        self.wire.strict = True
        parts = (
            iam.part(self.kit, organizations.membership),
            sts.part(self.kit, self.door),
            organizations.part(self.kit, self.accounts),
        )
        self.registry = Registry(parts, models)
        self.gateway = Gateway(
            registry=self.registry,
            identity=self.door,
            recorder=_record,
            validator=self.wire,
            db=self.db,
            clock=self.clock,
            ids=self.ids,
        )
        clients.bind(self.gateway.clients)
        self.admin = self._account(ACCOUNT)

    def _account(self, account: str) -> Principal:
        made = self.accounts.open(account, "")
        assert made is not None
        return self.door.credential(made[0], "").principal

    def other_account(self) -> Principal:
        """A second account's administrator."""
        return self._account(OTHER)

    def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        by: Principal | None = None,
        service: str = "iam",
    ) -> dict[str, Any]:
        """Call through the gateway as `by` (the administrator); the answer must fit the model."""
        who = by or self.admin
        answer = self.gateway.client(who, who.account, "us-east-1").call(service, operation, params or {})
        self.wire.answer(
            Route(service=service, operation=operation, protocol="json" if service == "organizations" else "query"),
            answer,
            "request",
        )
        return answer

    def user(self, name: str, *statements: Mapping[str, Any], by: Principal | None = None, **more: Any) -> Principal:
        """A user with an inline policy of these statements, as a principal."""
        self.call("CreateUser", {"UserName": name, **more}, by=by)
        if statements:
            document = {"UserName": name, "PolicyName": "p", "PolicyDocument": policy(*statements)}
            self.call("PutUserPolicy", document, by=by)
        return self.principal(name, by=by)

    def principal(self, name: str, *, by: Principal | None = None) -> Principal:
        """A user as a principal, by a fresh access key."""
        key = self.call("CreateAccessKey", {"UserName": name}, by=by)["AccessKey"]
        return self.door.credential(key["AccessKeyId"], "").principal

    def role(
        self,
        name: str,
        trust: Mapping[str, Any],
        *statements: Mapping[str, Any],
        by: Principal | None = None,
        **more: Any,
    ) -> str:
        """A role with an inline policy; its ARN."""
        document = policy({"Effect": "Allow", "Action": "sts:AssumeRole", **trust})
        made = self.call("CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": document, **more}, by=by)
        if statements:
            allowed = {"RoleName": name, "PolicyName": "p", "PolicyDocument": policy(*statements)}
            self.call("PutRolePolicy", allowed, by=by)
        return str(made["Role"]["Arn"])

    def assume(self, role_arn: str, *, by: Principal, session: str = "session", **more: Any) -> Principal:
        """Assume a role through STS; the principal that its keys stand for."""
        params = {"RoleArn": role_arn, "RoleSessionName": session, **more}
        return self.session(self.call("AssumeRole", params, by=by, service="sts")["Credentials"])

    def session(self, credentials: Mapping[str, Any]) -> Principal:
        """The principal that temporary keys stand for."""
        found = self.door.credential(credentials["AccessKeyId"], credentials["SessionToken"])
        assert found.secret == credentials["SecretAccessKey"]
        return found.principal

    def may(self, who: Principal, action: str, resource: str = "*", **more: Any) -> Decision:
        """What the door decides on one check."""
        keys = more.pop("call", {"aws:RequestedRegion": "us-east-1"})
        return self.door.authorize(who, [Check(action, resource, **more)], keys)


def allow(*actions: str, on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """An allowing statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def deny(*actions: str, on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A denying statement."""
    return {"Effect": "Deny", "Action": list(actions), "Resource": on, **more}


def policy(*statements: Mapping[str, Any], version: str = "2012-10-17") -> str:
    """A policy document's text."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def _record(**facts: Any) -> dict[str, Any]:
    error = facts["error"]
    return {
        "eventID": facts["event_id"],
        "eventName": facts["operation"],
        "recipientAccountId": facts["account"],
        "awsRegion": facts["region"],
        "errorCode": None if error is None else error.code,
    }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """IAM and STS with one account and its administrator."""
    made = Bench(tmp_path)
    yield made
    made.gateway.auditor.stop()
    made.db.close()
