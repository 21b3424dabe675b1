"""Talking to DIR/admin.sock: what only somebody who can read the data folder may ask."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import click

from codeyard.cli.endpoint import not_running
from codeyard.edge.unix import connect_unix


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = connect_unix(self._path)


def ask(data: Path, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the admin socket; a ClickException with the fix where no server listens."""
    connection = _UnixConnection(data / "admin.sock")
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (ConnectionError, FileNotFoundError):
        raise not_running(data) from None
    finally:
        connection.close()
    if response.status != 200:
        raise click.ClickException(str(answer.get("message", "the server refused, and its log says why")))
    return answer


def one_time_link(data: Path, user: str) -> str:
    """A console link for the user that works once."""
    return str(ask(data, "/console-link", {"user": user})["url"])
