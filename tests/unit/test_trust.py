"""`codeyard trust` for those who are not root, and what it would do; the stores themselves: tests/scenarios."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codeyard.cli import main as cli
from codeyard.cli.stores import JavaStore, SystemStore, identity
from codeyard.cli.trust import host_names
from codeyard.edge import tls
from codeyard.wire.models import Models
from codeyard.wire.services import ENABLED
from tests.support.yard import TestYard

ENDPOINT = {"endpoint": "https://10.0.0.5:4599", "region": "eu-west-1"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a server, on a machine with a store of its own, for somebody who is not root."""
    tls.ensure_certificates(tmp_path, ["localhost"], datetime.datetime.now(datetime.UTC))
    (tmp_path / "endpoint.json").write_text(json.dumps({**ENDPOINT, "ca": str(tmp_path / "ca.pem")}))
    store = SystemStore(
        tmp_path / "ca.pem", tmp_path / "store" / "ca.crt", tmp_path / "all.crt", ("false",), ("false",)
    )
    monkeypatch.setattr(SystemStore, "found", lambda ca, alias: store)
    monkeypatch.setattr(JavaStore, "found", lambda ca, alias: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def trust(data: Path, *options: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(cli, ["trust", "--data", str(data), *options])


def git_knows() -> str:
    """What git's own configuration says of CAs."""
    command = ["git", "config", "--global", "--get-regexp", "sslcainfo"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_who_is_not_root_is_told_what_to_run_and_git_trusts_the_server_all_the_same(data: Path) -> None:
    done = trust(data)
    assert done.exit_code == 1
    assert "the stores belong to root. Run: sudo" in done.output
    assert f"trust --data {data}" in done.output
    assert not (data / "store").exists()
    assert git_knows().splitlines() == [
        f"http.https://10.0.0.5:4599/.sslcainfo {data}/ca.pem",
        f"http.https://git-codecommit.eu-west-1.amazonaws.com/.sslcainfo {data}/ca.pem",
    ]
    assert "10.0.0.5 codepipeline.eu-west-1.amazonaws.com" in done.output.splitlines()
    assert trust(data, "--uninstall").exit_code == 0, "nothing is in root's stores"
    assert git_knows() == ""


def test_a_dry_run_tells_the_commands_and_does_nothing(data: Path) -> None:
    done = trust(data, "--dry-run")
    assert done.exit_code == 0
    assert f"system: would run: cp {data}/ca.pem {data}/store/ca.crt" in done.output
    assert f"git:    would run: git config --global http.https://10.0.0.5:4599/.sslCAInfo {data}/ca.pem" in done.output
    assert not (data / "store").exists()
    assert git_knows() == ""


def test_a_stores_tool_that_fails_is_told_and_so_is_a_ca_that_is_missing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = trust(data)
    assert (done.exit_code, "system: false failed: exit status 1" in done.output) == (1, True)
    (data / "ca.pem").unlink()
    assert "cannot be read" in trust(data).output


def test_a_ca_that_is_made_anew_with_its_key_keeps_its_name_in_stores(data: Path) -> None:
    before, content = identity(data / "ca.pem"), (data / "ca.pem").read_bytes()
    tls.ensure_certificates(data, ["new.example"], datetime.datetime.now(datetime.UTC))
    assert (data / "ca.pem").read_bytes() != content
    assert identity(data / "ca.pem") == before


def test_every_service_that_is_built_has_a_name_and_every_name_a_service(yard: TestYard) -> None:
    names = Models(ENABLED).names
    told = {name.removesuffix(".amazonaws.com").removesuffix(".us-east-1") for name in host_names("us-east-1")}
    assert told - set(names) == {"git-codecommit"}
    built = {part.service for part in yard.yard.parts}
    assert built & set(ENABLED) <= {names.get(name) for name in told}
