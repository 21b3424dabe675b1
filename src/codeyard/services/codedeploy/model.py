"""The pure rules of deployments to hosts: order of events, minimum healthy hosts, tags, revisions. No clock, no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EVENTS = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
)
ACTIVE = ("Created", "Queued", "InProgress", "Baking", "Ready")
ENDED = ("Succeeded", "Failed", "Stopped")

SECOND = 1_000_000
START_WITHIN = 300 * SECOND
EVENT_WITHIN = 3600 * SECOND
DEPLOYMENT_WITHIN = 8 * 3600 * SECOND
UNANSWERED_AFTER = 30 * SECOND
MAX_TARGETS = 1000

NO_AGENT = (
    "CodeDeploy agent was not able to receive the lifecycle event. Check the CodeDeploy agent logs on your host and "
    "make sure the agent is running and can connect to the CodeDeploy server."
)
TOO_FEW_HEALTHY = (
    "The overall deployment failed because too many individual instances failed deployment, too few healthy instances "
    "are available for deployment, or some instances in your deployment group are experiencing problems."
)
NO_INSTANCES = (
    "The deployment failed because no instances were found for your deployment group. Check your deployment group "
    "settings to make sure the tags for your Amazon EC2 instances or Auto Scaling groups correctly identify the "
    "instances you want to deploy to, and then try again."
)
TIMED_OUT = "The deployment timed out: it did not end within 8 hours."


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a deployment failed: errorInformation's code and message."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Host:
    """One target as the fleet rules see it.

    `standing` is unhealthy, unknown, old or current when the deployment began; `held` tells that the host has been
    given a command that it has not answered.
    """

    token: str
    status: str
    standing: str = "unhealthy"
    held: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """A deployment in progress. `minimum` is the number of hosts that must stay healthy."""

    hosts: Sequence[Host]
    minimum: int
    deadline: int
    stopping: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do now. `end` is the deployment's final status; `fault` is newly found."""

    start: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    halt: tuple[str, ...] = ()
    fault: Fault | None = None
    end: str | None = None


_STANDINGS = {"unhealthy": 0, "unknown": 1, "old": 2, "current": 3}


def minimum_healthy(rule: Mapping[str, Any], hosts: int) -> int:
    """The count that a minimumHealthyHosts rule asks of a fleet; fixed when the deployment starts."""
    value = int(rule.get("value", 0))
    if rule.get("type") == "MOST_CONCURRENCY":
        return max(hosts - value, 0)
    if rule.get("type") == "FLEET_PERCENT":
        return math.ceil(value * hosts / 100)
    return value


def decide(fleet: Fleet, now: int) -> Changes:
    """The next step of a deployment: whom to start, whom to leave out, and whether it is over."""
    if not fleet.hosts:
        return Changes(fault=Fault("NO_INSTANCES", NO_INSTANCES), end="Failed")
    if now >= fleet.deadline:
        return _time_out(fleet)
    if fleet.stopping or fleet.fault:
        return _wind_down(fleet, fleet.fault)
    pending = [host for host in fleet.hosts if host.status == "Pending"]
    flying = sum(host.status == "InProgress" for host in fleet.hosts)
    if not pending:
        return Changes() if flying else _close(fleet)
    failed = sum(host.status in ("Failed", "Skipped", "Unknown") for host in fleet.hosts)
    spare = len(fleet.hosts) - failed - fleet.minimum
    if spare <= 0:
        return _wind_down(fleet, _too_few(fleet, failed))
    return Changes(start=_next(pending, spare - flying))


def _too_few(fleet: Fleet, failed: int) -> Fault:
    return Fault("HEALTH_CONSTRAINTS" if failed else "HEALTH_CONSTRAINTS_INVALID", TOO_FEW_HEALTHY)


def _next(pending: Sequence[Host], room: int) -> tuple[str, ...]:
    ordered = sorted(pending, key=lambda host: _STANDINGS.get(host.standing, 1))
    return tuple(host.token for host in ordered[: max(room, 0)])


