"""`codeyard doctor` names what is missing, with its fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from codeyard.cli.doctor import command


def test_a_tunnel_device_that_is_not_ours_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != "/dev/net/tun")
    told = CliRunner().invoke(command)
    assert "missing /dev/net/tun" in told.output
    assert "chmod 666 /dev/net/tun" in told.output
    assert told.exit_code == 1


def test_a_machine_without_programs_is_told_how_to_get_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = CliRunner().invoke(command)
    for package in ("git", "bubblewrap", "slirp4netns", "iproute2", "openssl"):
        assert f"apt-get install {package}" in told.output
    assert told.exit_code == 1
