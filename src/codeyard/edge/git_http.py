"""The git door: `git clone` and `git push` over HTTP, each request one GitPull or GitPush through the gateway.

ENDPOINT/v1/repos/NAME/{info/refs, git-upload-pack, git-receive-pack}
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from codeyard.contract import AwsError, Clock, Ids, Origin, Principal
from codeyard.edge.asgi import ASGIScope, Receive, Send, chunks, head_of, reply
from codeyard.edge.git_pump import Answer, Gate, Pump, Spool, patient
from codeyard.edge.git_push import answer_push, drain, headers, read_head, refusal, reply_report
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway, Invocation
from codeyard.gateway.attempts import WAIT, Attempts
from codeyard.gateway.ports import Identity
from codeyard.git.command import is_protocol
from codeyard.git.inflate import BadBody, plain_body
from codeyard.git.pktline import ProtocolError, PushParser
from codeyard.git.transfer import PushRequest
from codeyard.wire import sigv4
from codeyard.wire.http import Head

log = logging.getLogger(__name__)

_PATH = re.compile(r"(/v1/repos/([\w.-]{1,100}))/(info/refs|git-upload-pack|git-receive-pack)\Z", re.ASCII)
_HOST = re.compile(r"(?:.+\.)?git-codecommit(?:-fips)?\.([a-z0-9-]+)\.")
_KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z0-9]{8,124}(%.*)?\Z", re.DOTALL)
MAX_FETCH_REQUEST = 64 * 1024 * 1024
MAX_PUSH = 4 * 1024**3


class DoorKit(Protocol):
    """What the door needs of the program's kit."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def clock(self) -> Clock: ...


class _Refused(Exception):
    """An answer other than 200, with a line that git shows to its user."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, tuple(headers)


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
        self._pool, self._attempts = Pool("git", 16), Attempts(kit.clock)
        self._pulls, self._arrivals, self._pushes = Gate(48, 24), Gate(64, 16), Gate(8, 4)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request; refusals as plain text, which git shows."""
        request_id, answer = self._kit.ids.uuid(), Answer(send)
        try:
            await self._serve(scope, receive, answer, request_id)
        except _Refused as refused:
            await answer.refuse(refused.status, refused.message, refused.headers)
        except (BadBody, ProtocolError) as error:
            await answer.refuse(400, str(error))
        except AwsError as error:
            await answer.refuse(_status(error), error.message or error.code)
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
            raise _Refused(404, "There is no such repository.")
        base, repository, what = found.groups()
        region = _region(head) or self._region
        principal = await self._authenticate(head, base, region, scope["client"][0])
        request = _Request(head, repository, what, principal, region, request_id, _origin(scope, head))
        if what == "info/refs":
            await self._advertise(request, send)
        elif head.method != "POST":
            raise _Refused(405, "Use POST.", [("allow", "POST")])
        elif what == "git-upload-pack":
            await self._pull(request, receive, send)
        else:
            await self._push(request, receive, send)

    async def _authenticate(self, head: Head, path: str, region: str, address: str) -> Principal:
        user, password = _basic(head.headers.get("authorization", ""))
        if _KEY_ID.match(user):
            return await self._pool.run(lambda: self._verify_signed(user, password, head, path, region))
        if not self._attempts.may_try(user, address):
            text = "Too many wrong passwords: try again in a while."
            raise _Refused(429, text, [("retry-after", str(WAIT // 1_000_000))])
        principal = await self._pool.run(lambda: self._identity.git_credential(user, password))
        if principal is None:
            self._attempts.wrong(user, address)
            raise _Refused(403, "The Git credentials are not valid.")
        self._attempts.right(user, address)
        return principal

    def _verify_signed(self, user: str, password: str, head: Head, path: str, region: str) -> Principal:
        """The credential helpers' password signs the path and the host, one with and the other without its port."""
        key_id, token = sigv4.split_git_username(user)
        try:
            credential = self._identity.credential(key_id, token)
        except AwsError as error:
            raise _Refused(403, error.message or "The credentials are not valid.") from error
        host = head.headers.get("host", "")
        now = self._kit.clock.now()
        for name in dict.fromkeys((host, _without_port(host))):
            if sigv4.verify_git(password, credential.secret, path=path, host=name, region=region, now=now):
                return credential.principal
        raise _Refused(403, "The signature of the credentials is not valid or has expired.")

    async def _advertise(self, request: _Request, send: Send) -> None:
        if request.head.method not in ("GET", "HEAD"):
            raise _Refused(405, "Use GET.", [("allow", "GET")])
        service = parse_qs(request.head.query).get("service", [""])[0]
        if service not in ("git-upload-pack", "git-receive-pack"):
            raise _Refused(403, "Only git's smart HTTP protocol is served.")
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
        references = [{"commit": command.new, "ref": command.ref} for command in head.commands]
        inv = request.invocation("GitPush", {"references": references} if references else {"advertise": True})
        try:
            admitted = await self._pool.run(lambda: self._gateway.admit(inv))
        except AwsError as error:
            if not head.reports or not head.commands:
                raise
            await drain(body)
            await reply_report(send, refusal(head, error, "not authorized"))
            return
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._arrivals.enter(request.repository))
            spool = stack.enter_context(Spool(self._kit.data_dir / "git" / "incoming"))
            await spool.fill(parser.taken, body)
            await stack.enter_async_context(self._pushes.enter(request.repository))
            params = PushRequest(dict(inv.params), head, spool.content())
            work = asyncio.ensure_future(self._pool.run(lambda: admitted.run(params)))
            await answer_push(send, head, work)


def _basic(header: str) -> tuple[str, str]:
    """User and password of a Basic header; the 401 challenge without one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _Refused(401, "Authentication is required.", [("www-authenticate", 'Basic realm="codecommit"')])
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise _Refused(403, "The Authorization header is not valid.") from None
    user, _, password = text.partition(":")
    return user, password


def _protocol(head: Head) -> str:
    text = head.headers.get("git-protocol", "")
    return text if is_protocol(text) else ""


def _encoding(head: Head) -> str:
    return head.headers.get("content-encoding", "").strip().lower()


def _region(head: Head) -> str:
    found = _HOST.match(head.headers.get("host", ""))
    return found.group(1) if found else ""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _origin(scope: ASGIScope, head: Head) -> Origin:
    client = scope.get("client") or ("127.0.0.1", 0)
    host = head.headers.get("host", "localhost")
    return Origin(
        source_ip=client[0],
        user_agent=head.headers.get("user-agent", ""),
        secure=head.scheme == "https",
        endpoint=f"{head.scheme}://{host}",
        protocol="git",
    )


def _status(error: AwsError) -> int:
    if error.code == "RepositoryDoesNotExistException":
        return 404
    if error.code == "ThrottlingException":
        return 429
    return error.status or 400
