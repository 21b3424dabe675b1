"""Executions: start, by hand or by an event, and stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codepipeline import sources
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.model.definition import Definition
from codeyard.services.codepipeline.starts import Pins, Start, begin
from codeyard.services.codepipeline.store import executions, pipelines
from codeyard.storage import Row, Tx, dumps

EVENTS_HOST = "events.amazonaws.com"


class Executions(Base):
    """Operations that start and stop executions."""

    def start_pipeline_execution(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Start an execution of the current version; the same clientRequestToken starts it once."""
        by_rule = ctx.principal.invoked_by == EVENTS_HOST
        trigger = "CloudWatchEvent" if by_rule else "StartPipelineExecution"
        return ctx.write(lambda tx: self._start(tx, ctx, req, trigger))

    def _start(self, tx: Tx, ctx: Context, req: Params, trigger: str) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["name"])
        token, request = req.get("clientRequestToken", ""), _fingerprint(req)
        before = executions.started_by(tx, pipeline.uid, token) if token else None
        if before is not None:
            if before.request != request:
                raise AwsError("ConflictException", "The client request token was used with other parameters")
            return {"pipelineExecutionId": before.execution}
        definition = self._current(tx, pipeline)
        given = _variables(req, definition)
        pins = checked_revisions(definition, req.get("sourceRevisions", []))
        start = Start(trigger, ctx.principal.arn, given, pins)
        execution = begin(tx, self._engine, pipeline, start, ctx.now)
        if token:
            executions.remember_start(tx, pipeline.uid, token, execution, request, ctx.now)
        return {"pipelineExecutionId": execution}

    def start_pipeline_execution_from_event(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A door for EventBridge targets: start for the event that a rule matched (`name`, `event`, `rule` ARN).

        A source change pins its revision. The same event starts once, and not at all for a revision that
        PollForSourceChanges has just taken.
        """
        event = req.get("event")
        if not isinstance(event, Mapping) or not isinstance(req.get("name"), str):
            raise AwsError("ValidationException", "An event and the name of a pipeline are needed", status=400)
        return ctx.write(lambda tx: self._start_from_event(tx, ctx, req["name"], event, str(req.get("rule", ""))))

    def _start_from_event(self, tx: Tx, ctx: Context, name: str, event: Mapping[str, Any], rule: str) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, name)
        token = f"event:{event.get('id', '')}:{rule}"
        before = executions.started_by(tx, pipeline.uid, token) if event.get("id") else None
        if before is not None:
            return {"pipelineExecutionId": before.execution}
        pinned = self._pinned(tx, pipeline, event)
        taken = [w.seen_by for w, revision in pinned if w.polls and w.seen == revision and w.seen_by]
        if taken and executions.get(tx, taken[0]) is not None:
            return {"pipelineExecutionId": taken[0]}
        pins = {w.action: {sources.TYPES[w.provider]: revision} for w, revision in pinned}
        execution = begin(tx, self._engine, pipeline, Start("CloudWatchEvent", rule, pins=pins), ctx.now)
        for watch, revision in pinned:
            pipelines.see(tx, pipeline.uid, watch.action, revision, execution)
        if event.get("id"):
            executions.remember_start(tx, pipeline.uid, token, execution, "", ctx.now)
        return {"pipelineExecutionId": execution}

    @staticmethod
    def _pinned(tx: Tx, pipeline: Row, event: Mapping[str, Any]) -> list[tuple[Row, str]]:
        """The pipeline's sources that the event is a change of, each with the revision that it tells of."""
        changed = sources.changed_source(event.get("source"), event.get("detail-type"), event.get("detail"))
        if changed is None or changed[3] == "":
            return []
        provider, resource, item, revision = changed
        if (event.get("account"), event.get("region")) != (pipeline.account, pipeline.region):
            return []
        watched = pipelines.watches_of(tx, pipeline.uid)
        return [(w, revision) for w in watched if (w.provider, w.resource, w.item) == (provider, resource, item)]

    def stop_pipeline_execution(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Stop an execution when its running actions end, or at once, abandoning them.

        A wait may be turned into an abandon once; the same request again is DuplicatedStopRequestException.
        """
        return ctx.write(lambda tx: self._stop(tx, ctx, req))

    def _stop(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        execution = executions.get(tx, req["pipelineExecutionId"])
        if execution is None or execution.uid != pipeline.uid:
            raise _not_stoppable(f"Pipeline execution {req['pipelineExecutionId']} does not exist")
        if not execution.live:
            raise _not_stoppable(f"Pipeline execution {execution.id} is in the state {execution.status}")
        abandon = bool(req.get("abandon", False))
        if execution.stopping and (execution.abandon or not abandon):
            raise AwsError(
                "DuplicatedStopRequestException", f"Pipeline execution {execution.id} is being stopped already"
            )
        self._mark_stopping(tx, ctx, pipeline, execution, abandon, req.get("reason", "").replace("\0", ""))
        self._engine.advance(tx, pipeline.uid, ctx.now)
        return {"pipelineExecutionId": execution.id}

    def _mark_stopping(self, tx: Tx, ctx: Context, pipeline: Row, execution: Row, abandon: bool, reason: str) -> None:
        values = {"status": "Stopping", "stopping": 1, "abandon": int(abandon), "updated": ctx.now}
        executions.update(tx, execution.id, **values, stop_reason=reason or execution.stop_reason)
        if execution.stopping:
            return
        writer = Writer(tx, pipeline, self._engine.ids, ctx.now)
        writer.pipeline_event(execution, "STOPPING", comments=reason)
        if execution.inside:
            stage = writer.definition(execution.version).stages[execution.position].name
            executions.update_stage(tx, execution.id, stage, status="Stopping", updated=ctx.now)
            writer.stage_event(execution, stage, "STOPPING")


def _not_stoppable(message: str) -> AwsError:
    return AwsError("PipelineExecutionNotStoppableException", f"{message} and cannot be stopped")


def _fingerprint(req: Params) -> str:
    return dumps([req.get("variables", []), req.get("sourceRevisions", [])])


def _variables(req: Params, definition: Definition) -> dict[str, str]:
    given = req.get("variables", [])
    if given and definition.pipeline_type != "V2":
        raise AwsError("ValidationException", "Pipeline variables are only supported for V2 pipelines")
    values = {v["name"]: v["value"] for v in given}
    if len(values) != len(given):
        raise AwsError("ValidationException", "Each pipeline variable can be given once")
    return values


_REVISION_TYPES = {"CodeCommit": ("COMMIT_ID",), "S3": ("S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY")}


def checked_revisions(definition: Definition, given: list[Mapping[str, str]]) -> Pins:
    """The pinned revisions by action and type; ValidationException where one fits no source action."""
    known = {action.name: action for _, action in definition.sources()}
    pins: dict[str, dict[str, str]] = {}
    for entry in given:
        name, kind = entry["actionName"], entry["revisionType"]
        action = known.get(name)
        if action is None:
            raise AwsError("ValidationException", f"'{name}' is not a source action of the pipeline")
        if kind not in _REVISION_TYPES[action.provider]:
            raise AwsError("ValidationException", f"Source action '{name}' does not take the revision type {kind}")
        if kind == "S3_OBJECT_KEY" and action.configuration.get("AllowOverrideForS3ObjectKey") != "true":
            raise AwsError("ValidationException", f"Source action '{name}' does not allow another S3 object key")
        if kind in pins.setdefault(name, {}):
            raise AwsError("ValidationException", f"Source action '{name}' is given more than one {kind}")
        pins[name][kind] = entry["revisionValue"]
    return pins
