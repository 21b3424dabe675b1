"""Writes the changes that the rules decided: rows, events, effects and timers, in the transaction that decided them."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Ids
from codeyard.services.codepipeline import artifacts, events
from codeyard.services.codepipeline.model.catalog import ACTION_TYPES, DAY, MINUTE
from codeyard.services.codepipeline.model.definition import ActionSpec, Definition
from codeyard.services.codepipeline.model.state import (
    Arrived,
    Change,
    Dropped,
    Ended,
    Entered,
    StageEnded,
    Started,
    TimedOut,
)
from codeyard.services.codepipeline.store import actions, executions, jobs, pipelines
from codeyard.storage import Row, Tx, dumps, loads

START = "codepipeline.start_action"
OBSERVE = "codepipeline.action"
DEADLINE = "codepipeline.deadline"


class Writer:
    """One transaction's view of one pipeline: applies changes to it."""

    def __init__(self, tx: Tx, pipeline: Row, ids: Ids, now: int) -> None:
        self.tx, self.pipeline, self.ids, self.now = tx, pipeline, ids, now
        self._definitions: dict[int, Definition] = {}

    def definition(self, version: int) -> Definition:
        """The definition that an execution runs by: the version it was started with."""
        if version not in self._definitions:
            self._definitions[version] = pipelines.definition(self.tx, self.pipeline.uid, version)
        return self._definitions[version]

    def apply(self, change: Change) -> None:
        """Write one change."""
        execution = executions.get(self.tx, change.execution)
        if execution is None:
            return
        match change:
            case Entered():
                self._enter(execution, change)
            case Started():
                self._start(execution, change)
            case TimedOut():
                jobs.close(self.tx, change.attempt)
                self.fail_action(change.attempt, "JobFailed", "The action ran longer than its timeout.")
            case Dropped():
                self._drop(execution, change)
            case StageEnded():
                self._end_stage(execution, change)
            case Arrived():
                executions.update(self.tx, execution.id, position=execution.position + 1, updated=self.now)
            case Ended():
                self._end(execution, change)

    def origin(self, execution: Row) -> events.Origin:
        """The execution as its events name it."""
        p = self.pipeline
        return events.Origin(p.account, p.region, p.name, execution.version, execution.id, execution.attempt)

    def pipeline_event(self, execution: Row, state: str, **more: Any) -> None:
        """Tell that the execution changed."""
        self.tx.emit(
            events.pipeline_changed(
                self.origin(execution), state, self.now, started=execution.started, retried=execution.retried, **more
            )
        )

    def stage_event(self, execution: Row, stage: str, state: str) -> None:
        """Tell that a stage changed."""
        run = executions.stage_run(self.tx, execution.id, stage)
        entered, retried = (run.entered, run.retried) if run else (self.now, 0)
        self.tx.emit(
            events.stage_changed(self.origin(execution), state, self.now, stage=stage, started=entered, retried=retried)
        )

    def _enter(self, execution: Row, change: Entered) -> None:
        seq = pipelines.next_seq(self.tx, self.pipeline.uid)
        executions.update(self.tx, execution.id, inside=1, updated=self.now)
        executions.enter_stage(self.tx, execution.id, change.stage, self.pipeline.uid, seq, self.now)
        self.stage_event(execution, change.stage, "STARTED")

    def _end_stage(self, execution: Row, change: StageEnded) -> None:
        executions.update(self.tx, execution.id, inside=0, updated=self.now)
        executions.update_stage(self.tx, execution.id, change.stage, status=change.status, updated=self.now)
        self.stage_event(execution, change.stage, change.status.upper())

    def _end(self, execution: Row, change: Ended) -> None:
        summary = f"Superseded by {change.by}" if change.by else execution.summary
        executions.update(
            self.tx,
            execution.id,
            status=change.status,
            live=0,
            inside=0,
            stopping=0,
            abandon=0,
            summary=summary,
            updated=self.now,
        )
        self.pipeline_event(execution, change.status.upper())

    def _start(self, execution: Row, change: Started) -> None:
        definition = self.definition(execution.version)
        spec = self._spec(definition, change.stage, change.action)
        run_id = self.ids.uuid()
        inputs = artifacts.pick(spec.inputs, self._made(execution))
        bucket = definition.bucket(self.pipeline.region)
        outputs = [artifacts.place(self.ids, self.pipeline.name, name, bucket) for name in spec.outputs]
        deadline = self.now + timeout(spec)
        actions.insert(
            self.tx,
            id=run_id,
            uid=self.pipeline.uid,
            execution=execution.id,
            stage=change.stage,
            action=change.action,
            seq=pipelines.next_seq(self.tx, self.pipeline.uid),
            deadline=deadline,
            started=self.now,
            updated=self.now,
            token=self.ids.uuid() if spec.category == "Approval" else "",
            inputs=dumps([a.stored() for a in inputs]),
            outputs=dumps([a.stored() for a in outputs]),
        )
        executions.update(self.tx, execution.id, updated=self.now)
        self.tx.effect(START, run_id, {})
        self.tx.timer(DEADLINE, run_id, deadline)
        self._action_event(execution, change.stage, run_id, "STARTED", self.now, inputs=inputs)

    def _made(self, execution: Row) -> dict[str, artifacts.Artifact]:
        runs = actions.made_for(self.tx, execution)
        return {a.name: a for run in runs for a in artifacts.read(loads(run.outputs))}

    def _drop(self, execution: Row, change: Dropped) -> None:
        jobs.close(self.tx, change.attempt)
        self._finish_action(change.attempt, status="Abandoned")
        run = actions.get(self.tx, change.attempt)
        if run is not None:
            self._action_event(execution, change.stage, run.id, "ABANDONED", run.started)

    def succeed_action(self, run_id: str, **values: Any) -> None:
        """An attempt succeeded: `values` are what its row learns (external_id, variables, revision, …)."""
        run = self._finish_action(run_id, status="Succeeded", **values)
        execution = executions.get(self.tx, run.execution) if run else None
        if run is not None and execution is not None:
            made = artifacts.read(loads(run.outputs))
            self._action_event(
                execution, run.stage, run.id, "SUCCEEDED", run.started, outputs=made, result=_result(run)
            )

    def fail_action(self, run_id: str, code: str, message: str, **values: Any) -> None:
        """An attempt failed, with the code and words of errorDetails."""
        values |= {"error_code": code, "error_message": message[:5000]}
        run = self._finish_action(run_id, status="Failed", **values)
        execution = executions.get(self.tx, run.execution) if run else None
        if run is not None and execution is not None:
            self._action_event(execution, run.stage, run.id, "FAILED", run.started, result=_result(run))

    def note_action(self, run_id: str, **values: Any) -> None:
        """An attempt goes on, and something more is known of it."""
        actions.update(self.tx, run_id, updated=self.now, **values)

    def _finish_action(self, run_id: str, **values: Any) -> Row | None:
        actions.update(self.tx, run_id, updated=self.now, **values)
        self.tx.cancel_timer(DEADLINE, run_id)
        self.tx.cancel_timer(OBSERVE, run_id)
        run = actions.get(self.tx, run_id)
        if run is not None:
            executions.update(self.tx, run.execution, updated=self.now)
        return run

    def _action_event(self, execution: Row, stage: str, run_id: str, state: str, started: int, **more: Any) -> None:
        run = actions.get(self.tx, run_id)
        if run is None:
            return
        spec = self._spec(self.definition(execution.version), stage, run.action)
        self.tx.emit(
            events.action_changed(
                self.origin(execution),
                state,
                self.now,
                stage=stage,
                run_id=run_id,
                started=started,
                action=spec,
                **more,
            )
        )

    @staticmethod
    def _spec(definition: Definition, stage: str, action: str) -> ActionSpec:
        found = definition.stage(stage)
        spec = found.action(action) if found else None
        if spec is None:
            raise LookupError(f"{definition.name} version {definition.version} has no action {stage}/{action}")
        return spec


def timeout(spec: ActionSpec) -> int:
    """How long an action may run, in microseconds: its own timeout, or the default of its type."""
    if spec.timeout_minutes is not None:
        return spec.timeout_minutes * MINUTE
    known = ACTION_TYPES.get((spec.category, spec.owner, spec.provider, spec.version))
    return known.timeout if known is not None else DAY  # of custom actions


def _result(run: Row) -> dict[str, str]:
    result = {
        "external-execution-url": run.external_url,
        "external-execution-summary": run.summary or run.error_message,
        "external-execution-id": run.external_id,
        "error-code": run.error_code,
    }
    return {key: value for key, value in result.items() if value}