def _close(fleet: Fleet) -> Changes:
    if any(host.status == "Succeeded" for host in fleet.hosts):
        return Changes(end="Succeeded")
    return Changes(fault=Fault("HEALTH_CONSTRAINTS", TOO_FEW_HEALTHY), end="Failed")


def _wind_down(fleet: Fleet, fault: Fault | None) -> Changes:
    """Take nothing more down; the hosts that run a command finish it. A stop also ends the others."""
    skip = tuple(host.token for host in fleet.hosts if host.status == "Pending")
    flying = [host for host in fleet.hosts if host.status == "InProgress"]
    halt = tuple(host.token for host in flying if fleet.stopping and not host.held)
    new = fault if fault is not fleet.fault else None
    if len(flying) > len(halt):
        return Changes(skip=skip, halt=halt, fault=new)
    return Changes(skip=skip, halt=halt, fault=new, end="Failed" if fault else "Stopped")


def _time_out(fleet: Fleet) -> Changes:
    skip = tuple(host.token for host in fleet.hosts if host.status == "Pending")
    halt = tuple(host.token for host in fleet.hosts if host.status == "InProgress")
    return Changes(skip=skip, halt=halt, fault=Fault("TIMEOUT", TIMED_OUT), end="Failed")


def order_of_events() -> list[dict[str, Any]]:
    """The lifecycle events of a host at the beginning: all of them pending."""
    return [{"name": name, "status": "Pending"} for name in EVENTS]


_CODES = {0: "Success", 1: "ScriptMissing", 2: "ScriptNotExecutable", 3: "ScriptTimedOut", 4: "ScriptFailed"}


def diagnostics(payload: Any) -> dict[str, Any]:
    """The API's Diagnostics of what an agent reported; whatever is not as agreed becomes UnknownError."""
    if not isinstance(payload, dict):
        return {"errorCode": "UnknownError", "scriptName": "", "message": "", "logTail": ""}
    code = payload.get("error_code")
    return {
        "errorCode": _CODES.get(code, "UnknownError") if type(code) is int else "UnknownError",
        "scriptName": str(payload.get("script_name") or "")[:1024],
        "message": str(payload.get("message") or "")[:2048],
        "logTail": str(payload.get("log") or "")[-2048:],
    }


def matches_any(filters: Sequence[Mapping[str, Any]], tags: Mapping[str, str]) -> bool:
    """Whether tags satisfy one of the filters."""
    return any(_matches(entry, tags) for entry in filters)


def selected(
    filters: Sequence[Mapping[str, Any]], groups: Sequence[Sequence[Mapping[str, Any]]] | None, tags: Mapping[str, str]
) -> bool:
    """Whether a host belongs to a group: one filter of the list, or one of every list of a tag set."""
    if groups:
        return all(matches_any(group, tags) for group in groups)
    return matches_any(filters, tags)


def _matches(entry: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    key, value = entry.get("Key", ""), entry.get("Value", "")
    match entry.get("Type") or ("KEY_AND_VALUE" if "Value" in entry else "KEY_ONLY"):
        case "KEY_ONLY":
            return key in tags
        case "VALUE_ONLY":
            return value in tags.values()
        case _:
            return bool(key in tags and tags[key] == value)


def standing(health: Mapping[str, Any] | None, revision: str) -> str:
    """How a host stands to a group's revision: unhealthy (also when never deployed to), old or current."""
    if health is None or not health["healthy"]:
        return "unhealthy"
    if not health["revision"]:
        return "unknown"
    return "current" if health["revision"] == revision else "old"


def rolls_back(settings: Mapping[str, Any] | None, cause: str) -> bool:
    """Whether a rollback is wanted for DEPLOYMENT_FAILURE or DEPLOYMENT_STOP_ON_REQUEST."""
    return bool(settings and settings.get("enabled") and cause in settings.get("events", ()))
