"""The deployment specification that an agent acts by, and the opaque ids that tie its calls to a host's event. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.services.codedeploy import model
from codeyard.storage import Row, dumps, loads

_S3 = {"bucket": "Bucket", "key": "Key", "bundleType": "BundleType", "version": "Version", "eTag": "ETag"}


@dataclass(frozen=True, slots=True)
class CommandId:
    """A HostCommandIdentifier: one attempt at one event of one host of a deployment."""

    token: str
    step: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.token}.{self.step}.{self.attempt}"


def read_command_id(text: str) -> CommandId | None:
    """The id's parts; None for what was never one."""
    token, step, attempt = ([*text.split("."), "", ""])[:3]
    numbers = step.isascii() and step.isdigit() and attempt.isascii() and attempt.isdigit()
    if text.count(".") != 2 or not numbers or len(text) > 100 or int(step) >= len(model.EVENTS):
        return None
    return CommandId(token, int(step), int(attempt))


def execution_id(deployment: Row, token: str) -> str:
    """A DeploymentExecutionId: account/group/deployment/target."""
    return f"{deployment.account}/{deployment.group_id}/{deployment.id}/{token}"


def read_execution_id(text: str) -> str | None:
    """The target's token in a DeploymentExecutionId."""
    parts = text.split("/")
    return parts[3] if len(parts) == 4 else None


def specification(deployment: Row) -> bytes:
    """The JSON that the agent reads."""
    body = loads(deployment.body)
    spec: dict[str, Any] = {
        "DeploymentId": deployment.id,
        "DeploymentGroupId": deployment.group_id,
        "DeploymentGroupName": deployment.group_name,
        "ApplicationName": deployment.application,
        "DeploymentCreator": body["creator"],
        "DeploymentType": "IN_PLACE",
        "AppSpecFilename": "appspec.yml",
        "AgentActionOverrides": {
            "AgentOverrides": {"FileExistsBehavior": body.get("fileExistsBehavior") or "DISALLOW"}
        },
        "AllPossibleLifecycleEvents": list(model.EVENTS),
        "Revision": {"RevisionType": "S3", "S3Revision": _place(loads(deployment.revision)["s3Location"])},
    }
    return dumps(spec).encode()


def _place(location: Mapping[str, Any]) -> dict[str, Any]:
    return {theirs: location[ours] for ours, theirs in _S3.items() if location.get(ours)}
