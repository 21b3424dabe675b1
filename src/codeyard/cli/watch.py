"""`codeyard watch`: follow an execution of a pipeline in the terminal, the logs of its builds as they are written."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.exceptions
import click

from codeyard.cli.endpoint import DATA, client, not_running, read_endpoint

_PAUSE_S = 0.5
_OVER = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})
_MARKS = {"Succeeded": "✓", "Failed": "✗", "InProgress": "…", "Abandoned": "–"}
_COLOURS = {"Succeeded": "green", "Failed": "red"}


@click.command()
@click.argument("pipeline")
@click.option("--execution", metavar="ID", default="", help="which one; without it the latest")
@click.option("--no-logs", is_flag=True, help="do not show the logs of builds")
@DATA
def command(pipeline: str, execution: str, no_logs: bool, data: Path) -> None:
    """Follow PIPELINE's latest execution until it ends; exits 0 only where it succeeded.

    Each action is shown as it begins and ends, with what failed and why; an approval that is waited for with the
    command that gives it. Ctrl-C stops the looking, not the execution.
    """
    endpoint = read_endpoint(data)
    clients = {name: client(endpoint, name) for name in ("codepipeline", "codebuild", "logs")}
    watch = Watch(clients, pipeline, logs=not no_logs)
    try:
        watch.begin(execution)
        while not watch.look():
            time.sleep(_PAUSE_S)
    except botocore.exceptions.EndpointConnectionError:
        raise not_running(data) from None
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as problem:
        raise click.ClickException(str(problem)) from None
    except KeyboardInterrupt:
        click.echo(f"\nIt goes on without you. Look again:  codeyard watch {pipeline} --execution {watch.execution}")
        sys.exit(130)
    sys.exit(0 if watch.status == "Succeeded" else 1)


class Watch:
    """One execution under observation. What was printed once is not printed again."""

    def __init__(self, clients: dict[str, Any], pipeline: str, *, logs: bool) -> None:
        self._pipelines, self._builds, self._logs = clients["codepipeline"], clients["codebuild"], clients["logs"]
        self._pipeline, self._with_logs = pipeline, logs
        self._seen: dict[str, str] = {}
        self._tails: dict[str, str] = {}
        self.execution, self.status = "", ""

    def begin(self, execution: str) -> None:
        """Choose the execution; ClickException where there is none."""
        if not execution:
            page = self._pipelines.list_pipeline_executions(pipelineName=self._pipeline, maxResults=1)
            if not page["pipelineExecutionSummaries"]:
                raise click.ClickException(
                    f"{self._pipeline} has not run yet. "
                    f"Start it:  aws codepipeline start-pipeline-execution --name {self._pipeline}"
                )
            execution = page["pipelineExecutionSummaries"][0]["pipelineExecutionId"]
        self.execution = execution
        click.secho(f"{self._pipeline}  execution {execution}", bold=True)

    def look(self) -> bool:
        """Print what is new; whether the execution is over."""
        asked = {"pipelineName": self._pipeline, "pipelineExecutionId": self.execution}
        found = self._pipelines.get_pipeline_execution(**asked)["pipelineExecution"]
        for action in self._actions():
            self._show(action)
        self._waiting()
        self.status = found["status"]
        if self.status not in _OVER:
            return False
        why = found.get("statusSummary") or ""
        click.secho(f"{self.status}{f': {why}' if why else ''}", fg=_COLOURS.get(self.status), bold=True)
        return True

    def _actions(self) -> Iterator[dict[str, Any]]:
        """The execution's actions, the first first."""
        pages = self._pipelines.get_paginator("list_action_executions").paginate(
            pipelineName=self._pipeline, filter={"pipelineExecutionId": self.execution}
        )
        yield from reversed([one for page in pages for one in page["actionExecutionDetails"]])

    def _show(self, action: dict[str, Any]) -> None:
        name, status, key = _name(action), action["status"], action["actionExecutionId"]
        if key not in self._seen:
            click.echo(f"{_clock(action['startTime'])}  {_MARKS['InProgress']} {name}")
        if self._with_logs:
            self._tail(action, name)
        if status != "InProgress" and self._seen.get(key) != status:
            took = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
            mark, colour = _MARKS.get(status, "?"), _COLOURS.get(status)
            click.secho(f"{_clock(action['lastUpdateTime'])}  {mark} {name}  {status}, {took:.1f} s", fg=colour)
            for line in _reason(action):
                click.echo(f"            {line}")
        self._seen[key] = status

    def _tail(self, action: dict[str, Any], name: str) -> None:
        """The lines of a build's log that have come since the last look."""
        place = self._log_of(action)
        if place is None or self._seen.get(action["actionExecutionId"]) not in (None, "InProgress"):
            return
        while True:
            token = self._tails.get(action["actionExecutionId"])
            more = {"nextToken": token} if token else {}
            try:
                page = self._logs.get_log_events(**place, startFromHead=True, **more)
            except self._logs.exceptions.ResourceNotFoundException:
                return  # nothing was written yet
            for event in page["events"]:
                click.echo(f"            {name} │ {event['message'].rstrip()}")
            if page["nextForwardToken"] == token:
                return
            self._tails[action["actionExecutionId"]] = page["nextForwardToken"]

    def _log_of(self, action: dict[str, Any]) -> dict[str, str] | None:
        provider = action.get("input", {}).get("actionTypeId", {}).get("provider")
        build = (action.get("output") or {}).get("executionResult", {}).get("externalExecutionId")
        if provider != "CodeBuild" or not build:
            return None
        found = self._builds.batch_get_builds(ids=[build])["builds"]
        logs = (found[0].get("logs") or {}) if found else {}
        if not logs.get("groupName") or not logs.get("streamName"):
            return None
        return {"logGroupName": logs["groupName"], "logStreamName": logs["streamName"]}

    def _waiting(self) -> None:
        """An approval that this execution waits for, with the command that gives it."""
        for stage in self._pipelines.get_pipeline_state(name=self._pipeline)["stageStates"]:
            if (stage.get("latestExecution") or {}).get("pipelineExecutionId") != self.execution:
                continue
            for action in stage["actionStates"]:
                latest = action.get("latestExecution") or {}
                token = latest.get("token", "")
                if token and latest.get("status") == "InProgress" and token not in self._seen:
                    self._seen[token] = "told"
                    click.secho("            waits for an approval. Give it:", fg="yellow")
                    click.secho(f"            {self._approve(stage, action, token)}", fg="yellow")

    def _approve(self, stage: dict[str, Any], action: dict[str, Any], token: str) -> str:
        return (
            f"aws codepipeline put-approval-result --pipeline-name {self._pipeline} --stage-name {stage['stageName']} "
            f"--action-name {action['actionName']} --token {token} --result status=Approved,summary=ok"
        )


def _name(action: dict[str, Any]) -> str:
    return f"{action['stageName']}/{action['actionName']}"


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def _reason(action: dict[str, Any]) -> Iterator[str]:
    """Why an action failed, and where to read on."""
    if action["status"] != "Failed":
        return
    result = (action.get("output") or {}).get("executionResult") or {}
    error = result.get("errorDetails") or {}
    said = error.get("message") or result.get("externalExecutionSummary")
    if said:
        yield from str(said).splitlines()
    if result.get("externalExecutionUrl"):
        yield str(result["externalExecutionUrl"])
