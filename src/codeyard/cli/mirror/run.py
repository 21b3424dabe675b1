"""Running git for a migration: settings and secrets by environment, progress shown, failures with what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from codeyard.cli.mirror.place import Place

_ALWAYS = (
    *(("core.hooksPath", os.devnull), ("gc.auto", "0"), ("maintenance.auto", "false")),
    *(("lfs.locksverify", "false"), ("protocol.ext.allow", "never")),
)
_FIXES = (
    (r"Authentication failed|could not read Username|HTTP 401|Authorization error|error: 401|terminal prompts disabled",
     "The server wants other credentials. Give a token that may read (or write) the repository by --token-file FILE or "
     "$CODEYARD_GIT_TOKEN, its user by --user; --bearer where the server takes bearer tokens"),
    (r"error: 403|HTTP 403", "These credentials may not do this. The token needs the right to read (or write) the "
     "repository; on Codeyard: codecommit:GitPull and codecommit:GitPush"),
    (r"Permission denied \(publickey|Host key verification failed",
     "SSH was refused. Try `ssh HOST` first: its host key must be known, and your key must be with the server"),
    (r"not found|does not exist|does not appear to be a git repository|error: 404",
     "Check the URL; servers hide what a token may not read, too"),
    (r"Could not resolve host|Connection refused|Failed to connect|unable to connect|timed out",
     "The server cannot be reached. Check the host's name and port, and run the same command again"),
    (r"couldn't find remote ref", "A branch went away meanwhile. Run the same command again"),
    (r"SSL certificate", "Its certificate is not trusted: name its CA with GIT_SSL_CAINFO=FILE"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Git:
    """git over one bare repository, the mirror; what it says goes to `show`, line by line, without secrets."""

    folder: Path
    lock: int
    show: Callable[[str], None]

    def __call__(
        self, *arguments: str, place: Place | None = None, stdin: str = "", settings: Sequence[tuple[str, str]] = ()
    ) -> str:
        """Run one command, to its end; what it wrote. A ClickException where it fails."""
        pairs = [*_ALWAYS, *(place.settings if place else ()), *settings]
        environment = {**os.environ, **(place.environment if place else {}), **_given(pairs)}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": str(self.folder), "LC_ALL": "C"}
        environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        if place and place.secrets:
            for name in ("GIT_TRACE", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE", "GIT_TRANSFER_TRACE"):
                environment.pop(name, None)
        if stdin:
            (self.folder / "stdin").write_text(stdin)
        with open(self.folder / "stdin" if stdin else os.devnull, "rb") as asked:
            child = subprocess.Popen(
                ["git", *arguments],
                stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                pass_fds=(self.lock,), cwd=self.folder.parent,
            )  # fmt: skip
            return self._ended(child, arguments, place)

    def _ended(self, child: subprocess.Popen[bytes], arguments: Sequence[str], place: Place | None) -> str:
        assert child.stdout
        assert child.stderr
        with ThreadPoolExecutor(1) as pool:
            wrote = pool.submit(child.stdout.read)
            said: list[str] = []
            for line in _lines(child.stderr):
                said.append(without_secrets(line, place))
                del said[:-40]
                self.show(said[-1])
            text = wrote.result().decode(errors="surrogateescape")
        if child.wait() != 0:
            tail = "\n".join(said[-8:]) or without_secrets(text[-800:], place)
            raise click.ClickException(f"git {arguments[0]} failed:\n{tail}{advice(tail)}")
        return text


def advice(said: str) -> str:
    """What to do about a failure, by what git said of it."""
    found = next((fix for pattern, fix in _FIXES if re.search(pattern, said, re.IGNORECASE)), "")
    return f"\n{found or 'What is done is kept: run the same command again, and it goes on from here'}."


def without_secrets(text: str, place: Place | None) -> str:
    """The text with the place's secrets blotted out, and without control characters."""
    for secret in place.secrets if place else ():
        text = text.replace(secret, "***")
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def shown(line: str) -> None:
    """Show a line of git's: its counting in place on a terminal, only the ends of it elsewhere."""
    counting = re.search(r"\d+% \(", line) is not None and "done" not in line
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K  {line}", err=True, nl=not counting)
    elif not counting:
        click.echo(f"  {line}", err=True)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines as they come; git ends those that count with a carriage return."""
    kept = b""
    while chunk := os.read(stream.fileno(), 65536):
        *whole, kept = re.split(rb"[\r\n]", kept + chunk)
        yield from (line.decode(errors="replace").rstrip() for line in whole if line.strip())
    if kept.strip():
        yield kept.decode(errors="replace").rstrip()


def _given(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as git takes them by environment, after those that are there already."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    found = {"GIT_CONFIG_COUNT": str(first + len(pairs))}
    for number, (key, value) in enumerate(pairs, first):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found
