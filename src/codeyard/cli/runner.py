"""`codeyard runner`: claims builds from a server and runs them on this machine."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

from codeyard.cli import logs


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="what the enrolment wrote: DATA/runner/local.json for the runner beside a server",
)
@click.option("--unsafe-local-builds", is_flag=True, help="run builds without a sandbox (recorded in each build)")
@click.option("--pass-host-tooling", is_flag=True, help="pass this host's pip, npm and CA configuration into builds")
@click.option("--once", is_flag=True, help="run one build and end")
def command(config: Path, unsafe_local_builds: bool, pass_host_tooling: bool, once: bool) -> None:
    """Claim builds and run each in a sandbox, until SIGTERM."""
    from codeyard.runner.main import run

    _check(config)
    logs.begin(logging.INFO)
    flags = {"unsafe_local_builds": unsafe_local_builds, "pass_host_tooling": pass_host_tooling}
    run(config, flags=flags, once=once)


def _check(config: Path) -> None:
    try:
        found = json.loads(config.read_text())
        missing = [name for name in ("endpoint", "region", "work") if not found.get(name)]
    except (OSError, ValueError, AttributeError) as problem:
        raise click.ClickException(f"{config} is not what an enrolment writes: {problem}") from None
    if missing:
        raise click.ClickException(f"{config} lacks {', '.join(missing)}: start the server once, which writes it anew")
