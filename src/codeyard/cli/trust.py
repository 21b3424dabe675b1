"""`codeyard trust`: this machine's programs believe the server's CA, so that hard-coded endpoints can be used."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from codeyard.cli.endpoint import DATA, read_endpoint
from codeyard.cli.stores import GitStore, JavaStore, Store, StoreError, SystemStore, identity

# The services that are built, by the first label of their endpoints; those of AWS itself stay reachable for the rest.
_REGIONAL = (
    *("cloudtrail", "codebuild", "codecommit", "codedeploy", "codedeploy-commands", "codedeploy-commands-secure"),
    *("codepipeline", "codestar-notifications", "events", "git-codecommit", "kms", "logs", "s3", "secretsmanager"),
    *("sns", "ssm", "sts"),
)
_GLOBAL = ("iam", "s3", "sts", "organizations.us-east-1")


@click.command()
@DATA
@click.option("--uninstall", is_flag=True, help="take the CA out of the stores again")
@click.option("--dry-run", "--print", "dry_run", is_flag=True, help="only say what would be done")
def command(data: Path, uninstall: bool, dry_run: bool) -> None:
    """Install the server's CA into the stores of the system, Java and git; tell the lines for /etc/hosts."""
    endpoint, ca = read_endpoint(data), data.absolute() / "ca.pem"
    try:
        alias = identity(ca)
    except (OSError, ValueError) as problem:
        raise click.ClickException(f"{ca}, which `codeyard serve` makes, cannot be read: {problem}") from None
    system = SystemStore.found(ca, alias)
    java = JavaStore.found(ca, alias)
    stores: list[Store] = [store for store in (system, java) if store is not None]
    unable = bool(stores) and os.geteuid() != 0 and not all(store.has() != uninstall for store in stores)
    for store in stores:
        _change(store, uninstall=uninstall, dry_run=dry_run or unable)
    if system is None:
        click.echo("system: no store of CAs is known here; point programs at the bundle: codeyard env")
    if java is None:
        click.echo("java:   no keytool here, nothing to do")
    _git(endpoint, ca, system, uninstall=uninstall, dry_run=dry_run)
    if not uninstall:
        _tell(endpoint, system)
    if unable and not dry_run:
        more = " --uninstall" if uninstall else ""
        program = Path(sys.argv[0]).absolute()
        raise click.ClickException(
            f"the stores belong to root. Run: sudo {program} trust --data {data.absolute()}{more}"
        )


def _change(store: Store, *, uninstall: bool, dry_run: bool) -> None:
    """Bring one store to where it should be, and say so."""
    name = f"{store.name + ':':<8}"
    if store.has() is not uninstall:
        click.echo(f"{name}{'is without it' if uninstall else 'has it'} ({store.place})")
    elif dry_run:
        for line in store.plan(uninstall=uninstall):
            click.echo(f"{name}would run: {line}")
    else:
        try:
            store.remove() if uninstall else store.add()
        except StoreError as problem:
            raise click.ClickException(f"{store.name}: {problem}") from None
        click.echo(f"{name}{'taken out of' if uninstall else 'installed into'} {store.place}")


def _git(endpoint: dict[str, Any], ca: Path, system: SystemStore | None, *, uninstall: bool, dry_run: bool) -> None:
    """git reads the system's store; only where that is without the CA is its own configuration needed."""
    store = GitStore.found(ca, _git_urls(endpoint))
    if store is None:
        click.echo("git:    no git here, nothing to do")
    elif uninstall or system is None or not (system.has() or (dry_run and os.geteuid() == 0)):
        _change(store, uninstall=uninstall, dry_run=dry_run)
    else:
        click.echo("git:    the system's store is enough")


def _git_urls(endpoint: dict[str, Any]) -> list[str]:
    server = urlsplit(endpoint["endpoint"]).netloc
    return [f"https://{server}/", f"https://git-codecommit.{endpoint['region']}.amazonaws.com/"]


def _tell(endpoint: dict[str, Any], system: SystemStore | None) -> None:
    """What stays for the user to do: the names, the port, and the clients that bring CAs of their own."""
    click.echo(
        "\n# Clients with AWS's endpoints in them: start the server with --tls-port 443, and put into /etc/hosts"
    )
    click.echo("# (and BUCKET.s3.amazonaws.com for a bucket that is addressed as a host)")
    address = _address(endpoint)
    for name in host_names(endpoint["region"]):
        click.echo(f"{address} {name}")
    bundle = system.bundle if system is not None else Path(endpoint["ca"]).with_name("ca-bundle.pem")
    click.echo("\n# The aws command line, boto3 and Node bring CAs of their own; they are told by")
    click.echo(f"export AWS_CA_BUNDLE={bundle} NODE_EXTRA_CA_CERTS={bundle}")


def _address(endpoint: dict[str, Any]) -> str:
    host = urlsplit(endpoint["endpoint"]).hostname or "localhost"
    return "127.0.0.1" if host == "localhost" else host


def host_names(region: str) -> list[str]:
    """The names by which AWS's clients find the services in a region, and the global ones."""
    return [f"{name}.amazonaws.com" for name in (*(f"{name}.{region}" for name in _REGIONAL), *_GLOBAL)]
