"""A pipeline's structure and state joined for its graph. Pure: answers of the API in, what the template shows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

Members = dict[str, Any]


def stages_of(declared: Mapping[str, Any], state: Mapping[str, Any], executions: Sequence[Members]) -> list[Members]:
    """The stages in order, each with its actions in rows: a row runs in parallel, the next one after it."""
    states = {stage["stageName"]: stage for stage in state["stageStates"]}
    known = {execution["pipelineExecutionId"]: execution for execution in executions}
    found = []
    for number, stage in enumerate(declared["stages"], 1):
        now = states.get(stage["name"], {"stageName": stage["name"]})
        found.append({**head_of(now), "id": f"stage-{number}", "rows": _rows(stage, now, number), **_who(now, known)})
    return found


def head_of(state: Mapping[str, Any]) -> Members:
    """A stage's name, status, gate and executions."""
    latest = state.get("latestExecution", {})
    gate = state.get("inboundTransitionState", {})
    return {
        "name": state["stageName"],
        "status": latest.get("status", ""),
        "execution": latest.get("pipelineExecutionId", ""),
        "open": gate.get("enabled", True),
        "closed_because": gate.get("disabledReason", ""),
        "waiting": state.get("inboundExecution", {}).get("pipelineExecutionId", ""),
    }


def _who(state: Mapping[str, Any], known: Mapping[str, Members]) -> Members:
    """What the stage's execution carries: the first revision's id and message."""
    execution = known.get(state.get("latestExecution", {}).get("pipelineExecutionId", ""), {})
    revisions = execution.get("sourceRevisions", [])
    return {"carries": revisions[0] if revisions else {}}


def _rows(stage: Mapping[str, Any], state: Mapping[str, Any], number: int) -> list[list[Members]]:
    states = {action["actionName"]: action for action in state.get("actionStates", [])}
    orders = sorted({action.get("runOrder", 1) for action in stage["actions"]})
    shown = [
        (a.get("runOrder", 1), _action(a, states.get(a["name"], {}), f"a{number}-{n}"))
        for n, a in enumerate(stage["actions"])
    ]
    return [[action for order, action in shown if order == wanted] for wanted in orders]


def _action(declared: Mapping[str, Any], state: Mapping[str, Any], id: str) -> Members:
    latest = state.get("latestExecution", {})
    kind = declared["actionTypeId"]
    summary = latest.get("summary", "")
    problem = latest.get("errorDetails", {}).get("message", "")
    return {
        "id": id,
        "name": declared["name"],
        "provider": kind["provider"],
        "status": latest.get("status", ""),
        "summary": "" if problem and summary in problem else summary,
        "problem": problem,
        "at": latest.get("lastStatusChange"),
        "by": latest.get("lastUpdatedBy", ""),
        "token": latest.get("token", "") if kind["category"] == "Approval" else "",
        "ask": declared.get("configuration", {}).get("CustomData", "") if kind["category"] == "Approval" else "",
        "links": _links(declared, state),
    }


def _links(declared: Mapping[str, Any], state: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(path, label) of our own pages that show what the action did."""
    provider = declared["actionTypeId"]["provider"]
    settings = declared.get("configuration", {})
    outside = quote(state.get("latestExecution", {}).get("externalExecutionId", ""), safe=":")
    revision = state.get("currentRevision", {}).get("revisionId", "")
    if provider == "CodeBuild" and outside:
        return [(f"/builds/{outside}", "Log")]
    if provider == "CodeDeploy" and outside:
        return [(f"/deployments/{outside}", f"Deployment {outside}")]
    if provider == "CodeCommit" and revision:
        repository = quote(settings.get("RepositoryName", ""), safe="")
        return [(f"/repositories/{repository}/commit/{quote(revision)}", f"Commit {revision[:8]}")]
    return []
