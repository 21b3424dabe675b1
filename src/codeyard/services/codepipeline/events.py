"""The three EventBridge events of CodePipeline, with AWS's JSON (versions and attempts are floats there)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from codeyard.contract import Event
from codeyard.services.codepipeline.artifacts import Artifact
from codeyard.services.codepipeline.model.definition import ActionSpec

SOURCE = "aws.codepipeline"


@dataclass(frozen=True, slots=True)
class Origin:
    """The execution that an event tells of."""

    account: str
    region: str
    pipeline: str
    version: int
    execution: str
    attempt: int

    @property
    def arn(self) -> str:
        """The pipeline's ARN."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.pipeline}"


def timestamp(us: int) -> str:
    """2023-10-26T13:49:39.208Z."""
    moment = datetime.fromtimestamp(us / 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def pipeline_changed(
    origin: Origin,
    state: str,
    now: int,
    *,
    started: int,
    trigger: tuple[str, str] | None = None,
    comments: str = "",
    retried: int = 0,
) -> Event:
    """CodePipeline Pipeline Execution State Change."""
    detail: dict[str, Any] = {"start-time": timestamp(started)}
    if trigger is not None:
        detail["execution-trigger"] = {"trigger-type": trigger[0], "trigger-detail": trigger[1]}
    if comments:
        detail["stop-execution-comments"] = comments
    if retried:
        detail["last-retry-attempt-time"] = timestamp(retried)
    return _event("CodePipeline Pipeline Execution State Change", origin, state, now, detail)


def stage_changed(origin: Origin, state: str, now: int, *, stage: str, started: int, retried: int = 0) -> Event:
    """CodePipeline Stage Execution State Change."""
    detail: dict[str, Any] = {"start-time": timestamp(started), "stage": stage}
    if retried:
        detail["stage-last-retry-attempt-time"] = timestamp(retried)
    return _event("CodePipeline Stage Execution State Change", origin, state, now, detail)


def action_changed(
    origin: Origin,
    state: str,
    now: int,
    *,
    stage: str,
    run_id: str,
    started: int,
    action: ActionSpec,
    inputs: Iterable[Artifact] = (),
    outputs: Iterable[Artifact] = (),
    result: dict[str, str] | None = None,
) -> Event:
    """CodePipeline Action Execution State Change; inputs go with STARTED, outputs with SUCCEEDED."""
    detail: dict[str, Any] = {"start-time": timestamp(started), "stage": stage}
    if result:
        detail["execution-result"] = result
    if shown := [a.shape() for a in inputs]:
        detail["input-artifacts"] = shown
    if shown := [a.shape() for a in outputs]:
        detail["output-artifacts"] = shown
    detail |= {
        "action-execution-id": run_id,
        "action": action.name,
        "region": action.region or origin.region,
        "type": {
            "owner": action.owner,
            "provider": action.provider,
            "category": action.category,
            "version": action.version,
        },
    }
    return _event("CodePipeline Action Execution State Change", origin, state, now, detail)


def _event(detail_type: str, origin: Origin, state: str, now: int, detail: dict[str, Any]) -> Event:
    full = {
        "pipeline": origin.pipeline,
        "execution-id": origin.execution,
        **detail,
        "state": state,
        "version": float(origin.version),
        "pipeline-execution-attempt": float(origin.attempt),
    }
    return Event(SOURCE, detail_type, full, origin.account, origin.region, now, (origin.arn,))
