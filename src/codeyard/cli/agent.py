"""`codeyard agent`: deploys to this host what CodeDeploy tells it to."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from codeyard.cli import logs


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="what `codeyard host add NAME` wrote: DATA/hosts/NAME/agent.yml",
)
@click.option("--once", is_flag=True, help="carry out what waits, then end")
def command(config: Path, once: bool) -> None:
    """Poll for this host's deployment commands and carry them out, until SIGTERM."""
    from codeyard.agent.config import ConfigError, load
    from codeyard.agent.main import run

    try:
        load(config)
    except ConfigError as problem:
        raise click.ClickException(f"{problem}. `codeyard host add NAME` writes a new one") from None
    logs.begin(logging.INFO)
    run(config, once=once)
