"""Git for the runner: a mirror of each repository, and checkouts that builds overlay. No hooks, no other protocols."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from codeyard.runner.client import Server

FORM = 1  # of a checkout; another form is another key
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REFERENCE = re.compile(r"[\w][\w./@+-]*", re.ASCII)
_SAFE = {
    "core.hooksPath": "/dev/null",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.file.allow": "always",
    "gc.auto": "0",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "advice.detachedHead": "false",
    "safe.directory": "*",
}
_ASK = 'case "$1" in Username*) printf %s "$CODEYARD_GIT_USER";; *) printf %s "$CODEYARD_GIT_PASSWORD";; esac'


class GitFailed(Exception):
    """What git said, without credentials."""


def fetch(server: Server, name: str, mirror: Path) -> str:
    """Bring the mirror up to date with the session's own credentials; the name of the default branch."""
    path = f"/v1/repos/{name}"
    user, password = server.git_password(path)
    ask = mirror.parent / ".askpass"
    if not ask.exists():
        ask.write_text(f"#!/bin/sh\n{_ASK}\n")
        ask.chmod(0o700)
    secret = {"GIT_ASKPASS": str(ask), "CODEYARD_GIT_USER": user, "CODEYARD_GIT_PASSWORD": password}
    if server.place.ca:
        secret["GIT_SSL_CAINFO"] = server.place.ca
    if not mirror.exists():
        _git(None, "init", "--quiet", "--bare", str(mirror))
    url = server.place.endpoint + path
    refspecs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    said = _git(mirror, "ls-remote", "--symref", url, "HEAD", extra=secret)
    _git(mirror, "fetch", "--quiet", "--prune", "--no-write-fetch-head", url, *refspecs, extra=secret)
    found = re.match(r"ref: refs/heads/(\S+)\tHEAD", said)
    return found[1] if found else "HEAD"


def commit_of(mirror: Path, version: str, head: str) -> str:
    """The commit that a source version names: an id, a branch, a tag; the default branch where it names nothing."""
    wanted = version or head
    if not _REFERENCE.fullmatch(wanted):
        raise GitFailed("reference not found")
    for place in (f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted):
        found = _git(mirror, "rev-parse", "--verify", "--quiet", f"{place}^{{commit}}", fails="").strip()
        if _COMMIT.fullmatch(found):
            return found
    raise GitFailed("reference not found")


def write(mirror: Path, target: Path, commit: str, depth: int, origin: str) -> None:
    """A checkout of the commit with a .git of its own: many builds call git."""
    _git(None, "init", "--quiet", str(target))
    shallow = ("--depth", str(depth)) if depth else ()
    _git(mirror, "update-ref", f"refs/builds/{commit}", commit)
    refspecs = [f"+refs/builds/{commit}:refs/codeyard/build"]
    if not depth:
        refspecs += ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    _git(target, "fetch", "--quiet", "--no-write-fetch-head", *shallow, f"file://{mirror}", *refspecs)
    _git(target, "remote", "add", "origin", origin)
    _git(target, "checkout", "--quiet", "--detach", commit)


def _git(folder: Path | None, *arguments: str, extra: Mapping[str, str] | None = None, fails: str | None = None) -> str:
    settings = [word for name, value in _SAFE.items() for word in ("-c", f"{name}={value}")]
    where = ["-C", str(folder)] if folder is not None else []
    done = subprocess.run(
        ["git", *settings, *where, *arguments],
        env={**_environment(), **(extra or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return done.stdout
    if fails is not None:
        return fails
    raise GitFailed(f"git {arguments[0]} failed: {done.stderr.strip()[-500:]}")


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }
