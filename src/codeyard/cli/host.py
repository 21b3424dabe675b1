"""`codeyard host`: machines that deployments go to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.exceptions
import click

from codeyard.cli.endpoint import DATA, client, read_endpoint


@click.group()
def command() -> None:
    """Enrol and withdraw deployment hosts."""


@command.command()
@click.argument("name")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="a tag that deployment groups select by")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="where its files go [default: DATA/hosts/NAME]"
)
@click.option("--bucket", "buckets", multiple=True, help="a bucket whose bundles the host may fetch [default: all]")
@click.option("--whole-machine", is_flag=True, help="the host is this machine itself, not a directory of its own")
@DATA
def add(
    name: str, tags: tuple[str, ...], folder: Path | None, buckets: tuple[str, ...], whole_machine: bool, data: Path
) -> None:
    """Enrol the host NAME: an IAM user with the least it needs, its registration, its agent's configuration."""
    from codeyard.agent.enrol import enrol

    endpoint = read_endpoint(data)
    where = folder or data / "hosts" / name
    made = _tell(
        lambda: enrol(
            _caller(endpoint),
            name,
            _pairs(tags),
            endpoint=endpoint["endpoint"],
            region=endpoint["region"],
            folder=where.absolute(),
            buckets=buckets,
            ca=Path(endpoint["ca"]),
            local=not whole_machine,
        )
    )
    click.echo(f"{made.name} is enrolled as {made.user_arn}")
    click.echo(f"Next:  codeyard agent --config {made.config}")


@command.command()
@click.argument("name")
@DATA
def remove(name: str, data: Path) -> None:
    """Withdraw the host NAME: its registration, its user and its keys."""
    from codeyard.agent.enrol import withdraw

    endpoint = read_endpoint(data)
    _tell(lambda: withdraw(_caller(endpoint), name))
    click.echo(f"{name} is withdrawn; stop its agent")


def _caller(endpoint: dict[str, Any]) -> Any:
    from botocore import xform_name

    clients: dict[str, Any] = {}

    def call(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if service not in clients:
            clients[service] = client(endpoint, service)
        answer: dict[str, Any] = getattr(clients[service], xform_name(operation))(**params)
        return answer

    return call


def _tell(act: Any) -> Any:
    try:
        return act()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ValueError) as problem:
        raise click.ClickException(str(problem)) from None


def _pairs(tags: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not equals or not key:
            raise click.ClickException(f"{tag!r} is not KEY=VALUE")
        found[key] = value
    return found
