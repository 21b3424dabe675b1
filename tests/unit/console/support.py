"""The console over a gateway that answers from a table, and a browser's worth of ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlencode

from codeyard.console.app import Console
from codeyard.console.changes import Changes
from codeyard.contract import AwsError, Origin, Principal
from codeyard.engine import ManualClock, SystemIds

HOST = "console.localhost:4566"
ADA = Principal("user", "123456789012", "arn:aws:iam::123456789012:user/ada", "AIDAADA", "ada")
PIPELINES = {"ListPipelines": {"pipelines": []}, "StartPipelineExecution": {"pipelineExecutionId": "e"}}


class Notifications:
    """The database's notifications, told by the test."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[str], None]] = []

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: None

    def tell(self) -> None:
        for callback in self.callbacks:
            callback("")


class Gateway:
    """Answers by operation name and remembers who called what, from where."""

    def __init__(self) -> None:
        self.clock, self.ids = ManualClock(1_700_000_000_000_000), SystemIds()
        self.answers: dict[str, Any] = dict(PIPELINES)
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.origins: list[Origin] = []
        self.records: list[dict[str, Any]] = []
        self.auditor = SimpleNamespace(now=lambda make: self.records.append(make()))

    def client(self, principal: Principal, account: str, region: str, *, origin: Origin) -> Any:
        self.origins.append(origin)

        def call(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
            self.calls.append((principal.name, operation, params))
            answer = self.answers.get(operation, AwsError("PipelineNotFoundException", f"no answer to {operation}"))
            if isinstance(answer, AwsError):
                raise answer
            return dict(answer)

        return SimpleNamespace(call=call)


class Identity:
    """One user, one password."""

    def account_named(self, account: str) -> str | None:
        return account if account == ADA.account else None

    def user_named(self, account: str, user_name: str) -> Principal | None:
        return ADA if (account, user_name) == (ADA.account, "ada") else None

    def console_login(self, account: str, user_name: str, password: str, code: str = "") -> Principal | None:
        return ADA if (account, user_name, password) == (ADA.account, "ada", "right") else None


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __getitem__(self, name: str) -> str:
        return (self.all(name) or [""])[0]


@dataclass
class Browser:
    """Keeps cookies, sends what Chromium sends."""

    gateway: Gateway = field(default_factory=Gateway)
    notifications: Notifications = field(default_factory=Notifications)
    cookies: dict[str, str] = field(default_factory=dict)
    host: str = HOST
    root: str = ""
    scheme: str = "http"
    stays: bool = False  # until the answer has come whole; live pages never end

    def __post_init__(self) -> None:
        changes = Changes(self.notifications, ("outbox",))
        self.changes = changes
        self.console = Console(
            self.gateway,  # type: ignore[arg-type]
            Identity(),  # type: ignore[arg-type]
            changes,
            region="us-east-1",
            account=ADA.account,
            url=f"{self.scheme}://{self.host}{self.root}",
        )

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers)

    def download(self, path: str) -> Answer:
        self.stays = True
        try:
            return self.get(path)
        finally:
            self.stays = False

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        origin = f"{self.scheme}://{self.host}"
        given = {"content-type": "application/x-www-form-urlencoded", "origin": origin} | headers
        return self.send("POST", path, given, urlencode(form).encode())

    def sign_in(self, password: str = "right", **form: str) -> Answer:
        return self.post("/signin", {"account": ADA.account, "user": "ada", "password": password} | form)

    @property
    def csrf(self) -> str:
        (secret,) = self.cookies.values()
        session = self.console.sessions.find(secret)
        assert session is not None
        return session.csrf

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        answer = asyncio.run(self._send(method, path, headers, body))
        for cookie in answer.all("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        place, _, query = path.partition("?")
        sent = {"host": self.host, "cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "scheme": self.scheme,
            "path": self.root + unquote(place),
            "raw_path": (self.root + place).encode(),
            "query_string": query.encode(),
            "root_path": self.root,
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v],
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 4566),
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        found: dict[str, Any] = {"body": b""}

        async def receive() -> dict[str, Any]:
            if not messages and self.stays:
                await asyncio.Event().wait()
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                found["status"], found["headers"] = message["status"], message["headers"]
            else:
                found["body"] += message.get("body", b"")

        await self.console(scope, receive, send)
        return Answer(found["status"], [(k.decode(), v.decode()) for k, v in found["headers"]], found["body"])
