"""Pipelines: the list, one pipeline as a live graph, and what one may do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse

from codeyard.console.changes import QUIET, Changes, event
from codeyard.console.web import HEADERS, Visit
from codeyard.contract import AwsError

PIPELINES = "codepipeline"


async def index(visit: Visit) -> Response:
    """Every pipeline with its latest execution."""
    listed = await visit.call(PIPELINES, "ListPipelines")
    rows = []
    for found in listed["pipelines"]:
        latest = await visit.ask(PIPELINES, "ListPipelineExecutions", pipelineName=found["name"], maxResults=1)
        summaries = [] if isinstance(latest, AwsError) else latest["pipelineExecutionSummaries"]
        rows.append({"pipeline": found, "latest": summaries[0] if summaries else None})
    return visit.render("pipelines/index.html", rows=rows)


async def show(visit: Visit) -> Response:
    """One pipeline: its graph, its executions."""
    name = visit.path("name")
    state = await _state(visit, name)
    history = await visit.call(PIPELINES, "ListPipelineExecutions", pipelineName=name, maxResults=20)
    return visit.render("pipelines/show.html", name=name, executions=history["pipelineExecutionSummaries"], **state)


async def execution(visit: Visit) -> Response:
    """One execution: every action with its times, revisions and outcome."""
    name, execution_id = visit.path("name"), visit.path("execution")
    found = await visit.call(PIPELINES, "GetPipelineExecution", pipelineName=name, pipelineExecutionId=execution_id)
    actions = await visit.call(
        PIPELINES, "ListActionExecutions", pipelineName=name, filter={"pipelineExecutionId": execution_id}
    )
    return visit.render(
        "pipelines/execution.html",
        name=name,
        execution=found["pipelineExecution"],
        actions=list(reversed(actions["actionExecutionDetails"])),
    )


class Graph:
    """The live graph: the same fragment again at every change, only when it differs."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def live(self, visit: Visit) -> Response:
        """Server-sent events, each a graph."""
        return StreamingResponse(self._events(visit), 200, {**HEADERS, "content-type": "text/event-stream"})

    async def _events(self, visit: Visit) -> AsyncIterator[bytes]:
        shown = ""
        async for changed in self._changes.watch():
            if not changed:
                yield QUIET
                continue
            state = await _state(visit, visit.path("name"))
            graph = visit.site.fragment("pipelines/graph.html", session=visit.session, name=visit.path("name"), **state)
            if graph != shown:
                shown = graph
                yield event(graph, name="graph")


async def release(visit: Visit) -> Response:
    """Release change: start an execution."""
    await visit.call(PIPELINES, "StartPipelineExecution", name=visit.path("name"))
    return _back(visit)


async def approve(visit: Visit) -> Response:
    """Approve or reject a waiting approval."""
    form = visit.form
    result = {"status": form.get("status", ""), "summary": form.get("summary", "")}
    await visit.call(
        PIPELINES,
        "PutApprovalResult",
        pipelineName=visit.path("name"),
        stageName=form.get("stage", ""),
        actionName=form.get("action", ""),
        token=form.get("token", ""),
        result=result,
    )
    return _back(visit)


async def retry(visit: Visit) -> Response:
    """Retry a failed stage."""
    await visit.call(
        PIPELINES,
        "RetryStageExecution",
        pipelineName=visit.path("name"),
        stageName=visit.form.get("stage", ""),
        pipelineExecutionId=visit.form.get("execution", ""),
        retryMode=visit.form.get("mode", "FAILED_ACTIONS"),
    )
    return _back(visit)


async def stop(visit: Visit) -> Response:
    """Stop an execution: wait for running actions, or abandon them."""
    await visit.call(
        PIPELINES,
        "StopPipelineExecution",
        pipelineName=visit.path("name"),
        pipelineExecutionId=visit.form.get("execution", ""),
        abandon=visit.form.get("abandon") == "yes",
        reason=visit.form.get("reason") or "stopped in the console",
    )
    return _back(visit)


async def transition(visit: Visit) -> Response:
    """Disable or enable the way into a stage."""
    params: dict[str, Any] = {
        "pipelineName": visit.path("name"),
        "stageName": visit.form.get("stage", ""),
        "transitionType": "Inbound",
    }
    if visit.form.get("enable") == "yes":
        await visit.call(PIPELINES, "EnableStageTransition", **params)
    else:
        reason = visit.form.get("reason") or "disabled in the console"
        await visit.call(PIPELINES, "DisableStageTransition", reason=reason, **params)
    return _back(visit)


async def _state(visit: Visit, name: str) -> dict[str, Any]:
    """The pipeline's state and structure, joined for the graph."""
    state = await visit.call(PIPELINES, "GetPipelineState", name=name)
    declared = (await visit.call(PIPELINES, "GetPipeline", name=name))["pipeline"]
    states = {stage["stageName"]: stage for stage in state["stageStates"]}
    stages = [{**states.get(s["name"], {}), "rows": _rows(s, states.get(s["name"], {}))} for s in declared["stages"]]
    return {"pipeline": declared, "stages": stages}


def _rows(stage: dict[str, Any], state: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The stage's actions by run order: one row runs in parallel, the next row after it."""
    latest = {a["actionName"]: a.get("latestExecution", {}) for a in state.get("actionStates", [])}
    orders = sorted({a.get("runOrder", 1) for a in stage["actions"]})
    return [
        [{**a, "latest": latest.get(a["name"], {})} for a in stage["actions"] if a.get("runOrder", 1) == order]
        for order in orders
    ]


def _back(visit: Visit) -> Response:
    return RedirectResponse(f"/pipelines/{visit.path('name')}", 303, HEADERS)
