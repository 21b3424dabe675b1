"""`codeyard serve`: the whole suite on one port, with a build runner beside it."""

from __future__ import annotations

import datetime
import gc
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from codeyard.cli import logs
from codeyard.cli.endpoint import ROOT_KEY
from codeyard.cli.mail import smtp_of, smtp_options

_PORT = click.IntRange(0, 65535)
_DATABASES = ("postgresql://", "postgres://", "postgresql+psycopg://", "sqlite:///")
_FILE = click.Path(dir_okay=False, path_type=Path)


def _region(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", value):
        raise click.BadParameter(f"{value!r} is no region's name: they look like us-east-1 or eu-central-1")
    return value


def _url(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        url = urlsplit(value)
        right = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
    except ValueError:  # a port that is none, a bracket that is not closed
        right = False
    if value and (not right or url.query or url.fragment or url.username is not None):
        raise click.BadParameter(f"{value!r} is no URL of a server: it looks like https://code.example.com:4599")
    return value


def _database(_: click.Context, __: click.Parameter, value: str) -> str:
    if "://" in value and not value.startswith(_DATABASES):
        raise click.BadParameter(
            f"{value.partition('://')[0]}:// is no database that Codeyard knows: give postgresql://USER@HOST/NAME, or "
            "leave it out for SQLite in the data folder"
        )
    return value


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="where everything is kept",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=_PORT, default=4599, show_default=True, help="port for HTTP and TLS; 0 takes any free one")
@click.option("--tls-port", type=_PORT, default=None, help="a second port that speaks TLS only")
@click.option("--tls-cert", type=_FILE, default=None, help="a certificate of your own, with its chain (PEM)")
@click.option("--tls-key", type=_FILE, default=None, help="its private key (PEM); without it, --tls-cert holds it")
@click.option("--tls-ca", type=_FILE, default=None, help="the CA that verifies it, where this machine has it not (PEM)")
@click.option("--ssh-port", type=_PORT, default=0, show_default=True, help="git over SSH; 0 takes any free port")
@click.option("--region", default="us-east-1", callback=_region, show_default=True, help="the home region")
@click.option("--public-url", default="", callback=_url, help="how clients reach it; feeds clone URLs and links")
@click.option("--database", default="", callback=_database, help="a PostgreSQL URL; without it, SQLite in --data")
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
@smtp_options
def command(data: Path, no_runner: bool, pass_host_tooling: bool, **options: Any) -> None:
    """Serve every door on one port, with a local build runner beside it."""
    gc.disable()  # what is imported stays: looking through it again and again takes a fifth of a start
    from codeyard.cli.local_runner import LocalRunner
    from codeyard.edge.authority import CertificateError
    from codeyard.main import Options, Yard
    from codeyard.storage import AlreadyOpenError, RootKeyError

    gc.enable()

    flags = ["--pass-host-tooling"] if pass_host_tooling else []
    flags += ["--unsafe-local-builds"] if options["unsafe_local_builds"] else []
    files, smtp = _tls_files(options), smtp_of(options)
    runner = LocalRunner(data.absolute(), flags)

    def ready(found: dict[str, Any]) -> None:
        if not no_runner:
            yard.enrol_local_runner()
            runner.ensure()
        click.echo(f"Codeyard serves at {found['endpoint']} (TLS on the same port), console {found['console']}")
        click.echo(f'Next:  eval "$(codeyard env --data {data})"  and then any aws, boto3 or git command')

    logs.begin(logging.WARNING)
    try:
        yard = Yard(Options(data=data.absolute(), tls_files=files, smtp=smtp, **options))
    except AlreadyOpenError:
        raise click.ClickException(f"a server is already running on {data}. Stop it, or give another --data") from None
    except (RootKeyError, CertificateError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot serve at {options['host']}: {error}") from None
    try:
        yard.serve(ready)
    except (RootKeyError, CertificateError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        if not no_runner:
            runner.stop()


def _tls_files(options: dict[str, Any]) -> Any:
    """The files of a certificate of one's own, looked through; a UsageError with what is wrong with them."""
    from codeyard.edge import own
    from codeyard.edge.authority import CertificateError

    chain, key, ca = (options.pop(name) for name in ("tls_cert", "tls_key", "tls_ca"))
    if chain is None:
        if key or ca:
            raise click.UsageError("--tls-key and --tls-ca belong to a certificate: name it with --tls-cert")
        return None
    files = own.Files(chain.absolute(), (key or chain).absolute(), ca.absolute() if ca else None)
    try:
        own.load(files, datetime.datetime.now(datetime.UTC))
    except CertificateError as problem:
        raise click.UsageError(str(problem)) from None
    return files
