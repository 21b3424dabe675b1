"""Which door a request goes to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codeyard.edge.app import Front


class Sent(list[Any]):
    """What a door sent."""

    async def __call__(self, message: Any) -> None:
        self.append(message)

    @property
    def status(self) -> int:
        return int(self[0]["status"])


async def nothing() -> dict[str, Any]:
    """No body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def door(name: str, seen: list[str]) -> Any:
    """A door that notes its name."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(name)

    return app


def front(seen: list[str]) -> Front:
    """Every door noted in `seen`."""
    return Front(
        aws=door("aws", seen),
        git=door("git", seen),
        webhooks=door("webhooks", seen),
        admin=door("admin", seen),
        console=door("console", seen),
        console_hosts=frozenset({"console.localhost"}),
        public_host="code.example.com",
    )


def ask(app: Front, path: str, *, method: str = "GET", host: str = "localhost:1", **more: Any) -> Sent:
    """One request's answer."""
    headers = [(b"host", host.encode()), *more.pop("headers", [])]
    scope = {"type": "http", "scheme": "http", "path": path, "method": method, "query_string": b"", "headers": headers}
    sent = Sent()
    asyncio.run(app({"client": ("10.0.0.1", 5), "state": {}, **scope, **more}, nothing, sent))
    return sent


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("/", {}, "aws"),
        ("/bucket/key", {"method": "PUT"}, "aws"),
        ("/v1/repos/app/info/refs", {}, "git"),
        ("/v1/reposition", {}, "aws"),
        ("/v1/webhooks/abc", {"method": "POST"}, "webhooks"),
        ("/v1/webhooks", {"method": "POST"}, "aws"),
        ("/", {"host": "console.localhost:4599"}, "console"),
        ("/", {"host": "CONSOLE.localhost"}, "console"),
        ("/v1/repos/app/info/refs", {"host": "console.localhost"}, "console"),
        ("/console/", {}, "aws"),
        ("/console/", {"scheme": "https"}, "console"),
        ("/console/builds/b:1", {"scheme": "https", "host": "10.0.0.5:4599"}, "console"),
        ("/console/", {"host": "code.example.com"}, "console"),
        ("/console", {"scheme": "https", "headers": [(b"authorization", b"AWS4-HMAC-SHA256 x")]}, "aws"),
        ("/console/key", {"scheme": "https", "query_string": b"X-Amz-Signature=1"}, "aws"),
        ("/consoles/key", {"scheme": "https"}, "aws"),
        ("/key", {"scheme": "https", "host": "console.s3.localhost"}, "aws"),
        ("/account", {"method": "POST"}, "aws"),
        ("/account", {"method": "POST", "client": None}, "aws"),
        ("/account", {"method": "POST", "client": None, "state": {"admin": True}}, "admin"),
        ("/", {"host": ""}, "aws"),
    ],
)
def test_the_doors_are_tried_in_their_order(path: str, more: dict[str, Any], expected: str) -> None:
    seen: list[str] = []
    ask(front(seen), path, **more)
    assert seen == [expected]


def test_the_console_without_its_last_slash_is_sent_on() -> None:
    sent = ask(front([]), "/console", scheme="https")
    assert (sent.status, dict(sent[0]["headers"])[b"location"]) == (308, b"/console/")


def test_it_is_alive_at_once_and_ready_when_it_serves() -> None:
    app = front([])
    assert (ask(app, "/healthz").status, ask(app, "/readyz").status) == (200, 503)
    app.serving = True
    assert ask(app, "/readyz").status == 200


def test_a_fixed_path_answers_anybody_who_reads_it() -> None:
    seen: list[str] = []
    app = front(seen)
    app.serve_fixed("/install.sh", lambda: ("text/x-sh", b"echo"))
    sent = ask(app, "/install.sh")
    assert sent[1]["body"] == b"echo"
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    ask(app, "/install.sh", method="PUT")
    assert seen == ["aws"]
