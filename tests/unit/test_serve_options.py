"""`codeyard serve` refuses options that cannot be right before it touches anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from codeyard.cli import main as cli


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--port", "99999", "0<=x<=65535"),
        ("--tls-port", "-1", "0<=x<=65535"),
        ("--region", "narnia", "'narnia' is no region's name"),
        ("--region", "US-EAST-1", "look like us-east-1"),
        ("--public-url", "notaurl", "'notaurl' is no URL of a server"),
        ("--public-url", "ftp://host", "is no URL of a server"),
        ("--public-url", "https://", "is no URL of a server"),
        ("--public-url", "https://host:port", "is no URL of a server"),
        ("--public-url", "https://me:secret@host", "is no URL of a server"),
        ("--database", "foo://x", "foo:// is no database that Codeyard knows"),
        ("--tls-key", "some.key", "name it with --tls-cert"),
        ("--tls-cert", "away.pem", "away.pem cannot be read: No such file"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused_with_what_would_be(
    tmp_path: Path, option: str, value: str, told: str
) -> None:
    done = CliRunner().invoke(cli, ["serve", "--data", str(tmp_path / "data"), option, value])
    said = " ".join(done.output.split())
    assert (done.exit_code, told in said) == (2, True), said
    assert not (tmp_path / "data").exists()


def test_a_port_that_cannot_be_had_is_named_and_so_is_the_second_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = ["serve", "--data", str(tmp_path), "--port", "0", "--tls-port", port, "--no-runner"]
        done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    assert f"port {port}: Address already in use" in done.output
