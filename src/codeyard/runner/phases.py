"""Which phase comes next: CodeBuild's transition rules as one pure function.

docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html. Whether UPLOAD_ARTIFACTS is tried after a
failed INSTALL or PRE_BUILD is not documented in text; here it is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from codeyard.formats.buildspec import OnFailure

ORDER = ("DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING")
COMMANDS = {"INSTALL": "install", "PRE_BUILD": "pre_build", "BUILD": "build", "POST_BUILD": "post_build"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a phase ended: succeeded, and if not, whether its on-failure says to go on."""

    succeeded: bool
    go_on: bool = False


def next_phase(current: str, outcome: Outcome) -> str:
    """The phase after `current`."""
    if current == "FINALIZING":
        return "COMPLETED"
    if outcome.succeeded or outcome.go_on or current in ("BUILD", "UPLOAD_ARTIFACTS"):
        return ORDER[ORDER.index(current) + 1]
    if current == "POST_BUILD":
        return "UPLOAD_ARTIFACTS"
    return "FINALIZING"


def after_failure(rule: OnFailure, phase: str) -> bool:
    """Whether a failed phase lets the build go on. BUILD and POST_BUILD have their own default."""
    return rule.action == "CONTINUE"


def aborts(rule: OnFailure, phase: str) -> bool:
    """Whether a failed BUILD skips POST_BUILD: only when it says ABORT itself."""
    return phase == "BUILD" and rule.action == "ABORT"


def retries(rule: OnFailure, attempt: int, output: str) -> bool:
    """Whether a failed phase is tried again after `attempt` retries so far."""
    return rule.action == "RETRY" and attempt < rule.tries and re.search(rule.pattern, output) is not None


def final_status(outcomes: Mapping[str, Outcome]) -> str:
    """The build's status: FAILED when a phase failed and did not say CONTINUE."""
    return "SUCCEEDED" if all(o.succeeded or o.go_on for o in outcomes.values()) else "FAILED"
