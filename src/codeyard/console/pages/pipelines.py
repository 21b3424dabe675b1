"""Pipelines: the list, one pipeline as a live graph, and what one may do with it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.responses import Response

from codeyard.console.live import Look, Parts
from codeyard.console.pages.graph import head_of, stages_of
from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

PIPELINES = "codepipeline"
_HISTORY = 15
_LISTED = 25


async def index(visit: Visit) -> Response:
    """The pipelines, each with its stages at a glance and its latest execution."""
    params = {"nextToken": visit.query("next")} if visit.query("next") else {}
    listed = await visit.call(PIPELINES, "ListPipelines", maxResults=_LISTED, **params)
    rows = await asyncio.gather(*(_row(visit, found) for found in listed["pipelines"]))
    return visit.render("pipelines/index.html", rows=rows, onward=listed.get("nextToken", ""))


async def show(visit: Visit) -> Response:
    """One pipeline: its graph, its executions."""
    name = visit.path("name")
    return visit.render("pipelines/show.html", name=name, **await _Looker(visit).values())


def looker(visit: Visit) -> Look:
    """What the live page looks at: the graph and the list of executions."""
    return _Looker(visit).parts


async def execution(visit: Visit) -> Response:
    """One execution: every action with its times, revisions and outcome."""
    name, execution_id = visit.path("name"), visit.path("execution")
    found = await visit.call(PIPELINES, "GetPipelineExecution", pipelineName=name, pipelineExecutionId=execution_id)
    actions: list[dict[str, Any]] = []
    params: dict[str, Any] = {"pipelineName": name, "filter": {"pipelineExecutionId": execution_id}}
    while True:
        page = await visit.call(PIPELINES, "ListActionExecutions", **params)
        actions += page["actionExecutionDetails"]
        if not page.get("nextToken"):
            break
        params["nextToken"] = page["nextToken"]
    actions.reverse()
    return visit.render("pipelines/execution.html", name=name, execution=found["pipelineExecution"], actions=actions)


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
        reason = visit.form.get("reason") or f"disabled in the console by {visit.session.principal.name}"
        await visit.call(PIPELINES, "DisableStageTransition", reason=reason, **params)
    return _back(visit)


class _Looker:
    """Looks at one pipeline again and again; its structure is asked for only when its version changed."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._name = visit, visit.path("name")
        self._declared: dict[str, Any] = {}

    async def values(self) -> dict[str, Any]:
        """What the templates need."""
        call = self._visit.call
        state = await call(PIPELINES, "GetPipelineState", name=self._name)
        if self._declared.get("version") != state["pipelineVersion"]:
            self._declared = (await call(PIPELINES, "GetPipeline", name=self._name))["pipeline"]
        history = await call(PIPELINES, "ListPipelineExecutions", pipelineName=self._name, maxResults=_HISTORY)
        executions = history["pipelineExecutionSummaries"]
        stages = stages_of(self._declared, state, executions)
        return {"pipeline": self._declared, "stages": stages, "executions": executions}

    async def parts(self) -> Parts:
        """The live parts of the page."""
        values = await self.values()
        names = {"graph": "pipelines/graph.html", "executions": "pipelines/executions.html"}
        return {part: self._visit.fragment(file, name=self._name, **values) for part, file in names.items()}


async def _row(visit: Visit, found: dict[str, Any]) -> dict[str, Any]:
    """One pipeline of the list; what the visitor may not see of it stays empty."""
    name = found["name"]
    latest, state = await asyncio.gather(
        visit.ask(PIPELINES, "ListPipelineExecutions", pipelineName=name, maxResults=1),
        visit.ask(PIPELINES, "GetPipelineState", name=name),
    )
    executions = [] if isinstance(latest, AwsError) else latest["pipelineExecutionSummaries"]
    stages = [] if isinstance(state, AwsError) else [head_of(stage) for stage in state["stageStates"]]
    return {"name": name, "latest": executions[0] if executions else None, "stages": stages}


def _back(visit: Visit) -> Response:
    """The pipeline's page again, at the stage that the form belongs to."""
    at = visit.form.get("at", "")
    return go(f"/pipelines/{visit.path('name')}", at if re.fullmatch(r"stage-[0-9]{1,3}", at) else "")
