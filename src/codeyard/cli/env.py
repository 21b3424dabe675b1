"""`eval "$(codeyard env)"`: point aws, boto3 and git at the running server."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from codeyard.cli.endpoint import DATA, read_endpoint

_BUNDLE_VARIABLES = (
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)


def variables(endpoint: dict[str, Any]) -> dict[str, str]:
    """The environment that makes unmodified clients talk to the server."""
    bundle = str(Path(endpoint["ca"]).with_name("ca-bundle.pem"))
    return {
        "AWS_ENDPOINT_URL": endpoint["endpoint"],
        "AWS_ACCESS_KEY_ID": endpoint["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": endpoint["secret_access_key"],
        "AWS_DEFAULT_REGION": endpoint["region"],
        "AWS_REGION": endpoint["region"],
        "CODE_COMMIT_ENDPOINT": urlsplit(endpoint["endpoint"]).netloc,
        **dict.fromkeys(_BUNDLE_VARIABLES, bundle),
    }


@click.command()
@DATA
def command(data: Path) -> None:
    """Print shell commands that point aws, boto3 and git at the running server."""
    for name, value in variables(read_endpoint(data)).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")
