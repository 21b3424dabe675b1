"""How a build goes: its record, its phases, and what the world is told. Pure; times are microseconds.

A record is the API's Build with integer times. A `Course` changes a copy of it and remembers what to announce.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

PHASES = (
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "INSTALL",
    "PRE_BUILD",
    "BUILD",
    "POST_BUILD",
    "UPLOAD_ARTIFACTS",
    "FINALIZING",
    "COMPLETED",
)
ENDS = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")
# The first phase in which a command of the build's author may have run.
COMMANDS_FROM = PHASES.index("INSTALL")
_MESSAGE = 10_000
Record = dict[str, Any]


@dataclass
class Course:
    """A record on its way. `closed` are the phases that ended, `turned` whether the build's own status changed."""

    record: Record
    closed: list[dict[str, Any]] = field(default_factory=list)
    turned: bool = False

    @classmethod
    def of(cls, record: Record) -> Course:
        """Begin from a record, which stays as it is."""
        return cls(copy.deepcopy(record))

    @property
    def current(self) -> dict[str, Any] | None:
        """The phase that runs."""
        phases = self.record["phases"]
        return phases[-1] if phases and "endTime" not in phases[-1] else None

    @property
    def over(self) -> bool:
        """Whether the build has ended."""
        return bool(self.record["buildComplete"])

    def enter(self, phase: str, now: int) -> None:
        """Begin a phase; one that still runs ends well first. A phase that is past is not entered again."""
        if self.over or (self.record["phases"] and PHASES.index(phase) <= self._reached()):
            return
        self.leave("SUCCEEDED", now)
        self.record["phases"].append({"phaseType": phase, "startTime": self._not_before(now)})
        self.record["currentPhase"] = phase

    def leave(self, status: str, now: int, code: str = "", message: str = "") -> None:
        """End the phase that runs."""
        phase = self.current
        if phase is None or self.over:
            return
        end = max(now, phase["startTime"])
        phase["endTime"], phase["phaseStatus"] = end, status
        phase["durationInSeconds"] = (end - phase["startTime"]) // 1_000_000
        phase["contexts"] = [{"statusCode": code[:200], "message": message[:_MESSAGE]}]
        self.closed.append(phase)

    def finish(self, status: str, now: int, code: str = "", message: str = "") -> None:
        """End the build: the phase that runs gets the build's status, then come FINALIZING and COMPLETED."""
        if self.over:
            return
        before = self.current
        if before is not None and before["phaseType"] != "FINALIZING":
            self.leave(status, now, code, message)
        if self._reached() >= PHASES.index("PROVISIONING"):
            self.enter("FINALIZING", now)
        self.leave("SUCCEEDED", now)
        now = self._not_before(now)
        self.record["phases"].append({"phaseType": "COMPLETED", "startTime": now})
        self.record.update(currentPhase="COMPLETED", buildStatus=status, buildComplete=True, endTime=now)
        self.turned = True

    def _reached(self) -> int:
        phases = self.record["phases"]
        return PHASES.index(phases[-1]["phaseType"]) if phases else -1

    def _not_before(self, now: int) -> int:
        phases = self.record["phases"]
        return max(now, phases[-1].get("endTime", phases[-1]["startTime"])) if phases else now


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a build that was looked at: nothing, `offer` it again, or `end` it."""

    offer: bool = False
    end: str = ""
    code: str = ""
    message: str = ""
    look_again: int = 0


def on_timer(stage: str, deadline: int, now: int) -> Verdict:
    """A build whose deadline passed is over: queued too long, or ran too long and its runner did not say so."""
    if stage == "ended":
        return Verdict()
    if now < deadline:
        return Verdict(look_again=deadline)
    if stage in ("queued", "offered"):
        return Verdict(end="TIMED_OUT", code="BUILD_QUEUED_TIMED_OUT", message="Build timed out while it was queued.")
    return Verdict(end="TIMED_OUT", code="BUILD_TIMED_OUT", message="Build has timed out. ")


def on_lapse(stage: str) -> Verdict:
    """The runner was not heard of: before its first command the build is offered again, later it is a fault."""
    if stage in ("offered", "claimed"):
        return Verdict(offer=True)
    if stage == "running":
        said = (
            "Build container found dead before completing the build. "
            "Build container died because it was out of memory, or its runner was lost."
        )
        return Verdict(end="FAULT", code="BUILD_CONTAINER_LOST", message=said)
    return Verdict()


def back_to_queue(record: Record, now: int) -> Record:
    """The record of a build that is offered again: what its lost runner did is not part of it."""
    kept = copy.deepcopy(record)
    kept["phases"] = [phase for phase in kept["phases"] if PHASES.index(phase["phaseType"]) <= 1]
    last = kept["phases"][-1]
    for name in ("endTime", "phaseStatus", "durationInSeconds", "contexts"):
        last.pop(name, None)
    kept["currentPhase"] = last["phaseType"]
    kept.pop("resolvedSourceVersion", None)
    return kept
