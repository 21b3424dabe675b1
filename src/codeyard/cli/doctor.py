"""`codeyard doctor`: what this machine has of what Codeyard needs, and how to get the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click

from codeyard.git import gocryptfs

_PROGRAMS = {
    "git": ("repositories", "apt-get install git"),
    "bwrap": ("builds in a sandbox", "apt-get install bubblewrap"),
    "slirp4netns": ("network for isolated builds", "apt-get install slirp4netns"),
    "ip": ("network rules for isolated builds", "apt-get install iproute2"),
    "openssl": ("checking deployment envelopes by hand", "apt-get install openssl"),
}


@click.command()
def command() -> None:
    """Check this machine; exits 1 where something needed is missing."""
    missing = 0
    for program, (purpose, fix) in _PROGRAMS.items():
        found = shutil.which(program)
        click.echo(f"{'ok     ' if found else 'missing'} {program:<12} {purpose}" + ("" if found else f"  ->  {fix}"))
        missing += found is None
    allowed = _user_namespaces()
    click.echo(
        f"{'ok     ' if allowed else 'missing'} user namespaces"
        + ("" if allowed else "  ->  sysctl kernel.unprivileged_userns_clone=1")
    )
    tunnels = os.access("/dev/net/tun", os.R_OK | os.W_OK)
    click.echo(
        f"{'ok     ' if tunnels else 'missing'} /dev/net/tun network for isolated builds"
        + ("" if tunnels else "  ->  chmod 666 /dev/net/tun; in a container, pass --device /dev/net/tun")
    )
    lacking = gocryptfs.missing()
    click.echo(
        f"{'missing' if lacking else 'ok     '} gocryptfs    repositories under KMS keys (optional)" + _fix(lacking)
    )
    sys.exit(1 if missing or not (allowed and tunnels) else 0)


def _fix(lacking: str) -> str:
    return f"  ->  {lacking}" if lacking else ""


def _user_namespaces() -> bool:
    try:
        return subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
