"""The options of `codeyard serve` that name the mail server of SNS's e-mail subscriptions."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

PASSWORD = "CODEYARD_SMTP_PASSWORD"
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_SENDER = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)
F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--smtp-host", default="", help="the mail server of e-mail subscriptions (SNS); without it, there are none"
    ),
    click.option(
        "--smtp-port",
        type=click.IntRange(1, 65535),
        default=None,
        show_default="587, with tls 465, with none 25",
        help="its port",
    ),
    click.option(
        "--smtp-security",
        type=click.Choice(list(_PORTS)),
        default="starttls",
        show_default=True,
        help="how the connection is encrypted; a server that cannot do it is given nothing",
    ),
    click.option("--smtp-from", default="", help="the address that mails come from"),
    click.option("--smtp-user", default="", help="whom to log in as; without it, nobody"),
    click.option(
        "--smtp-password-file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=None,
        show_default=f"${PASSWORD}",
        help="a file with the password",
    ),
)


def smtp_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def smtp_of(options: dict[str, Any]) -> Any:
    """Take the options out and make the server's setting of them; a UsageError with what is wrong with them.

    The password leaves the environment: nothing that this process starts inherits it.
    """
    from codeyard.engine import Smtp

    given = {
        name: options.pop(f"smtp_{name}") for name in ("host", "port", "security", "from", "user", "password_file")
    }
    kept = os.environ.pop(PASSWORD, "")
    host, security, user = given["host"], given["security"], given["user"]
    if not host:
        if any(given[name] for name in ("port", "from", "user", "password_file")):
            raise click.UsageError("the options of a mail server belong to one: name it with --smtp-host")
        return None
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", host):
        raise click.UsageError(f"{host!r} is no name of a mail server: give --smtp-port its port")
    if not _SENDER.fullmatch(given["from"]):
        raise click.UsageError("--smtp-host needs --smtp-from, one e-mail address such as codeyard@example.com")
    if user and security == "none" and not _is_here(host):
        raise click.UsageError("a password is sent only encrypted: --smtp-security starttls or tls")
    password = _password(given["password_file"], kept) if user else ""
    return Smtp(host, given["port"] or _PORTS[security], given["from"], security, user, password)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(path: Path | None, kept: str) -> str:
    try:
        found = path.read_text().strip("\r\n") if path is not None else kept
    except (OSError, UnicodeDecodeError) as problem:
        raise click.UsageError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or 'no text'}") from None
    if not found:
        raise click.UsageError(f"--smtp-user needs a password: --smtp-password-file FILE, or ${PASSWORD}")
    return found
