"""Which phase comes next: CodeBuild's transition rules as one table. Pure.

User guide, "Build phase transitions". Not told there in text, so our choice: UPLOAD_ARTIFACTS is not tried after a
failed INSTALL or PRE_BUILD; a phase that failed fails the build even where on-failure says CONTINUE.
"""

from __future__ import annotations

from collections.abc import Sequence

from codeyard.formats.buildspec import OnFailure
from codeyard.runner.search import finds

COMMANDS = {"INSTALL": "install", "PRE_BUILD": "pre_build", "BUILD": "build", "POST_BUILD": "post_build"}
# phase -> (next when it succeeded or may go on, next when it failed, next when it failed and says ABORT)
NEXT: dict[str, tuple[str, str, str]] = {
    "DOWNLOAD_SOURCE": ("INSTALL", "FINALIZING", "FINALIZING"),
    "INSTALL": ("PRE_BUILD", "FINALIZING", "FINALIZING"),
    "PRE_BUILD": ("BUILD", "FINALIZING", "FINALIZING"),
    "BUILD": ("POST_BUILD", "POST_BUILD", "FINALIZING"),
    "POST_BUILD": ("UPLOAD_ARTIFACTS", "UPLOAD_ARTIFACTS", "FINALIZING"),
    "UPLOAD_ARTIFACTS": ("FINALIZING", "FINALIZING", "FINALIZING"),
    "FINALIZING": ("", "", ""),
}


def following(phase: str, succeeded: bool, rule: OnFailure) -> str:
    """The phase after `phase`; empty after the last."""
    good, bad, aborted = NEXT[phase]
    if succeeded or (rule.action == "CONTINUE" and phase in COMMANDS):
        return good
    return aborted if rule.action == "ABORT" else bad


def tried_again(rule: OnFailure, attempt: int, output: str) -> bool:
    """Whether a failed phase runs again after `attempt` tries so far."""
    return rule.action == "RETRY" and attempt <= rule.tries and finds(rule.pattern, output)


def outcome(succeeded: Sequence[bool]) -> str:
    """The build's status by its phases."""
    return "SUCCEEDED" if all(succeeded) else "FAILED"
