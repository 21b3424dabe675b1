"""Rows as the API shows them."""

from __future__ import annotations

from typing import Any

from codeyard.formats.moments import moment

_FROM_PROJECT = (
    "source",
    "secondarySources",
    "secondarySourceVersions",
    "cache",
    "environment",
    "serviceRole",
    "encryptionKey",
)
_TIMES = ("startTime", "endTime")


def project(doc: dict[str, Any], created: int, modified: int) -> dict[str, Any]:
    """A project in the shape of Project."""
    return {**doc, "created": moment(created), "lastModified": moment(modified)}


def build(doc: dict[str, Any]) -> dict[str, Any]:
    """A build in the shape of Build."""
    spec = doc["spec"]
    shown: dict[str, Any] = {name: spec[name] for name in _FROM_PROJECT if spec.get(name) is not None}
    shown |= {
        "id": doc["id"],
        "arn": doc["arn"],
        "buildNumber": doc["number"],
        "startTime": moment(doc["created"]),
        "currentPhase": doc["currentPhase"],
        "buildStatus": doc["status"],
        "projectName": doc["project"],
        "phases": [_phase(p) for p in doc["phases"]],
        "logs": logs(doc),
        "timeoutInMinutes": spec.get("timeoutInMinutes", 60),
        "queuedTimeoutInMinutes": spec.get("queuedTimeoutInMinutes", 480),
        "buildComplete": doc["complete"],
        "initiator": doc["initiator"],
        "exportedEnvironmentVariables": doc.get("exported") or [],
    }
    for name in ("sourceVersion", "resolvedSourceVersion"):
        if doc.get(name):
            shown[name] = doc[name]
    if doc.get("ended"):
        shown["endTime"] = moment(doc["ended"])
    made = doc.get("artifacts") or []
    if made:
        shown["artifacts"] = made[0]
    if made[1:]:
        shown["secondaryArtifacts"] = made[1:]
    return shown


def logs(doc: dict[str, Any]) -> dict[str, Any]:
    """Where the build's log is."""
    group, stream = doc["logGroup"], doc["logStream"]
    arn = f"arn:aws:logs:{doc['region']}:{doc['account']}:log-group:{group}:log-stream:{stream}"
    return {"groupName": group, "streamName": stream, "deepLink": doc["deepLink"], "cloudWatchLogsArn": arn}


def _phase(phase: dict[str, Any]) -> dict[str, Any]:
    return {k: moment(v) if k in _TIMES else v for k, v in phase.items()}
