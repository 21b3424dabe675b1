"""`codeyard migrate`: a repository of any git server into CodeCommit, or out of it, again until the switch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import click

from codeyard.cli.endpoint import DATA, client, not_running, read_endpoint
from codeyard.cli.mirror.copy import Copy, opened
from codeyard.cli.mirror.place import Place, other, ours


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                         help="a file with the other server's token or password; else $CODEYARD_GIT_TOKEN"),
            click.option("--user", default="", help="whose token it is, where the server asks for that"),
            click.option("--bearer", is_flag=True, help="send the token as a bearer token"),
            click.option("--lfs-url", default="", help="the other server's Git LFS address, if unusual"),
            click.option("--no-lfs", is_flag=True, help="leave the files of Git LFS where they are"),
            click.option("--overwrite", is_flag=True, help="replace commits that only the target has"),
            click.option("--work", type=click.Path(file_okay=False, path_type=Path), show_default="below ~/.cache",
                         help="where the mirror is kept between runs"),
            DATA,
        )
    ):  # fmt: skip
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Copy a repository from another git server, or to one."""


@command.command()
@click.argument("url")
@click.argument("name")
@_options
def git(url: str, name: str, data: Path, **options: Any) -> None:
    """Copy the repository at URL into CodeCommit's repository NAME, which is made where there is none.

    Branches, tags, notes and the files of Git LFS come along, and the default branch. Run it again to bring what
    is new since, to go on after a break, and a last time before you switch: what was deleted or moved there follows.
    """
    with _failures(data):
        endpoint = read_endpoint(data)
        codecommit = client(endpoint, "codecommit")
        source, target = _other(url, options), ours(endpoint, name, _keys(endpoint))
        with opened(_folder(options["work"], source, target)) as run:
            copy = Copy(run, source, target, click.echo)
            found = copy.fetch()
            if _create(codecommit, name):
                click.echo(f"made the repository {name}")
            there = copy.check(overwrite=options["overwrite"])
            if not options["no_lfs"]:
                copy.large_files()
            copy.send(found, there)
            if found.default.startswith("refs/heads/"):
                branch = found.default.removeprefix("refs/heads/")
                codecommit.update_default_branch(repositoryName=name, defaultBranchName=branch)
            copy.send_end(found, there)
    click.echo(f"{name} is as {source.url} was when this began.")
    click.echo(
        "Next:  run this again for what is new. To switch, stop pushes there, run it a last time, and in each clone:"
    )
    click.echo(f"  git remote set-url origin codecommit::{endpoint['region']}://{name}")


@command.command()
@click.argument("name")
@click.argument("url")
@_options
def export(name: str, url: str, data: Path, **options: Any) -> None:
    """Copy CodeCommit's repository NAME to the empty repository, or an earlier copy, at URL, Git LFS included."""
    with _failures(data):
        endpoint = read_endpoint(data)
        client(endpoint, "codecommit").get_repository(repositoryName=name)
        source, target = ours(endpoint, name, _keys(endpoint)), _other(url, options)
        with opened(_folder(options["work"], source, target)) as run:
            copy = Copy(run, source, target, click.echo)
            found = copy.fetch()
            there = copy.check(overwrite=options["overwrite"])
            if not options["no_lfs"]:
                copy.large_files()
            copy.send(found, there)
    click.echo(f"{target.url} is as {name} was when this began.")
    branch = found.default.removeprefix("refs/heads/")
    click.echo(
        f"Next:  make {branch or 'a branch'} the default there, in its settings; run this again for what is new since."
    )
    click.echo(f"  git remote set-url origin {target.url}")


def _other(url: str, options: dict[str, Any]) -> Place:
    token = (
        options["token_file"].read_text().strip() if options["token_file"] else os.environ.get("CODEYARD_GIT_TOKEN", "")
    )
    return other(url, options["user"], token, bearer=options["bearer"], lfs_url=options["lfs_url"])


def _keys(endpoint: dict[str, Any]) -> Any:
    """Those that the AWS client signs with: the endpoint's, else those of the environment."""
    session = botocore.session.Session()
    if "access_key_id" in endpoint:
        session.set_credentials(endpoint["access_key_id"], endpoint["secret_access_key"])
    found = session.get_credentials()
    if found is None:
        raise click.ClickException("no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of an IAM user")
    return found.get_frozen_credentials()


def _folder(work: Path | None, source: Place, target: Place) -> Path:
    """Where the mirror is kept: one a pair of places."""
    if work is not None:
        return work.absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(f"{source.url}\n{target.url}".encode()).hexdigest()[:16]
    return cache / "codeyard" / "migrate" / digest


def _create(codecommit: Any, name: str) -> bool:
    try:
        codecommit.get_repository(repositoryName=name)
    except codecommit.exceptions.RepositoryDoesNotExistException:
        codecommit.create_repository(repositoryName=name)
        return True
    return False


class _failures:
    """AWS's refusals as one line each, without a trace."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, botocore.exceptions.EndpointConnectionError):
            raise not_running(self._data) from None
        if isinstance(problem, botocore.exceptions.ClientError | botocore.exceptions.BotoCoreError):
            raise click.ClickException(str(problem)) from None
