"""The AWS door: HTTP in any of AWS's protocols becomes one Invocation, and its answer HTTP again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Protocol

from codeyard.contract import ANONYMOUS, AwsError, BlobRange, Follow, Ids, Origin, Principal
from codeyard.edge.asgi import (
    MAX_BODY,
    ASGIScope,
    Receive,
    Send,
    bounded_body,
    from_thread,
    head_of,
    reply,
    reply_stream,
)
from codeyard.edge.pools import Pool
from codeyard.edge.spool import Spooler
from codeyard.gateway import Gateway, Invocation
from codeyard.gateway.ports import Identity
from codeyard.gateway.rules import is_read
from codeyard.storage.blobs import Blobs
from codeyard.wire import sigv4
from codeyard.wire.codec import Wire
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.routing import Route, Router

log = logging.getLogger(__name__)


class Addresses(Protocol):
    """How this server is reached."""

    def endpoint(self, head: Head) -> str:
        """The base URL as this client sees it."""


class AwsDoor:
    """An ASGI application for every AWS protocol."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        identity: Identity,
        wire: Wire,
        router: Router,
        blobs: Blobs,
        ids: Ids,
        region: str,
    ) -> None:
        self._gateway, self._identity, self._wire, self._router = gateway, identity, wire, router
        self._ids, self._region = ids, region
        self._spooler = Spooler(blobs)
        self._blobs = blobs
        self._reads, self._writes = Pool("read", 8), Pool("write", 32)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request; every AwsError in its protocol's own form, every fault as InternalFailure."""
        head = head_of(scope)
        request_id = self._ids.uuid()
        route = self._router.route(head)
        try:
            answer = await self._serve(route, head, scope, receive, request_id)
        except AwsError as error:
            answer = self._wire.error(error.members.pop("_route", route), error, request_id)
        except ConnectionError:
            return
        except Exception:  # a fault of ours must still be an answer, without its trace
            log.exception("fault at the AWS door, request %s", request_id)
            fault = AwsError("InternalFailure", f"An internal fault; request id {request_id}.", status=500)
            answer = self._wire.error(route, fault, request_id)
        await self._send(answer, send, head.method)

    async def _serve(self, route: Route, head: Head, scope: ASGIScope, receive: Receive, request_id: str) -> HttpAnswer:
        signed = sigv4.read(head)
        principal, key = await self._authenticate(signed, head, route)
        body = b""
        streaming = route.operation is not None and self._streams_in(route)
        if not streaming:
            body = self._spooler.checked(await bounded_body(receive, MAX_BODY), signed, head, key)
            if route.operation is None and route.protocol == "query":
                route = self._router.route_query(route, body)
        try:
            if route.operation is None:
                raise AwsError("UnknownOperationException", "This service has no such operation.", status=404)
            inv = self._invocation(route, head, scope, principal, signed, request_id, body)
            if streaming:
                return await self._stream_in(route, head, inv, receive, signed, key)
            pool = self._reads if is_read(route.service, route.operation) else self._writes
            answer = await pool.run(lambda: self._gateway.invoke(inv))
            return self._wire.answer(route, answer, request_id)
        except AwsError as error:
            error.members["_route"] = route
            raise

    async def _stream_in(
        self, route: Route, head: Head, inv: Invocation, receive: Receive, signed: Any, key: bytes
    ) -> HttpAnswer:
        admitted = await self._writes.run(lambda: self._gateway.admit(inv))
        staged = await self._spooler.spool(receive, signed, head, key)
        params = self._wire.parse(route, head, staged)
        answer = await self._writes.run(lambda: admitted.run(params))
        return self._wire.answer(route, answer, inv.request_id)

    async def _authenticate(self, signed: Any, head: Head, route: Route) -> tuple[Principal, bytes]:
        if signed is None:
            if route.service != "s3":
                raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
            return ANONYMOUS, b""
        credential = self._identity.credential(signed.access_key, signed.session_token or "")
        dialect = {"s3": "s3", "query": "query"}.get("s3" if route.service == "s3" else route.protocol, "json")
        key = sigv4.verify(signed, credential.secret, head, self._gateway.clock.now(), dialect=dialect)
        return credential.principal, key

    def _invocation(
        self,
        route: Route,
        head: Head,
        scope: ASGIScope,
        principal: Principal,
        signed: Any,
        request_id: str,
        body: bytes,
    ) -> Invocation:
        client = scope.get("client") or ("127.0.0.1", 0)
        secure = head.scheme == "https"
        host = head.headers.get("host", "localhost")
        origin = Origin(
            source_ip=client[0],
            user_agent=head.headers.get("user-agent", ""),
            secure=secure,
            endpoint=f"{head.scheme}://{host}",
            referer=head.headers.get("referer", ""),
            protocol=route.protocol,
        )
        region = signed.region if signed is not None and signed.region else self._region
        return Invocation(
            route.service,
            route.operation or "",
            self._wire.parse(route, head, body),
            principal,
            principal.account,
            region,
            request_id,
            origin,
        )

    def _streams_in(self, route: Route) -> bool:
        return self._wire.streams_in(route.service, route.operation or "")

    async def _send(self, answer: HttpAnswer, send: Send, method: str) -> None:
        body = answer.body
        if isinstance(body, bytes):
            await reply(send, answer.status, answer.headers, b"" if method == "HEAD" else body)
        elif isinstance(body, BlobRange):
            parts = self._blobs.read(body.blob_id, body.start, body.length)
            headers = [*answer.headers, ("content-length", str(body.length))]
            await reply_stream(send, answer.status, headers, from_thread(iter(parts)))
        elif isinstance(body, Follow):
            await reply_stream(send, answer.status, answer.headers, _as_iterator(body))

    def close(self) -> None:
        """End the pools."""
        self._reads.close()
        self._writes.close()


def _as_iterator(body: Follow) -> AsyncIterator[bytes]:
    return body.chunks()
