"""RollbackStage: a stage runs again with what an earlier execution brought to it, under an execution of its own."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline import errors
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.starts import Start, begin
from codeyard.services.codepipeline.store import executions
from codeyard.storage import Row, Tx, loads


class Rollbacks(Base):
    """Rolling stages back."""

    def rollback_stage(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Run the stage with the artifacts, revisions and variables of an execution that succeeded in it."""
        return ctx.write(lambda tx: self._rollback(tx, ctx, req))

    def _rollback(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = self._stage(tx, pipeline, req["stageName"]).name
        target = executions.get(tx, req["targetPipelineExecutionId"])
        if target is None or target.uid != pipeline.uid:
            raise errors.execution_not_found(req["targetPipelineExecutionId"])
        if target.version != pipeline.version:
            words = f"Pipeline execution {target.id} ran by another structure of the pipeline than its current one"
            raise AwsError("PipelineExecutionOutdatedException", words)
        position = [one.name for one in self._current(tx, pipeline).stages].index(stage)
        _check(tx, pipeline, target, stage, position)
        start = Start("ManualRollback", ctx.principal.arn, loads(target.variables), {}, position, target.id)
        return {"pipelineExecutionId": begin(tx, self._engine, pipeline, start, ctx.now)}


def _check(tx: Tx, pipeline: Row, target: Row, stage: str, position: int) -> None:
    run, latest = executions.stage_run(tx, target.id, stage), executions.latest_in_stage(tx, pipeline.uid, stage)
    if position == 0:
        raise _unable(stage, "a source stage has nothing to go back to")
    if target.mode == "PARALLEL":
        raise _unable(stage, "in PARALLEL mode executions do not follow each other")
    if target.rolls_back_to:
        raise _unable(stage, f"{target.id} is itself a rollback, to {target.rolls_back_to}")
    if run is None or run.status != "Succeeded":
        raise _unable(stage, f"pipeline execution {target.id} has not succeeded in it")
    if latest is not None and latest.status == "InProgress":
        raise _unable(stage, f"pipeline execution {latest.execution} is in it")
    if latest is not None and latest.execution == target.id:
        raise _unable(stage, f"pipeline execution {target.id} is the one that was in it last")


def _unable(stage: str, why: str) -> AwsError:
    return AwsError("UnableToRollbackStageException", f"Stage '{stage}' cannot be rolled back: {why}")
