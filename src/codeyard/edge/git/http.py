"""The git door: `git clone` and `git push` over HTTP, each request one GitPull or GitPush through the gateway.

ENDPOINT/v1/repos/NAME/{info/refs, git-upload-pack, git-receive-pack}; info/lfs is lfs.py's.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from codeyard.contract import AwsError, Origin, Principal
from codeyard.edge.asgi import ASGIScope, Receive, Send, chunks, head_of, reply
from codeyard.edge.git.auth import Doorkeeper, Refused, origin_of, region_of, status_of
from codeyard.edge.git.lfs import GitLfs, LfsKit, is_lfs
from codeyard.edge.git.pump import Answer, Gate, Pump, patient
from codeyard.edge.git.push import MAX_PUSH, Pushes, headers, read_head
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway, Invocation
from codeyard.gateway.ports import Identity
from codeyard.git.command import is_protocol
from codeyard.git.inflate import BadBody, plain_body
from codeyard.git.pktline import ProtocolError, PushParser
from codeyard.wire.http import Head

log = logging.getLogger(__name__)

_PATH = re.compile(r"(/v1/repos/([\w.-]{1,100}))/(info/refs|git-upload-pack|git-receive-pack)\Z", re.ASCII)
MAX_FETCH_REQUEST = 64 * 1024 * 1024


class DoorKit(LfsKit, Protocol):
    """What the door needs of the program's kit."""

    @property
    def data_dir(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class _Request:
    """One request, authenticated."""

    head: Head
    repository: str
    what: str
    principal: Principal
    region: str
    request_id: str
    origin: Origin

    def invocation(self, operation: str, params: Mapping[str, Any]) -> Invocation:
        return Invocation(
            "codecommit",
            operation,
            {"repositoryName": self.repository, **params},
            self.principal,
            self.principal.account,
            self.region,
            self.request_id,
            self.origin,
        )


class GitHttp:
    """An ASGI application for git's smart HTTP protocol."""

    def __init__(self, gateway: Gateway, identity: Identity, region: str, kit: DoorKit) -> None:
        self._gateway, self._identity, self._region, self._kit = gateway, identity, region, kit
        self._pool = Pool("git", 16)
        self._door = Doorkeeper(identity, kit.clock, self._pool)
        self._lfs = GitLfs(gateway, self._door, self._pool, region, kit)
        self._pulls, self._pushes = Gate(48, 24), Pushes(gateway, self._pool, kit.data_dir / "git" / "incoming")

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request; refusals as plain text, which git shows."""
        if is_lfs(scope["path"]):
            await self._lfs(scope, receive, send)
            return
        request_id, answer = self._kit.ids.uuid(), Answer(send)
        try:
            await self._serve(scope, receive, answer, request_id)
        except Refused as refused:
            await answer.refuse(refused.status, refused.message, refused.headers)
        except (BadBody, ProtocolError) as error:
            await answer.refuse(400, str(error))
        except AwsError as error:
            await answer.refuse(status_of(error), error.message or error.code)
        except (ConnectionError, TimeoutError):
            return  # the client left or sleeps; the server closes the connection
        except Exception:  # a fault of ours must still be an answer, without its trace
            log.exception("fault at the git door, request %s", request_id)
            await answer.refuse(500, f"An internal fault; request id {request_id}.")

    def close(self) -> None:
        """End the threads."""
        self._pool.close()

    async def _serve(self, scope: ASGIScope, receive: Receive, send: Send, request_id: str) -> None:
        head = head_of(scope)
        found = _PATH.match(head.path)
        if found is None:
            raise Refused(404, "There is no such repository.")
        base, repository, what = found.groups()
        region = region_of(head) or self._region
        origin = origin_of(scope, head)
        principal = await self._door.caller(head, (base,), region, origin.source_ip)
        request = _Request(head, repository, what, principal, region, request_id, origin)
        if what == "info/refs":
            await self._advertise(request, send)
        elif head.method != "POST":
            raise Refused(405, "Use POST.", [("allow", "POST")])
        elif what == "git-upload-pack":
            await self._pull(request, receive, send)
        else:
            await self._push(request, receive, send)

    async def _advertise(self, request: _Request, send: Send) -> None:
        if request.head.method not in ("GET", "HEAD"):
            raise Refused(405, "Use GET.", [("allow", "GET")])
        service = parse_qs(request.head.query).get("service", [""])[0]
        if service not in ("git-upload-pack", "git-receive-pack"):
            raise Refused(403, "Only git's smart HTTP protocol is served.")
        operation = "GitPull" if service == "git-upload-pack" else "GitPush"
        params: dict[str, Any] = {"advertise": True}
        if operation == "GitPull":
            params["protocolVersion"] = _protocol(request.head)
        inv = request.invocation(operation, params)
        answer = await self._pool.run(lambda: self._gateway.invoke(inv))
        await reply(send, 200, headers(f"{service}-advertisement"), answer["pipe"])

    async def _pull(self, request: _Request, receive: Receive, send: Send) -> None:
        body = plain_body(patient(chunks(receive)), _encoding(request.head), MAX_FETCH_REQUEST)
        inv = request.invocation("GitPull", {"protocolVersion": _protocol(request.head)})
        async with self._pulls.enter(request.repository):
            answer = await self._pool.run(lambda: self._gateway.invoke(inv))
            await Pump(answer["pipe"], body, receive).run(send, headers("git-upload-pack-result"))

    async def _push(self, request: _Request, receive: Receive, send: Send) -> None:
        body = plain_body(patient(chunks(receive)), _encoding(request.head), MAX_PUSH)
        parser = PushParser()
        head = await read_head(parser, body)
        ask = partial(request.invocation, "GitPush")
        await self._pushes.take(ask, head, parser.taken, body, send)


def _protocol(head: Head) -> str:
    text = head.headers.get("git-protocol", "")
    return text if is_protocol(text) else ""


def _encoding(head: Head) -> str:
    return head.headers.get("content-encoding", "").strip().lower()
