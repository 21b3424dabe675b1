"""RetryStageExecution: the failed (or stopped) stage of an execution runs again, under the same execution id."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.store import actions, executions
from codeyard.storage import Row, Tx

_FAILED = ("Failed", "Abandoned")


class Retries(Base):
    """Retrying stages."""

    def retry_stage_execution(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Run the stage's failed actions again (FAILED_ACTIONS), or all of them (ALL_ACTIONS)."""
        return ctx.write(lambda tx: self._retry(tx, ctx, req))

    def _retry(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = self._stage(tx, pipeline, req["stageName"]).name
        execution = executions.get(tx, req["pipelineExecutionId"])
        run = executions.stage_run(tx, req["pipelineExecutionId"], stage)
        if execution is None or execution.uid != pipeline.uid or run is None:
            raise _not_latest(req["pipelineExecutionId"], stage)
        latest = executions.latest_in_stage(tx, pipeline.uid, stage)
        if execution.mode != "PARALLEL" and latest is not None and latest.execution != execution.id:
            raise _not_latest(execution.id, stage)
        self._check(tx, pipeline, execution, stage, req["retryMode"])
        self._resume(tx, ctx, pipeline, execution, run, req["retryMode"])
        return {"pipelineExecutionId": execution.id}

    def _check(self, tx: Tx, pipeline: Row, execution: Row, stage: str, mode: str) -> None:
        if execution.version != pipeline.version:
            raise _not_retryable(stage, "the pipeline's structure has changed since the execution started")
        if self._current(tx, pipeline).stages[execution.position].name != stage:
            raise _not_retryable(stage, "the execution has left it")
        current = actions.current(tx, execution.id, stage)
        if execution.stopping:
            raise AwsError("ConflictException", f"Pipeline execution {execution.id} is being stopped")
        if execution.live:
            if not execution.inside or not any(r.status in _FAILED for r in current):
                raise _not_retryable(stage, "no action in it has failed")
            if mode == "ALL_ACTIONS" and any(r.status == "InProgress" for r in current):
                raise _not_retryable(stage, "an action in it is still in progress")
        elif execution.status not in ("Failed", "Stopped"):
            raise _not_retryable(stage, f"the execution is in the state {execution.status}")

    def _resume(self, tx: Tx, ctx: Context, pipeline: Row, execution: Row, run: Row, mode: str) -> None:
        actions.retire(tx, execution.id, run.stage, _FAILED if mode == "FAILED_ACTIONS" else ())
        executions.update_stage(
            tx,
            execution.id,
            run.stage,
            status="InProgress",
            retries=run.retries + 1,
            retried=ctx.now,
            updated=ctx.now,
        )
        executions.update(
            tx,
            execution.id,
            status="InProgress",
            live=1,
            inside=1,
            stopping=0,
            abandon=0,
            attempt=execution.attempt + 1,
            retried=ctx.now,
            updated=ctx.now,
        )
        self._tell(tx, ctx, pipeline, execution, run.stage)
        self._engine.advance(tx, pipeline.uid, ctx.now)

    def _tell(self, tx: Tx, ctx: Context, pipeline: Row, before: Row, stage: str) -> None:
        writer = Writer(tx, pipeline, self._engine.ids, ctx.now)
        execution = executions.get(tx, before.id)
        if execution is None:
            return
        if not before.live:
            writer.pipeline_event(execution, "RESUMED")
        writer.stage_event(execution, stage, "RESUMED")


def _not_latest(execution: str, stage: str) -> AwsError:
    return AwsError(
        "NotLatestPipelineExecutionException",
        f"Pipeline execution {execution} is not the latest execution in the stage '{stage}'",
    )


def _not_retryable(stage: str, why: str) -> AwsError:
    return AwsError("StageNotRetryableException", f"Stage '{stage}' cannot be retried: {why}")
