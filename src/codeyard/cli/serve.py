"""`codeyard serve`: the whole suite on one port, with a build runner beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codeyard.cli.endpoint import ROOT_KEY


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="where everything is kept",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=4599, show_default=True, help="port for HTTP and TLS; 0 takes any free one")
@click.option("--tls-port", type=int, default=None, help="a second port that speaks TLS only")
@click.option("--ssh-port", type=int, default=0, help="accepted for later: SSH is not built, endpoint.json says null")
@click.option("--region", default="us-east-1", show_default=True, help="the home region")
@click.option("--public-url", default="", help="how clients reach this server; feeds clone URLs and links")
@click.option("--database", default="", help="a PostgreSQL URL; without it, SQLite in the data folder")
@ROOT_KEY
@click.option("--no-runner", is_flag=True, help="start no local build runner")
@click.option(
    "--runner-lease",
    type=click.IntRange(5, 3600),
    default=60,
    show_default=True,
    help="seconds of a runner's silence after which its builds are given up",
)
@click.option("--unsafe-local-builds", is_flag=True, help="run builds without a sandbox (recorded in each build)")
@click.option("--pass-host-tooling", is_flag=True, help="pass this host's pip, npm and CA configuration into builds")
@click.option("--allow-private-outbound", is_flag=True, help="let webhooks and SNS reach private addresses")
def command(data: Path, no_runner: bool, pass_host_tooling: bool, **options: Any) -> None:
    """Serve every door on one port, with a local build runner beside it."""
    from codeyard.cli.local_runner import LocalRunner
    from codeyard.main import Options, Yard
    from codeyard.storage import AlreadyOpenError, RootKeyError

    flags = ["--pass-host-tooling"] if pass_host_tooling else []
    flags += ["--unsafe-local-builds"] if options["unsafe_local_builds"] else []
    runner = LocalRunner(data.absolute(), flags)

    def ready(found: dict[str, Any]) -> None:
        if not no_runner:
            yard.enrol_local_runner()
            runner.ensure()
        click.echo(f"Codeyard serves at {found['endpoint']} (TLS on the same port), console {found['console']}")
        click.echo(f'Next:  eval "$(codeyard env --data {data})"  and then any aws, boto3 or git command')

    try:
        yard = Yard(Options(data=data.absolute(), **options))
    except AlreadyOpenError:
        raise click.ClickException(f"a server is already running on {data}. Stop it, or give another --data") from None
    except RootKeyError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot serve at {options['host']} port {options['port']}: {error}") from None
    try:
        yard.serve(ready)
    except RootKeyError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if not no_runner:
            runner.stop()
