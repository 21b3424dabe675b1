"""`codeyard console`: a one-time link that signs in to the web console."""

from __future__ import annotations

from pathlib import Path

import click

from codeyard.cli.endpoint import DATA, read_endpoint


@click.command()
@DATA
@click.option("--user", default="admin", show_default=True, help="the IAM user to sign in as")
def command(data: Path, user: str) -> None:
    """Print a link that signs in to the console once, within five minutes."""
    endpoint = read_endpoint(data)
    if not endpoint.get("console"):
        raise click.ClickException("this server runs without its console")
    from codeyard.cli.admin import one_time_link

    click.echo(one_time_link(data, user))
    click.echo("Open it in a browser within five minutes; it signs in once.", err=True)
