"""The command line where something is wrong: it says what in one line, and what to do about it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codeyard.cli import main
from tests.crash.support import wait_until


def codeyard(*arguments: str) -> Result:
    """Run a command, in this process."""
    return CliRunner().invoke(main, arguments)


def refused(*arguments: str) -> str:
    """What a command says that cannot do what it was asked for; never a trace."""
    found = codeyard(*arguments)
    assert found.exit_code in (1, 2), found.output
    assert isinstance(found.exception, SystemExit), found.exception
    return found.output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The data folder of a running server."""
    folder = tmp_path_factory.mktemp("served") / "data"
    served = [sys.executable, "-m", "codeyard.cli", "serve", "--data", str(folder), "--port", "0", "--no-runner"]
    server = subprocess.Popen(served, stdout=subprocess.DEVNULL)
    try:
        wait_until("the server serves", lambda: server.poll() is not None or (folder / "endpoint.json").exists())
        yield str(folder)
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize(
    "command",
    [["env"], ["console"], ["account", "create", "210987654321"], ["host", "add", "web"], ["host", "remove", "web"]],
)
def test_a_folder_without_a_server_is_named_with_what_starts_one(tmp_path: Path, command: list[str]) -> None:
    assert f"codeyard serve --data {tmp_path}" in refused(*command, "--data", str(tmp_path))


def test_a_server_that_has_ended_is_said_to_have_ended(tmp_path: Path, data: str) -> None:
    known = json.loads(Path(data, "endpoint.json").read_text())
    (tmp_path / "endpoint.json").write_text(json.dumps({**known, "endpoint": "http://127.0.0.1:9"}))
    for command in (["host", "add", "web"], ["host", "remove", "web"], ["console"]):
        assert "no server is running" in refused(*command, "--data", str(tmp_path))


def test_a_misspelt_command_finds_its_neighbour() -> None:
    assert "Did you mean 'serve'?" in refused("serv")
    assert "Did you mean" not in refused("xyzzy")


def test_a_host_is_enrolled_once_and_withdrawn_once(data: str, tmp_path: Path) -> None:
    place = ("--data", data, "--folder", str(tmp_path / "web-1"))
    added = codeyard("host", "add", "web-1", "--tag", "env=test", *place)
    assert f"Next:  codeyard agent --config {tmp_path}/web-1/agent.yml" in added.output
    assert "codeyard host remove web-1" in refused("host", "add", "web-1", *place)
    assert "stop its agent" in codeyard("host", "remove", "web-1", "--data", data).output
    assert "no host is called web-1" in refused("host", "remove", "web-1", "--data", data)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["a b"], "is not a name for a host"),
        (["web", "--tag", "env"], "is not KEY=VALUE, such as env=production"),
        (["web", "--bucket", "Big Bucket"], "is no bucket's name"),
        (["web", "--folder", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_a_host_is_not_enrolled_with_what_cannot_be(data: str, wrong: list[str], said: str) -> None:
    assert said in refused("host", "add", *wrong, "--data", data)
    assert "no host is called web" in refused("host", "remove", "web", "--data", data)


def test_an_account_is_made_once_with_a_name_that_can_be(data: str) -> None:
    made = codeyard("account", "create", "210987654321", "--alias", "staging", "--data", data)
    assert [line.partition("=")[0] for line in made.stdout.splitlines()] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ]
    assert "aws configure --profile staging" in made.stderr
    assert "is there already" in refused("account", "create", "210987654321", "--data", data)
    assert "12 digits" in refused("account", "create", "123", "--data", data)
    assert "an alias has" in refused("account", "create", "310987654321", "--alias", "Not This!", "--data", data)


def test_a_console_link_is_all_that_its_output_holds(data: str) -> None:
    made = codeyard("console", "--data", data)
    assert made.stdout.startswith("http://console.localhost:")
    assert len(made.stdout.split()) == 1
    assert "there is no user nobody" in refused("console", "--user", "nobody", "--data", data)


@pytest.mark.parametrize("text", ["", "- a\n", "{", "endpoint: http://127.0.0.1:1\n"])
def test_an_agent_or_a_runner_says_what_is_wrong_with_its_configuration(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    assert "codeyard host add NAME" in refused("agent", "--config", str(config))
    assert str(config) in refused("runner", "--config", str(config))
