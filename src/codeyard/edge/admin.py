"""DIR/admin.sock: what only somebody who can open the data folder may ask. File permissions are its door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.edge.asgi import ASGIScope, Receive, Send, bounded_body, reply

Command = Callable[[dict[str, Any]], dict[str, Any]]


class Admin:
    """POST /NAME with a JSON body runs the command NAME; GET /metrics tells the process's numbers."""

    def __init__(self, commands: Mapping[str, Command], metrics: Callable[[], bytes]) -> None:
        self._commands, self._metrics = commands, metrics

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request of the socket."""
        if scope["method"] == "GET" and scope["path"] == "/metrics":
            await reply(send, 200, [("content-type", "text/plain; version=0.0.4")], self._metrics())
            return
        status, answer = await self._answer(scope["path"].strip("/"), receive)
        await reply(send, status, [("content-type", "application/json")], json.dumps(answer).encode())

    async def _answer(self, name: str, receive: Receive) -> tuple[int, dict[str, Any]]:
        try:
            return await self._run(name, await bounded_body(receive, 65536))
        except AwsError as error:
            return error.status or 400, {"message": error.message}
        except KeyError as missing:
            return 400, {"message": f"{missing.args[0]} is missing"}
        except ValueError as problem:
            return 400, {"message": str(problem)}

    async def _run(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
        command = self._commands.get(name)
        if command is None:
            return 404, {"message": f"there is no command {name}"}
        asked = json.loads(body or b"{}")
        if not isinstance(asked, dict):
            raise ValueError("the body must be a JSON object")
        return 200, await asyncio.get_running_loop().run_in_executor(None, command, asked)
