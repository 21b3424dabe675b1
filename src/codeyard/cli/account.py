"""`codeyard account`: several AWS accounts in one server."""

from __future__ import annotations

import re
from pathlib import Path

import click

from codeyard.cli.admin import ask
from codeyard.cli.endpoint import DATA

_ALIAS = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")


@click.group()
def command() -> None:
    """Make accounts."""


@command.command()
@click.argument("account_id")
@click.option("--alias", default="", help="a name for people")
@DATA
def create(account_id: str, alias: str, data: Path) -> None:
    """Make the account ACCOUNT_ID (12 digits) with an administrator, and print its keys once."""
    if len(account_id) != 12 or not account_id.isdigit():
        raise click.ClickException("an account id has 12 digits, such as 210987654321")
    if alias and not _ALIAS.fullmatch(alias):
        raise click.ClickException("an alias has 3 to 63 of a-z 0-9 and single hyphens inside, such as staging-2")
    made = ask(data, "/account", {"account": account_id, "alias": alias})
    click.echo(f"AWS_ACCESS_KEY_ID={made['access_key_id']}\nAWS_SECRET_ACCESS_KEY={made['secret_access_key']}")
    click.echo("Keep these keys: they are shown only now.", err=True)
    click.echo(f"Next:  aws configure --profile {alias or account_id}", err=True)
