"""What executions and their actions did: GetPipelineExecution and the two lists."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codepipeline import errors, views
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.model import paging
from codeyard.services.codepipeline.model.definition import ActionSpec, Definition
from codeyard.services.codepipeline.store import actions, executions, pipelines
from codeyard.storage import Row, Tx


class History(Base):
    """Reading executions."""

    def get_pipeline_execution(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One execution: its status, trigger, variables and source revisions."""
        return self._kit.db.read(lambda tx: self._execution(tx, ctx, req))

    def _execution(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        execution = self._found(tx, pipeline, req["pipelineExecutionId"])
        revisions = [views.artifact_revision(run) for run in actions.sources_of(tx, execution.id)]
        return {"pipelineExecution": views.execution_detail(pipeline.name, execution, revisions)}

    @staticmethod
    def _found(tx: Tx, pipeline: Row, execution_id: str) -> Row:
        execution = executions.get(tx, execution_id)
        if execution is None or execution.uid != pipeline.uid:
            raise errors.execution_not_found(execution_id)
        return execution

    def list_pipeline_executions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Executions, newest first; with a filter, those that succeeded in a stage."""
        return self._kit.db.read(lambda tx: self._executions(tx, ctx, req))

    def _executions(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = (req.get("filter") or {}).get("succeededInStage", {}).get("stageName", "")
        scope, limit = f"executions:{pipeline.uid}:{stage}", req.get("maxResults", 100)
        before = paging.decode_number(scope, req.get("nextToken"))
        rows = executions.page(tx, pipeline.uid, before, limit + 1, stage)
        shown = [
            views.execution_summary(row, [views.source_revision(r) for r in actions.sources_of(tx, row.id)])
            for row in rows[:limit]
        ]
        answer: dict[str, Any] = {"pipelineExecutionSummaries": shown}
        if len(rows) > limit:
            answer["nextToken"] = paging.encode(scope, rows[limit - 1].number)
        return answer

    def list_action_executions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Attempts of actions, newest first; of one execution where a filter names it."""
        return self._kit.db.read(lambda tx: self._actions(tx, ctx, req))

    def _actions(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        wanted, latest_only = _filter(req)
        if wanted:
            self._found(tx, pipeline, wanted)
        scope, limit = f"actions:{pipeline.uid}:{wanted}:{latest_only}", req.get("maxResults", 100)
        before = paging.decode_number(scope, req.get("nextToken"))
        rows = actions.page(tx, pipeline.uid, before, limit + 1, wanted, latest_only)
        answer: dict[str, Any] = {"actionExecutionDetails": self._details(tx, pipeline, rows[:limit])}
        if len(rows) > limit:
            answer["nextToken"] = paging.encode(scope, rows[limit - 1].seq)
        return answer

    @staticmethod
    def _details(tx: Tx, pipeline: Row, rows: list[Row]) -> list[dict[str, Any]]:
        versions: dict[str, int] = {}
        definitions: dict[int, Definition] = {}
        shown = []
        for row in rows:
            if row.execution not in versions:
                execution = executions.get(tx, row.execution)
                versions[row.execution] = execution.version if execution is not None else pipeline.version
            version = versions[row.execution]
            if version not in definitions:
                definitions[version] = pipelines.definition(tx, pipeline.uid, version)
            shown.append(views.action_detail(row, version, _spec(definitions[version], row), pipeline.region))
        return shown


def _filter(req: Params) -> tuple[str, bool]:
    """(execution id or "", whether only the latest attempts)."""
    given = req.get("filter") or {}
    latest = given.get("latestInPipelineExecution")
    if latest:
        return latest["pipelineExecutionId"], latest["startTimeRange"] == "Latest"
    return given.get("pipelineExecutionId", ""), False


def _spec(definition: Definition, run: Row) -> ActionSpec:
    stage = definition.stage(run.stage)
    spec = stage.action(run.action) if stage else None
    if spec is None:
        raise LookupError(f"{definition.name} has no action {run.stage}/{run.action}")
    return spec
