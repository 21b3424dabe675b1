"""The root key of a real server: rotated by the command line while it runs, out of the data folder, and in place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from codeyard.cli import main
from tests.scenarios.test_builds_without_a_sandbox import Site


def rotate(*arguments: str, **environment: str) -> Any:
    found = CliRunner().invoke(main, ["kms", "rotate-root", *arguments], env=environment)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def test_the_root_key_moves_out_of_the_folder_under_a_running_server(tmp_path: Path) -> None:
    data, outside, plain = tmp_path / "data", tmp_path / "etc" / "root", "kept over two rotations"
    outside.parent.mkdir()
    site = Site(data, "--no-runner")
    try:
        site.client("secretsmanager").create_secret(Name="s", SecretString=plain)
        old = (data / "root.key").read_text().strip()
        moved = rotate("--data", str(data), "--to", f"file:{outside}")
        assert moved.exit_code == 0, moved.output
        assert f"Next:  codeyard serve --data {data} --root-key 'file:{outside}'" in moved.output
        assert old not in moved.output
        assert outside.read_text().strip() not in moved.output
        assert not (data / "root.key").exists()
        again = rotate("--data", str(data), CODEYARD_ROOT_KEY_SOURCE=f"file:{outside}")  # in place
        assert again.exit_code == 0, again.output
        assert site.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == plain
    finally:
        site.close()
    serve = [sys.executable, "-m", "codeyard.cli", "serve", "--data", str(data), "--port", "0", "--no-runner"]
    for wrong in ({}, {"CODEYARD_ROOT_KEY": old}):
        ended = subprocess.run(serve, env={**os.environ, **wrong}, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert f"file:{outside}" in ended.stderr, "the line names the key that is wanted"
        assert len(ended.stderr.splitlines()) == 1
        assert old not in ended.stderr
    data.with_suffix(".log").unlink()
    site = Site(data, "--no-runner", "--root-key", f"file:{outside}")
    try:
        assert site.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == plain
    finally:
        site.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--data", "{0}/none"), "there is no folder"),
        (("--data", "{0}"), "start the server on this folder once"),
    ],
)
def test_a_rotation_of_nothing_says_what_to_do(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    refused = rotate(*(one.format(tmp_path) for one in arguments))
    assert refused.exit_code == 1
    assert told in refused.output
    assert len(refused.output.splitlines()) == 1
