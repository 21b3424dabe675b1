"""`codeyard host`: machines that deployments go to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import click

from codeyard.cli.endpoint import DATA, client, not_running, read_endpoint

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FIXES = {
    "EntityAlreadyExists": "{name} is enrolled already. Withdraw it first: codeyard host remove {name}",
    "InstanceNameAlreadyRegisteredException": "{name} is registered already: aws deploy list-on-premises-instances",
    "NoSuchEntity": "no host is called {name}. Those that are: aws deploy list-on-premises-instances",
    "InstanceNotRegisteredException": "no host is called {name}. Those that are: aws deploy list-on-premises-instances",
}


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
    for bucket in buckets:
        if not _BUCKET.fullmatch(bucket):
            raise click.ClickException(f"{bucket!r} is no bucket's name: 3 to 63 of a-z 0-9 . and -")
    made = _tell(
        name,
        data,
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
        ),
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
    _tell(name, data, lambda: withdraw(_caller(endpoint), name))
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


def _tell(name: str, data: Path, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except botocore.exceptions.EndpointConnectionError:
        raise not_running(data) from None
    except botocore.exceptions.ClientError as problem:
        fix = _FIXES.get(str(problem.response.get("Error", {}).get("Code")), "{problem}")
        raise click.ClickException(fix.format(name=name, problem=problem)) from None
    except (botocore.exceptions.BotoCoreError, OSError, ValueError) as problem:
        raise click.ClickException(str(problem)) from None


def _pairs(tags: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not equals or not key:
            raise click.ClickException(f"{tag!r} is not KEY=VALUE, such as env=production")
        found[key] = value
    return found
