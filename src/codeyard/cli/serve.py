"""`codeyard serve`: the whole suite on one port."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("data"), show_default=True,
              help="where everything is kept")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=4599, show_default=True, help="port for HTTP and TLS; 0 takes any free one")
@click.option("--tls-port", type=int, default=None, help="a second port that speaks TLS only")
@click.option("--ssh-port", type=int, default=0, help="accepted for later: SSH is not built, endpoint.json says null")
@click.option("--region", default="us-east-1", show_default=True, help="the home region")
@click.option("--public-url", default="", help="how clients reach this server; feeds clone URLs and links")
@click.option("--database", default="", help="a PostgreSQL URL; without it, SQLite in the data folder")
@click.option("--no-runner", is_flag=True, help="start no local build runner")
@click.option("--unsafe-local-builds", is_flag=True, help="run builds without a sandbox (recorded in each build)")
@click.option("--pass-host-tooling", is_flag=True, help="pass this host's pip, npm and CA configuration into builds")
@click.option("--allow-private-outbound", is_flag=True, help="let webhooks and SNS reach private addresses")
def command(data: Path, **options: object) -> None:
    """Serve every door on one port, with a local build runner beside it."""
    from codeyard.main import Options, serve

    serve(Options(data=data.absolute(), **options))  # type: ignore[arg-type]
