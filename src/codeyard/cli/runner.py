"""`codeyard runner`: claims builds from a server and runs them on this machine."""

from __future__ import annotations

import logging
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="what the enrolment wrote",
)
@click.option("--unsafe-local-builds", is_flag=True, help="run builds without a sandbox (recorded in each build)")
@click.option("--pass-host-tooling", is_flag=True, help="pass this host's pip, npm and CA configuration into builds")
@click.option("--once", is_flag=True, help="run one build and end")
def command(config: Path, unsafe_local_builds: bool, pass_host_tooling: bool, once: bool) -> None:
    """Claim builds and run each in a sandbox, until SIGTERM."""
    from codeyard.runner.main import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    flags = {"unsafe_local_builds": unsafe_local_builds, "pass_host_tooling": pass_host_tooling}
    run(config, flags=flags, once=once)
