"""The two events of CodeBuild, with their exact JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from codeyard.contract import Event

STATE_CHANGE = "CodeBuild Build State Change"
PHASE_CHANGE = "CodeBuild Build Phase Change"


def state_change(record: Mapping[str, Any], now: int) -> Event:
    """The build began or ended."""
    detail = {
        "build-status": record["buildStatus"],
        "project-name": record["projectName"],
        "build-id": record["arn"],
        "additional-information": information(record),
        "current-phase": record["currentPhase"],
        "current-phase-context": _context(record["phases"][-1]) if record["phases"] else "[]",
        "version": "1",
    }
    return _event(record, STATE_CHANGE, detail, now)


def phase_change(record: Mapping[str, Any], phase: Mapping[str, Any], now: int) -> Event:
    """A phase of the build ended."""
    detail = {
        "completed-phase": phase["phaseType"],
        "project-name": record["projectName"],
        "build-id": record["arn"],
        "completed-phase-context": _context(phase),
        "additional-information": information(record),
        "completed-phase-status": phase["phaseStatus"],
        "completed-phase-duration-seconds": phase["durationInSeconds"],
        "version": "1",
        "completed-phase-start": _time(phase["startTime"]),
        "completed-phase-end": _time(phase["endTime"]),
    }
    return _event(record, PHASE_CHANGE, detail, now)


def information(record: Mapping[str, Any]) -> dict[str, Any]:
    """additional-information: the build as it stands; secret variables stand as the references that were given."""
    environment = record["environment"]
    said: dict[str, Any] = {
        "cache": {"type": record["cache"]["type"]},
        "build-number": record["buildNumber"],
        "timeout-in-minutes": record["timeoutInMinutes"],
        "build-complete": record["buildComplete"],
        "initiator": record["initiator"],
        "build-start-time": _time(record["startTime"]),
        "source": _source(record["source"]),
        "source-version": record.get("sourceVersion"),
        "artifact": _artifact(record.get("artifacts") or {}),
        "environment": {
            "image": environment["image"],
            "privileged-mode": environment.get("privilegedMode", False),
            "image-pull-credentials-type": environment.get("imagePullCredentialsType"),
            "compute-type": environment["computeType"],
            "type": environment["type"],
            "environment-variables": [
                {"name": v["name"], "type": v.get("type", "PLAINTEXT"), "value": v["value"]}
                for v in environment.get("environmentVariables") or ()
            ],
        },
        "logs": _logs(record.get("logs") or {}),
        "phases": [_phase(phase) for phase in record["phases"]],
        "queued-timeout-in-minutes": record["queuedTimeoutInMinutes"],
    }
    return {name: value for name, value in said.items() if value is not None}


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    names = {"location": "location", "type": "type", "buildspec": "buildspec"}
    return {theirs: source[ours] for ours, theirs in names.items() if source.get(ours)}


def _artifact(artifact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: artifact[name] for name in ("md5sum", "sha256sum", "location") if artifact.get(name)}


def _logs(logs: Mapping[str, Any]) -> dict[str, Any]:
    names = {"groupName": "group-name", "streamName": "stream-name", "deepLink": "deep-link"}
    return {theirs: logs[ours] for ours, theirs in names.items() if logs.get(ours)}


def _phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if "endTime" in phase:
        said = {"phase-context": _contexts(phase)}
    said["start-time"] = _time(phase["startTime"])
    if "endTime" in phase:
        said["end-time"] = _time(phase["endTime"])
        said["duration-in-seconds"] = phase["durationInSeconds"]
    said["phase-type"] = phase["phaseType"]
    if "phaseStatus" in phase:
        said["phase-status"] = phase["phaseStatus"]
    return said


def _contexts(phase: Mapping[str, Any]) -> list[str]:
    if phase["phaseType"] in ("SUBMITTED", "QUEUED") and phase.get("phaseStatus") == "SUCCEEDED":
        return []
    return [f"{c.get('statusCode', '')}: {c.get('message', '')}" for c in phase.get("contexts") or ()]


def _context(phase: Mapping[str, Any]) -> str:
    return "[" + ", ".join(_contexts(phase)) + "]" if "endTime" in phase else "[]"


def _time(micros: int) -> str:
    """`Sep 1, 2017 4:12:29 PM`"""
    at = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S} {at:%p}"


def _event(record: Mapping[str, Any], kind: str, detail: Mapping[str, Any], now: int) -> Event:
    _, _, _, region, account, _ = record["arn"].split(":", 5)
    return Event("aws.codebuild", kind, detail, account, region, now, (record["arn"],))
