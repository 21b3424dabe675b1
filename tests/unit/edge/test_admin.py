"""The admin socket's commands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.edge.admin import Admin


def run(path: str, body: bytes = b"{}", method: str = "POST") -> tuple[int, Any]:
    """(status, answer) of one request."""

    def refuse(asked: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("EntityAlreadyExists", "it is there already")

    admin = Admin({"echo": lambda asked: {"said": asked["word"]}, "refuse": refuse}, lambda: b"up 1\n")
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(admin({"type": "http", "method": method, "path": path}, receive, send))
    raw = sent[1]["body"]
    return sent[0]["status"], raw if path == "/metrics" else json.loads(raw)


def test_a_command_answers_with_json() -> None:
    assert run("/echo", b'{"word": "hi"}') == (200, {"said": "hi"})


def test_metrics_are_text() -> None:
    assert run("/metrics", b"", "GET") == (200, b"up 1\n")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/nonsense", b"{}", 404),
        ("/echo", b"{}", 400),
        ("/echo", b"{not json", 400),
        ("/echo", b"[]", 400),
        ("/echo", b'"word"', 400),
        ("/echo", b"\xff", 400),
        ("/refuse", b"{}", 400),
        ("/echo", b" " * 70_000, 413),
    ],
)
def test_what_it_cannot_do_it_says(path: str, body: bytes, status: int) -> None:
    found = run(path, body)
    assert found[0] == status
    assert found[1]["message"]
