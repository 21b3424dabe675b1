"""GetPipelineState: each stage with the execution that it last let in, who waits before it, and its actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import moment
from codeyard.services.codepipeline import views
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.engine import load_board
from codeyard.services.codepipeline.model.definition import ActionSpec, StageSpec
from codeyard.services.codepipeline.model.state import Board, Execution
from codeyard.services.codepipeline.runner import console_url
from codeyard.services.codepipeline.store import actions, custom, executions, pipelines
from codeyard.storage import Row, Tx


class State(Base):
    """The state of a pipeline's stages."""

    def get_pipeline_state(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The stages of the current version, with what happens in them."""
        return self._kit.db.read(lambda tx: self._state(tx, ctx, req["name"]))

    def _state(self, tx: Tx, ctx: Context, name: str) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, name)
        board = load_board(Writer(tx, pipeline, self._kit.ids, ctx.now))
        transitions = {t.stage: t for t in pipelines.all_transitions(tx, pipeline.uid) if t.side == "Inbound"}
        stages = self._current(tx, pipeline).stages
        return {
            "pipelineName": pipeline.name,
            "pipelineVersion": pipeline.version,
            "stageStates": [self._stage_state(tx, pipeline, s, board, transitions.get(s.name)) for s in stages],
            "created": moment(pipeline.created),
            "updated": moment(pipeline.updated),
        }

    def _stage_state(
        self, tx: Tx, pipeline: Row, stage: StageSpec, board: Board, transition: Row | None
    ) -> dict[str, Any]:
        state: dict[str, Any] = {"stageName": stage.name}
        state |= _inbound([e for e in board.executions if not e.inside and e.stage.name == stage.name])
        state["inboundTransitionState"] = _transition(transition)
        console = console_url(self._kit)
        state["actionStates"] = [
            views.action_state(
                spec, actions.latest(tx, pipeline.uid, stage.name, spec.name), console, _settings(tx, pipeline, spec)
            )
            for spec in stage.actions
        ]
        run = executions.latest_in_stage(tx, pipeline.uid, stage.name)
        if run is not None:
            row = executions.get(tx, run.execution)
            kind = views.execution_type(row)["executionType"] if row is not None else "STANDARD"
            state["latestExecution"] = _stage_execution(run.execution, run.status) | {"type": kind}
            if run.retries:
                state["retryStageMetadata"] = {
                    "manualStageRetryAttempt": run.retries,
                    "latestRetryTrigger": "ManualStageRetry",
                }
        return state


def _settings(tx: Tx, pipeline: Row, spec: ActionSpec) -> Mapping[str, str]:
    """The links of a custom action's type."""
    place = custom.Place(pipeline.account, pipeline.region, spec.category, spec.provider, spec.version)
    return custom.settings(tx, place) if spec.owner != "AWS" else {}


def _inbound(waiting: list[Execution]) -> dict[str, Any]:
    """`inboundExecution` is the one who goes in next; `inboundExecutions` is everyone who queues, first come first."""
    if not waiting:
        return {}
    shown = [_stage_execution(e.id, "Stopping" if e.stopping else "InProgress") for e in waiting]
    queued = any(e.mode != "SUPERSEDED" for e in waiting)
    return {"inboundExecution": shown[0]} | ({"inboundExecutions": shown} if queued else {})


def _stage_execution(execution: str, status: str) -> dict[str, str]:
    return {"pipelineExecutionId": execution, "status": status, "type": "STANDARD"}


def _transition(row: Row | None) -> dict[str, Any]:
    if row is None:
        return {"enabled": True}
    return views.filled(
        {
            "enabled": bool(row.enabled),
            "lastChangedBy": row.changed_by,
            "lastChangedAt": moment(row.changed_at),
            "disabledReason": row.reason,
        }
    )
