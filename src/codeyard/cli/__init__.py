"""The `codeyard` command. Each subcommand is a module here, imported only when it is called."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

_COMMANDS = (
    "serve",
    "demo",
    "env",
    "trust",
    "console",
    "doctor",
    "host",
    "account",
    "protect",
    "migrate",
    "watch",
    "kms",
    "runner",
    "agent",
)


class _Lazy(click.Group):
    """A group whose commands load at their first use, so that `codeyard env` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            near = difflib.get_close_matches(name, _COMMANDS, 1)
            raise click.UsageError(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx)
        command: Any = importlib.import_module(f"codeyard.cli.{name}").command
        return command  # type: ignore[no-any-return]


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="codeyard")
def main() -> None:
    """AWS's developer tools as one self-hosted program: push, build, test, approve, deploy."""
