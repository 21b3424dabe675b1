"""PutActionRevision: somebody who watches a source tells of a change there."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline import errors
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.starts import Start, begin
from codeyard.services.codepipeline.store import actions, executions
from codeyard.storage import Tx, loads


class Revisions(Base):
    """Telling of revisions."""

    def put_action_revision(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Start the pipeline for a revision of a source that it has not taken yet; each is told with effect once."""
        return ctx.write(lambda tx: self._take(tx, ctx, req))

    def _take(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = self._stage(tx, pipeline, req["stageName"])
        spec, told = stage.action(req["actionName"]), req["actionRevision"]
        if spec is None:
            raise errors.action_not_found(pipeline.name, stage.name, req["actionName"])
        if spec.category != "Source":
            raise AwsError("ValidationException", f"Action '{spec.name}' is no source action")
        run = actions.latest(tx, pipeline.uid, stage.name, spec.name)
        if run is not None and run.revision and loads(run.revision)["id"] == told["revisionId"]:
            return {"newRevision": False, "pipelineExecutionId": run.execution}
        token = f"revision:{stage.name}:{spec.name}:{told['revisionId']}:{told['revisionChangeId']}"
        before = executions.started_by(tx, pipeline.uid, token)
        if before is not None:
            return {"newRevision": False, "pipelineExecutionId": before.execution}
        execution = begin(tx, self._engine, pipeline, Start("PutActionRevision", ctx.principal.arn), ctx.now)
        executions.remember_start(tx, pipeline.uid, token, execution, "", ctx.now)
        return {"newRevision": True, "pipelineExecutionId": execution}
