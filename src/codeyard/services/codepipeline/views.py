"""Rows as the API shows them: executions, action runs, stages. Pure: rows in, members out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeyard.formats.moments import moment
from codeyard.services.codepipeline import artifacts
from codeyard.services.codepipeline.model import secrets
from codeyard.services.codepipeline.model.custom import link
from codeyard.services.codepipeline.model.definition import ActionSpec
from codeyard.storage import Row, loads

Members = dict[str, Any]


def filled(members: Mapping[str, Any]) -> Members:
    """The members that have something to show."""
    return {key: value for key, value in members.items() if value not in (None, "", {})}


def trigger(execution: Row) -> Members:
    """ExecutionTrigger."""
    return {"triggerType": execution.trigger_type, "triggerDetail": execution.trigger_detail}


def execution_type(execution: Row) -> Members:
    """Whether it goes through the pipeline, or brings one stage back to what an earlier execution made of it."""
    if not execution.rolls_back_to:
        return {"executionType": "STANDARD"}
    target = {"rollbackTargetPipelineExecutionId": execution.rolls_back_to}
    return {"executionType": "ROLLBACK", "rollbackMetadata": target}


def execution_detail(name: str, execution: Row, revisions: Iterable[Members]) -> Members:
    """PipelineExecution."""
    values: dict[str, str] = loads(execution.variables)
    return filled(
        {
            "pipelineName": name,
            "pipelineVersion": execution.version,
            "pipelineExecutionId": execution.id,
            "status": execution.status,
            "statusSummary": execution.summary,
            "artifactRevisions": list(revisions),
            "variables": [{"name": k, "resolvedValue": v} for k, v in values.items()],
            "trigger": trigger(execution),
            "executionMode": execution.mode,
            **execution_type(execution),
        }
    )


def execution_summary(execution: Row, revisions: Iterable[Members]) -> Members:
    """PipelineExecutionSummary."""
    return filled(
        {
            "pipelineExecutionId": execution.id,
            "status": execution.status,
            "statusSummary": execution.summary,
            "startTime": moment(execution.started),
            "lastUpdateTime": moment(execution.updated),
            "sourceRevisions": list(revisions),
            "trigger": trigger(execution),
            "stopTrigger": {"reason": execution.stop_reason} if execution.stop_reason else None,
            "executionMode": execution.mode,
            **execution_type(execution),
        }
    )


def artifact_revision(run: Row) -> Members:
    """ArtifactRevision of a source action's run."""
    revision = loads(run.revision)
    outputs = artifacts.read(loads(run.outputs))
    return filled(
        {
            "name": outputs[0].name if outputs else "",
            "revisionId": revision["id"],
            "revisionSummary": revision["summary"],
            "revisionUrl": revision["url"],
            "created": moment(revision["created"]),
        }
    )


def source_revision(run: Row) -> Members:
    """SourceRevision of a source action's run."""
    revision = loads(run.revision)
    return filled(
        {
            "actionName": run.action,
            "revisionId": revision["id"],
            "revisionSummary": revision["summary"],
            "revisionUrl": revision["url"],
        }
    )


def _error(run: Row) -> Members | None:
    return {"code": run.error_code, "message": run.error_message} if run.error_code else None


def action_state(spec: ActionSpec, run: Row | None, console: str, settings: Mapping[str, str]) -> Members:
    """ActionState: the newest run of an action; `settings` are those of its type, where that is a custom one."""
    state: Members = {"actionName": spec.name}
    if url := entity_url(spec, console, settings):
        state["entityUrl"] = url
    if run is None:
        return state
    state["latestExecution"] = filled(
        {
            "actionExecutionId": run.id,
            "status": run.status,
            "summary": run.summary,
            "lastStatusChange": moment(run.updated),
            "token": run.token if run.status == "InProgress" else "",
            "lastUpdatedBy": run.updated_by,
            "externalExecutionId": run.external_id,
            "externalExecutionUrl": run.external_url,
            "percentComplete": run.percent,
            "errorDetails": _error(run),
            "logStreamARN": run.log_stream,
        }
    )
    if run.revision:
        revision = loads(run.revision)
        state["currentRevision"] = {
            "revisionId": revision["id"],
            "revisionChangeId": revision["id"][:100],
            "created": moment(revision["created"]),
        }
        state |= filled({"revisionUrl": revision["url"]})
    return state


def action_detail(run: Row, version: int, spec: ActionSpec, region: str) -> Members:
    """ActionExecutionDetail."""
    return filled(
        {
            "pipelineExecutionId": run.execution,
            "actionExecutionId": run.id,
            "pipelineVersion": version,
            "stageName": run.stage,
            "actionName": run.action,
            "startTime": moment(run.started),
            "lastUpdateTime": moment(run.updated),
            "updatedBy": run.updated_by,
            "status": run.status,
            "input": _input(run, spec, region),
            "output": _output(run),
        }
    )


def _input(run: Row, spec: ActionSpec, region: str) -> Members:
    shown = filled(
        {
            "actionTypeId": spec.type_id,
            "configuration": secrets.masked(spec.configuration),
            "resolvedConfiguration": secrets.masked(loads(run.configuration)),
            "region": spec.region or region,
            "namespace": spec.namespace,
        }
    )
    return shown | {"inputArtifacts": [a.shape() for a in artifacts.read(loads(run.inputs))]}


def _output(run: Row) -> Members:
    result = {
        "externalExecutionId": run.external_id,
        "externalExecutionSummary": run.summary,
        "externalExecutionUrl": run.external_url,
        "errorDetails": _error(run),
        "logStreamARN": run.log_stream,
    }
    made = artifacts.read(loads(run.outputs)) if run.status == "Succeeded" else ()
    return {
        "outputArtifacts": [a.shape() for a in made],
        "executionResult": filled(result),
        "outputVariables": loads(run.variables),
    }


def entity_url(spec: ActionSpec, console: str, settings: Mapping[str, str]) -> str:
    """Where the console shows what the action works on; what has no page of its own has no URL."""
    c = spec.configuration
    if spec.owner != "AWS":
        return link(settings.get("entityUrlTemplate", ""), c)
    if spec.provider == "CodeCommit":
        return f"{console}/repositories/{c['RepositoryName']}"
    if spec.provider == "CodeBuild":
        return f"{console}/builds"
    if spec.provider == "CodeDeploy":
        return f"{console}/deployments"
    return c.get("ExternalEntityLink", "")
