"""A CodeDeploy on a real database, with the world outside (IAM, SNS) played by a fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from botocore import xform_name

from codeyard.contract import INTERNAL, AwsError, Principal
from codeyard.engine import Engine, Jobs, Kit, ManualClock, SeededIds, Settings
from codeyard.services import codedeploy
from codeyard.storage import FileBlobs, Keyring, open_database

T = TypeVar("T")
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
ADMIN = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/admin", name="admin")


class FakeContext:
    """One call, with its write going straight to the database."""

    def __init__(self, kit: Kit, principal: Principal, region: str = REGION) -> None:
        self._kit = kit
        self.principal, self.account, self.region = principal, principal.account, region
        self.service, self.operation, self.request_id = "codedeploy", "", "r"
        self.now, self.origin = kit.clock.now(), INTERNAL

    def write(self, fn: Callable[[Any], T]) -> T:
        return self._kit.db.write(fn)

    def arn(self, resource: str, service: str = "") -> str:
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"


class FakeClients:
    """Roles that can be assumed; what is called as them is kept."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str, dict[str, Any]]] = []
        self.refuse: AwsError | None = None

    def as_role(self, role_arn: str, **rest: Any) -> Any:
        outer = self

        class Client:
            def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
                if outer.refuse:
                    raise outer.refuse
                outer.calls.append((role_arn, service, operation, dict(params or {})))
                return {}

        return Client()

    def as_service(self, service: str, **rest: Any) -> Any:
        raise AssertionError("CodeDeploy calls nothing as itself")


class World:
    """The service under test and what tests do with it."""

    def __init__(self, data: Path) -> None:
        self.clock, ids = ManualClock(), SeededIds(7)
        self.db = open_database(data / "state.db", self.clock, ids)
        self.db.create()
        master = Keyring(data, ids, {}).open()
        self.clients = FakeClients()
        self.kit = Kit(
            db=self.db,
            blobs=FileBlobs(data / "blobs", master, self.clock, ids, self.db),
            clock=self.clock,
            ids=ids,
            clients=self.clients,
            sealer=master.sealer(),
            jobs=Jobs(self.db, self.clock, ids),
            data_dir=data,
            settings=Settings(),
        )
        self.restart()

    def restart(self) -> None:
        """A new process on the same data."""
        self.parts = codedeploy.parts(self.kit)
        self.engine = Engine(self.kit, self.parts)
        self.deploy, self.commands = self.parts
        self.commands.api._hold_s = 0.0  # type: ignore[attr-defined]
        assert self.deploy.on_start is not None
        self.deploy.on_start()

    def call(self, operation: str, principal: Principal = ADMIN, **params: Any) -> Any:
        """Call an operation of CodeDeploy."""
        method = getattr(self.deploy.api, xform_name(operation))
        return method(FakeContext(self.kit, principal), params)

    def host(self, operation: str, name: str, **params: Any) -> Any:
        """Call a host command as the host of that name."""
        principal = Principal("user", ACCOUNT, user_arn(name), name=f"host-{name}")
        return getattr(self.commands.api, xform_name(operation))(FakeContext(self.kit, principal), params)

    def settle(self) -> None:
        """Let the engine do all that is due."""
        self.engine.settle()

    def fleet(self, *names: str, config: str = "CodeDeployDefault.AllAtOnce", **group: Any) -> None:
        """An application `app` with a group `fleet` of hosts tagged env=test."""
        self.call("CreateApplication", applicationName="app")
        for name in names:
            self.register(name)
        filters = [{"Key": "env", "Value": "test", "Type": "KEY_AND_VALUE"}]
        given = {"onPremisesInstanceTagFilters": filters, "deploymentConfigName": config, "serviceRoleArn": ROLE}
        self.call("CreateDeploymentGroup", applicationName="app", deploymentGroupName="fleet", **(given | group))

    def register(self, name: str, **tags: str) -> None:
        """Register a host with tags (env=test when none are given)."""
        self.call("RegisterOnPremisesInstance", instanceName=name, iamUserArn=user_arn(name))
        pairs = [{"Key": key, "Value": value} for key, value in (tags or {"env": "test"}).items()]
        self.call("AddTagsToOnPremisesInstances", instanceNames=[name], tags=pairs)

    def create(self, key: str = "one.zip", **params: Any) -> str:
        """Create a deployment of a bundle to the fleet, and let it begin."""
        given = {"revision": revision(key)} | params
        made = self.call("CreateDeployment", applicationName="app", deploymentGroupName="fleet", **given)
        self.settle()
        return str(made["deploymentId"])

    def poll(self, name: str) -> dict[str, Any] | None:
        """The host's next command."""
        return self.host("PollHostCommand", name, HostIdentifier=user_arn(name)).get("HostCommand")

    def ack(self, name: str, command: dict[str, Any], noop: bool = False) -> str:
        """Acknowledge a command; the status that the server answers."""
        payload = {"Format": "JSON", "Payload": '{"IsCommandNoop":%s}' % ("true" if noop else "false")}
        command_id = command["HostCommandIdentifier"]
        answer = self.host("PutHostCommandAcknowledgement", name, HostCommandIdentifier=command_id, Diagnostics=payload)
        return str(answer["CommandStatus"])

    def complete(self, name: str, command: dict[str, Any], code: int = 0, log: str = "") -> None:
        """Tell that a command ended."""
        text = json.dumps({"error_code": code, "script_name": "a.sh", "message": "m", "log": log})
        self.host(
            "PutHostCommandComplete",
            name,
            HostCommandIdentifier=command["HostCommandIdentifier"],
            CommandStatus="Failed" if code else "Succeeded",
            Diagnostics={"Format": "JSON", "Payload": text},
        )

    def obey(self, name: str, *, fail: str = "") -> list[str]:
        """Be the host's agent until nothing waits: the events it ran. Fails the event of that name."""
        ran = []
        while command := self.poll(name):
            assert self.ack(name, command) == "InProgress"
            ran.append(command["CommandName"])
            self.complete(name, command, 4 if command["CommandName"] == fail else 0)
            self.settle()
        return ran

    def deployment(self, deployment_id: str) -> dict[str, Any]:
        """GetDeployment's answer."""
        info: dict[str, Any] = self.call("GetDeployment", deploymentId=deployment_id)["deploymentInfo"]
        return info

    def target(self, deployment_id: str, name: str) -> dict[str, Any]:
        """GetDeploymentTarget's answer for a host."""
        found = self.call("GetDeploymentTarget", deploymentId=deployment_id, targetId=name)
        target: dict[str, Any] = found["deploymentTarget"]["instanceTarget"]
        return target

    def statuses(self, deployment_id: str, name: str) -> list[str]:
        """The statuses of a host's lifecycle events."""
        return [event["status"] for event in self.target(deployment_id, name)["lifecycleEvents"]]


def user_arn(name: str) -> str:
    """The IAM user of a host."""
    return f"arn:aws:iam::{ACCOUNT}:user/host-{name}"


def revision(key: str = "one.zip", **more: str) -> dict[str, Any]:
    """An S3 revision."""
    return {"revisionType": "S3", "s3Location": {"bucket": "bundles", "key": key, "bundleType": "zip", **more}}
