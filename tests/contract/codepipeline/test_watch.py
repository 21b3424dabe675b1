"""`codeyard watch` beside a pipeline that runs: what it says, and with what it exits."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from codeyard.cli import main as cli
from tests.contract.codepipeline.test_a_pipeline_through_boto3 import _declared, _latest, _prepare
from tests.support.yard import TestYard, wait_until


@pytest.fixture
def site(running_yard: TestYard) -> TestYard:
    """A server with the pipeline `site`, which waits for an approval between an S3 source and an S3 deployment."""
    told = {**running_yard.facts, "ca": str(running_yard.data / "ca.pem")}
    (running_yard.data / "endpoint.json").write_text(json.dumps(told))
    running_yard.client("codepipeline").create_pipeline(pipeline=_declared(_prepare(running_yard)))
    return running_yard


def watch(yard: TestYard, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["watch", *arguments, "--data", str(yard.data)])


def decide(yard: TestYard, status: str) -> bool:
    """Approve or reject where the pipeline waits for it; whether it did."""
    client = yard.client("codepipeline")
    token = _latest(client, 1).get("token")
    if token:
        place = {"pipelineName": "site", "stageName": "Approve", "actionName": "Ask", "token": token}
        client.put_approval_result(**place, result={"status": status, "summary": "as the test says"})
    return bool(token)


@pytest.mark.parametrize(("decision", "status", "code"), [("Approved", "Succeeded", 0), ("Rejected", "Failed", 1)])
def test_an_execution_is_followed_to_its_end(
    site: TestYard, monkeypatch: pytest.MonkeyPatch, decision: str, status: str, code: int
) -> None:
    waited = iter(lambda: bool(_latest(site.client("codepipeline"), 1).get("token")), None)

    def pause(seconds: float) -> None:
        """Between two looks: once a look saw that an approval is waited for, give it."""
        if pause.seen and not pause.done:  # type: ignore[attr-defined]
            pause.done = decide(site, decision)  # type: ignore[attr-defined]
        pause.seen = next(waited)  # type: ignore[attr-defined]

    pause.seen = pause.done = False  # type: ignore[attr-defined]
    monkeypatch.setattr("codeyard.cli.watch.time", SimpleNamespace(sleep=pause))
    said = watch(site, "site")
    assert said.exit_code == code, said.output
    lines = said.output.splitlines()
    assert lines[0].startswith("site  execution ")
    assert [line.split("  ")[1] for line in lines if "Source/Zip" in line][:2] == ["… Source/Zip", "✓ Source/Zip"]
    assert "put-approval-result --pipeline-name site --stage-name Approve --action-name Ask --token" in said.output
    assert lines[-1].startswith(status)
    if code:
        assert "as the test says" in said.output


def test_one_that_ended_is_told_at_once_by_its_id_and_what_is_not_there_is_said(site: TestYard) -> None:
    wait_until(lambda: decide(site, "Approved"))
    client = site.client("codepipeline")
    (only,) = client.list_pipeline_executions(pipelineName="site")["pipelineExecutionSummaries"]
    wait_until(lambda: _latest(client, 2).get("status") == "Succeeded")
    said = watch(site, "site", "--execution", only["pipelineExecutionId"], "--no-logs")
    assert (said.exit_code, said.output.splitlines()[-1]) == (0, "Succeeded")
    for arguments, why in ((("nowhere",), "PipelineNotFound"), (("site", "--execution", "1" * 36), "Error")):
        refused = watch(site, *arguments)
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output
