"""Finding a running server: DIR/endpoint.json, which `codeyard serve` writes once it is ready."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import botocore.session
import click
from botocore.config import Config

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: os.environ.get("CODEYARD_DATA", "data"),
    show_default="$CODEYARD_DATA, else ./data",
    help="the server's data folder",
)
ROOT_KEY = click.option(
    "--root-key",
    metavar="SOURCE",
    default="",
    envvar="CODEYARD_ROOT_KEY_SOURCE",
    show_envvar=True,
    show_default="$CODEYARD_ROOT_KEY, else DIR/root.key",
    help="where the root key is: file:PATH, env:NAME, credential:NAME (of systemd) or pkcs11:URI",
)


def read_endpoint(data: Path) -> dict[str, Any]:
    """What endpoint.json says; a ClickException with the fix where no server has written it."""
    path = data / "endpoint.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise click.ClickException(
            f"no server has run on {data}. Start one with: codeyard serve --data {data}"
        ) from None
    except (PermissionError, ValueError) as problem:
        raise click.ClickException(f"{path} cannot be read: {problem}") from None
    return found


def not_running(data: Path) -> click.ClickException:
    """What is said where nobody answers at the address in endpoint.json."""
    return click.ClickException(f"no server is running on {data}. Start one: codeyard serve --data {data}")


def client(endpoint: dict[str, Any], service: str) -> Any:
    """A botocore client of the running server, as its first administrator; where that one's keys count no
    more, with those of the environment."""
    session = botocore.session.Session()
    return session.create_client(
        service,
        region_name=endpoint["region"],
        endpoint_url=endpoint["endpoint"],
        verify=endpoint["ca"],
        aws_access_key_id=endpoint.get("access_key_id"),
        aws_secret_access_key=endpoint.get("secret_access_key"),
        config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )
