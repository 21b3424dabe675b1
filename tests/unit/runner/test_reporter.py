"""What a build says comes to the server in the order in which it was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeyard.runner.log import BuildLog
from codeyard.runner.reporter import Reporter


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the server heard: the phases, and the text of the log."""
    heard: list[tuple[str, Any]] = []

    def call(self: Reporter, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if operation == "PutLogs":
            heard.append(("log", params["data"]))
            return {"nextOffset": params["offset"] + len(params["data"])}
        heard.append((operation, params.get("phase")))
        return {}

    monkeypatch.setattr(Reporter, "_call", call)
    return heard


def test_the_log_never_overtakes_a_phase(tmp_path: Path, said: list[tuple[str, Any]]) -> None:
    config = tmp_path / "local.json"
    keys = {"access_key_id": "AKIA", "secret_access_key": "x"}
    config.write_text(json.dumps({"endpoint": "http://127.0.0.1:1", "region": "us-east-1", "work": "/w", **keys}))
    reporter = Reporter(config, {"jobId": "p:1", "fence": 1, "leaseSeconds": 60}, lambda: None)
    log = BuildLog(tmp_path / "log", reporter.grown)
    reporter._log = log
    log.output(b"before\n")
    reporter.phase("BUILD")
    log.output(b"inside\n")

    reporter._ship()  # as when both came between telling the phases and sending the log
    assert said == [("log", b"before\n")]
    reporter._tell()
    reporter._ship()
    assert said[1:] == [("PutPhase", "BUILD"), ("log", b"inside\n")]
