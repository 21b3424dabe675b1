"""The webhooks' door: POST ENDPOINT/v1/webhooks/TOKEN, which nobody signs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from codeyard.contract import AwsError
from codeyard.edge.asgi import ASGIScope, Receive, Send, bounded_body, head_of, reply
from codeyard.edge.pools import Pool

log = logging.getLogger(__name__)

PREFIX = "/v1/webhooks/"
MAX_BODY = 25 * 1024 * 1024  # GitHub caps payloads at 25 MB
_PLAIN = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
Receiver = Callable[[str, bytes, Mapping[str, str], str], tuple[int, str]]


class WebhookDoor:
    """An ASGI application that hands a request's token, body, headers and address to `receive`."""

    def __init__(self, receive: Receiver) -> None:
        self._receive, self._pool = receive, Pool("webhooks", 4, 200)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request with a status and a line of words."""
        try:
            status, words = await self._answer(scope, receive)
        except AwsError as error:
            status, words = (429 if error.code == "ThrottlingException" else error.status or 400), error.message
        except ConnectionError:
            return
        except Exception:  # a fault of ours must still be an answer, without its trace
            log.exception("fault at the webhooks' door")
            status, words = 500, "An internal fault."
        await reply(send, status, _PLAIN, f"{words}\n".encode())

    def close(self) -> None:
        """End the threads."""
        self._pool.close()

    async def _answer(self, scope: ASGIScope, receive: Receive) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "Use POST."
        token, head = scope["path"].removeprefix(PREFIX), head_of(scope)
        body = await bounded_body(receive, MAX_BODY)
        address = (scope.get("client") or ("127.0.0.1", 0))[0]
        return await self._pool.run(lambda: self._receive(token, body, head.headers, address))
