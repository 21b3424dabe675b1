"""`codeyard kms`: the root key, above all keys of KMS."""

from __future__ import annotations

from pathlib import Path

import click

from codeyard.cli.endpoint import DATA, ROOT_KEY


@click.group()
def command() -> None:
    """Look after the root key."""


@command.command()
@DATA
@ROOT_KEY
@click.option("--to", metavar="SOURCE", default="", help="where the new key is; a file that is not there is made")
def rotate_root(data: Path, root_key: str, to: str) -> None:
    """Seal the data folder's keyring by a new root key. The server may run meanwhile.

    Without --to, the present key's file gets a new key. --root-key says where the present key is.
    """
    from codeyard.engine import SystemIds
    from codeyard.storage import Keyring, RootKeyError

    if not data.is_dir():
        raise click.ClickException(f"there is no folder {data}: name the server's by --data")
    try:
        done = Keyring(data.absolute(), SystemIds()).rotate(root_key, to)
    except (RootKeyError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"The keyring {data}/keyring is sealed by the key of {done.new}. The old key opens it no more.")
    for line in _advice(data, done.old, done.new, done.removed, done.adopted):
        click.echo(line, err=True)


def _advice(data: Path, old: str, new: str, removed: bool, adopted: bool) -> list[str]:
    """What is left to do, a line each."""
    said = [f"Keep a copy of the new key, apart from backups of {data}: without it, nothing in them ever opens."]
    if removed:
        said.append(f"{old.removeprefix('file:')} is removed.")
    elif old != new:
        said.append(f"Remove the key of {old} once no backup needs it.")
    if adopted:
        said.append(
            f"{data} was made before there were keyrings: its data is under its first root key. Whoever has that key "
            "and a copy of the data still reads it. Only a new server, and what you copy to it, is under another."
        )
    return [*said, f"Next:  codeyard serve --data {data} --root-key '{new}'"] if old != new else said
