"""A fleet on a whole server: application, group, role, hosts with keys of their own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.contract.codedeploy.protocol import Host
from tests.support.yard import TestYard


class Fleet:
    """An application `app` whose group `fleet` holds the hosts tagged env=staging."""

    def __init__(self, yard: TestYard, config: str = "CodeDeployDefault.AllAtOnce") -> None:
        self.yard, self.deploy = yard, yard.client("codedeploy")
        notify = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]
        self.role = yard.role("deployer", "codedeploy.amazonaws.com", notify)
        self.hold(0.5)
        self.deploy.create_application(applicationName="app")
        self.deploy.create_deployment_group(
            applicationName="app",
            deploymentGroupName="fleet",
            serviceRoleArn=self.role,
            deploymentConfigName=config,
            onPremisesInstanceTagFilters=[{"Key": "env", "Value": "staging", "Type": "KEY_AND_VALUE"}],
        )

    def hold(self, seconds: float) -> None:
        """How long the server holds idle polls: shortened, for a client that has no other way to know the end."""
        part = next(part for part in self.yard.yard.parts if part.service == "codedeploy-commands")
        part.api._hold_s = seconds  # type: ignore[attr-defined]

    def host(self, name: str, **options: str) -> Host:
        """A registered host that nothing but its registration allows to speak."""
        keys = self.yard.user(f"host-{name}")
        arn = f"arn:aws:iam::{self.yard.account}:user/host-{name}"
        self.deploy.register_on_premises_instance(instanceName=name, iamUserArn=arn)
        tags = [{"Key": "env", "Value": "staging"}]
        self.deploy.add_tags_to_on_premises_instances(instanceNames=[name], tags=tags)
        return Host(self.yard.endpoint, keys, arn, **options)

    def create(self, key: str = "one.zip", **params: Any) -> str:
        """Create a deployment."""
        place = {"bucket": "bundles", "key": key, "bundleType": "zip"}
        given = {"revision": {"revisionType": "S3", "s3Location": place}} | params
        made = self.deploy.create_deployment(applicationName="app", deploymentGroupName="fleet", **given)
        return str(made["deploymentId"])

    def info(self, deployment: str) -> dict[str, Any]:
        """The deployment."""
        found: dict[str, Any] = self.deploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        return found

    def over(self, deployment: str) -> bool:
        """Whether the deployment has ended."""
        return self.info(deployment)["status"] in ("Succeeded", "Failed", "Stopped")

    def wait(self, deployment: str, seconds: float = 30) -> str:
        """Wait for a deployment in a running server to end; its status."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not self.over(deployment) and time.monotonic() < deadline:
            pause.wait(0.05)
        return str(self.info(deployment)["status"])


@pytest.fixture
def fleet(running_yard: TestYard) -> Fleet:
    """A fleet on a server that runs as in production."""
    return Fleet(running_yard)
