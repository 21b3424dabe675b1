"""A git server's repository as a source or a target: its URL, and the credentials that git gets by environment."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

import click

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$CODEYARD_GIT_USER" "$CODEYARD_GIT_TOKEN"; }; f'
)
_SCP = re.compile(r"(?:[\w.+-]+@)?[\w.-]+:(?!//|:)\S+")
_SCHEMES = ("http", "https", "ssh", "git", "file")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is, with the git settings and the environment to go there; secrets are in these alone."""

    url: str
    lfs_url: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def lfs_push(self) -> str:
        """Where Git LFS sends to: said outright, for a .lfsconfig of the source would lead back to the source."""
        if self.lfs_url:
            return self.lfs_url
        if self.url.startswith("/"):
            return f"file://{self.url}"
        return f"{self.url.removesuffix('.git')}.git/info/lfs" if self.url.startswith("http") else self.url


def other(url: str, user: str, token: str, *, bearer: bool, lfs_url: str) -> Place:
    """Any git server's repository. A password within the URL is taken out of it; a token stands before it."""
    url, named, inside = _parted(url)
    secret = token or inside
    parts = urlsplit(url)
    if not secret:
        return Place(url, lfs_url)
    if parts.scheme not in ("http", "https"):
        raise click.ClickException(
            f"{url} takes no token. Give an https:// URL, or leave the token out: SSH uses your key"
        )
    root = f"{parts.scheme}://{parts.netloc}"
    if bearer:
        header = ((f"http.{root}/.extraHeader", f"Authorization: Bearer {secret}"),)
        return Place(url, lfs_url, header, {}, (secret,))
    said = {"CODEYARD_GIT_USER": user or named or "oauth2", "CODEYARD_GIT_TOKEN": secret}
    settings = ((f"credential.{root}.helper", ""), (f"credential.{root}.helper", _HELPER))
    return Place(url, lfs_url, settings, said, (secret, quote(secret, safe="")))


def ours(endpoint: dict[str, Any], name: str, keys: Any) -> Place:
    """Repository NAME of the running server, for the owner of the keys (botocore's frozen credentials)."""
    root, path = endpoint["endpoint"], f"/v1/repos/{name}"
    helper = f"!{shlex.quote(sys.executable)} -m codeyard.cli.mirror.sign"
    settings = (
        (f"credential.{root}.helper", ""),
        (f"credential.{root}.helper", helper),
        (f"http.{root}/.sslCAInfo", str(Path(endpoint["ca"]).with_name("ca-bundle.pem"))),
    )
    environment = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token or "",
        "AWS_REGION": endpoint["region"],
        "CODEYARD_REPOSITORY_PATH": path,
    }
    return Place(root + path, f"{root}{path}/info/lfs", settings, environment, (keys.secret_key,))


def _parted(url: str) -> tuple[str, str, str]:
    """The URL without user and password where it is http(s), and these; a folder as its full path."""
    try:
        parts = urlsplit(url)
    except ValueError as problem:
        raise click.ClickException(f"URL cannot be read: {problem}") from None
    if url.startswith("-") or (parts.scheme not in _SCHEMES and not _SCP.fullmatch(url) and not os.path.isdir(url)):
        raise click.ClickException("URL is none of https://, http://, ssh://, git://, user@host:path or a folder")
    if _misread(parts):
        raise click.ClickException(
            "the URL has user and password in a way that cannot be read. Write / as %2F and @ as "
            "%40 in them, or give the password by --token-file"
        )
    if parts.scheme in ("http", "https"):
        host = parts.netloc.rpartition("@")[2]
        clean = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        return clean, unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme in _SCHEMES or not os.path.isdir(url):
        return url, "", ""
    return str(Path(url).resolve()), "", ""


def _misread(parts: SplitResult) -> bool:
    """Whether a part of a password may stand elsewhere than it is looked for, from where it would be shown."""
    try:
        parts.port  # noqa: B018
    except ValueError:
        return True
    if parts.scheme in ("http", "https"):
        return "@" in parts.path + parts.query + parts.fragment
    return bool(parts.scheme in _SCHEMES and parts.password)
