"""The events that builds emit, with their exact JSON.

docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
"""

from __future__ import annotations

import json
from typing import Any

from codeyard.contract import Event
from codeyard.formats.moments import moment


def state_change(doc: dict[str, Any], now: int) -> Event:
    """ "CodeBuild Build State Change": a build began or ended."""
    detail = {
        "build-status": doc["status"],
        "project-name": doc["project"],
        "build-id": doc["arn"],
        "additional-information": _information(doc),
        "current-phase": doc["currentPhase"],
        "current-phase-context": "[]",
        "version": "1",
    }
    return _event(doc, "CodeBuild Build State Change", detail, now)


def phase_change(doc: dict[str, Any], phase: dict[str, Any], now: int) -> Event:
    """ "CodeBuild Build Phase Change": a phase ended."""
    detail = {
        "completed-phase": phase["phaseType"],
        "project-name": doc["project"],
        "build-id": doc["arn"],
        "completed-phase-context": json.dumps(_contexts(phase)),
        "additional-information": _information(doc),
        "completed-phase-status": phase["phaseStatus"],
        "completed-phase-duration-seconds": phase["durationInSeconds"],
        "version": "1",
        "completed-phase-start": _time(phase["startTime"]),
        "completed-phase-end": _time(phase["endTime"]),
    }
    return _event(doc, "CodeBuild Build Phase Change", detail, now)


def _event(doc: dict[str, Any], kind: str, detail: dict[str, Any], now: int) -> Event:
    return Event("aws.codebuild", kind, detail, doc["account"], doc["region"], now, (doc["arn"],))


def _information(doc: dict[str, Any]) -> dict[str, Any]:
    project = doc["spec"]
    environment, source = project["environment"], project["source"]
    information: dict[str, Any] = {
        "artifact": _artifact(doc),
        "environment": {
            "image": environment["image"],
            "privileged-mode": bool(environment.get("privilegedMode")),
            "compute-type": environment["computeType"],
            "type": environment["type"],
            "environment-variables": [_variable(v) for v in environment.get("environmentVariables") or ()],
        },
        "timeout-in-minutes": project.get("timeoutInMinutes", 60),
        "build-complete": doc["complete"],
        "initiator": doc["initiator"],
        "build-start-time": _time(doc["created"]),
        "source": {k: source[k] for k in ("buildspec", "location", "type") if source.get(k)},
        "logs": {"group-name": doc["logGroup"], "stream-name": doc["logStream"], "deep-link": doc["deepLink"]},
        "phases": [_phase(p) for p in doc["phases"]],
        "queued-timeout-in-minutes": project.get("queuedTimeoutInMinutes", 480),
    }
    if doc.get("sourceVersion"):
        information["source-version"] = doc["sourceVersion"]
    return information


def _variable(variable: dict[str, Any]) -> dict[str, str]:
    kind = variable.get("type", "PLAINTEXT")
    return {"name": variable["name"], "value": variable["value"], "type": kind}


def _artifact(doc: dict[str, Any]) -> dict[str, str]:
    made = (doc.get("artifacts") or [{}])[0]
    names = {"md5sum": "md5sum", "sha256sum": "sha256sum", "location": "location"}
    return {out: made[key] for out, key in names.items() if made.get(key)}


def _phase(phase: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"phase-context": _contexts(phase), "start-time": _time(phase["startTime"])}
    if "endTime" in phase:
        found |= {"end-time": _time(phase["endTime"]), "duration-in-seconds": phase["durationInSeconds"]}
    found["phase-type"] = phase["phaseType"]
    if "phaseStatus" in phase:
        found["phase-status"] = phase["phaseStatus"]
    return found


def _contexts(phase: dict[str, Any]) -> list[str]:
    return [f"{c.get('statusCode', '')}: {c.get('message', '')}" for c in phase.get("contexts") or ()]


def _time(micros: int) -> str:
    """Sep 1, 2017 4:12:29 PM."""
    value = moment(micros)
    return value.strftime(f"%b {value.day}, %Y {value.hour % 12 or 12}:%M:%S %p")
