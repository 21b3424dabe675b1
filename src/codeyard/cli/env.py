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
        **_keys(endpoint),
        "AWS_DEFAULT_REGION": endpoint["region"],
        "AWS_REGION": endpoint["region"],
        "CODE_COMMIT_ENDPOINT": urlsplit(endpoint["endpoint"]).netloc,
        **dict.fromkeys(_BUNDLE_VARIABLES, bundle),
    }


def _keys(endpoint: dict[str, Any]) -> dict[str, str]:
    """The first administrator's keys, as long as they count; then whoever calls brings keys of their own."""
    if "access_key_id" not in endpoint:
        return {}
    return {
        "AWS_ACCESS_KEY_ID": endpoint["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": endpoint["secret_access_key"],
    }


@click.command()
@DATA
def command(data: Path) -> None:
    """Print shell commands that point aws, boto3 and git at the running server."""
    endpoint = read_endpoint(data)
    if not _keys(endpoint):
        click.echo("The first administrator's keys count no more: use those of another IAM user.", err=True)
    for name, value in variables(endpoint).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")
