"""`codeyard serve` refuses options that cannot be right before it touches anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from codeyard.cli import main as cli
from codeyard.cli.mail import smtp_of


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
        ("--smtp-user", "me", "name it with --smtp-host"),
        ("--smtp-host", "mail.example.com", "--smtp-host needs --smtp-from"),
        ("--smtp-host", "mail.example.com:25", "--smtp-host needs --smtp-from"),
        ("--smtp-host", "https://mail", "give --smtp-port its port"),
        ("--smtp-security", "some", "'some' is not one of"),
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


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "--smtp-user needs a password"),
        (["--smtp-password-file", "away"], "away cannot be read: No such file"),
        (["--smtp-security", "none"], "a password is sent only encrypted"),
        (["--smtp-from", "a@b\nBcc: c@d"], "--smtp-host needs --smtp-from"),
    ],
)
def test_a_mail_servers_options_are_whole_or_refused(tmp_path: Path, more: list[str], told: str) -> None:
    given = ["--smtp-host", "mail.example.com", "--smtp-from", "yard@example.com", "--smtp-user", "me", *more]
    done = CliRunner().invoke(cli, ["serve", "--data", str(tmp_path / "data"), *given])
    said = " ".join(done.output.split())
    assert (done.exit_code, told in said) == (2, True), said
    assert not (tmp_path / "data").exists()


def test_the_password_comes_from_a_file_or_the_environment_which_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {
        "host": "mail",
        "port": None,
        "security": "tls",
        "from": "a@b",
        "user": "me",
        "password_file": None,
    }
    monkeypatch.setenv("CODEYARD_SMTP_PASSWORD", "of the environment")
    made = smtp_of({f"smtp_{name}": value for name, value in given.items()})
    assert (made.port, made.password) == (465, "of the environment")
    assert "environment" not in repr(made)
    assert "CODEYARD_SMTP_PASSWORD" not in os.environ
    (tmp_path / "kept").write_text("of the file\n")
    given["password_file"] = tmp_path / "kept"
    assert smtp_of({f"smtp_{name}": value for name, value in given.items()}).password == "of the file"
