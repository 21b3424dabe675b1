"""The AWS door: HTTP in any of AWS's protocols becomes one Invocation, and its answer HTTP again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import NamedTuple

from codeyard.contract import AwsError, BlobRange, Follow, Ids, Origin, Principal
from codeyard.edge.asgi import ASGIScope, Receive, Send, from_thread, head_of, reply, reply_stream, reply_then
from codeyard.edge.inbound import Inbound
from codeyard.edge.pools import Pool
from codeyard.edge.signatures import Signatures, Signed
from codeyard.edge.spool import Spooler
from codeyard.gateway import Gateway, Invocation
from codeyard.gateway.ports import Identity
from codeyard.gateway.rules import is_cheap, is_long_poll, is_read
from codeyard.storage.blobs import Blobs
from codeyard.storage.suspended import Calls
from codeyard.wire.codec import Wire
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.routing import Route, Router

log = logging.getLogger(__name__)
# Objects are other people's bytes: on the host that the console shares they run no script, and are what they say.
_CONFINED = [("content-security-policy", "sandbox"), ("x-content-type-options", "nosniff")]
_CALL = "call"  # in a request's state: what was found out of it before the ordinary way


@dataclass(frozen=True, slots=True)
class Plan:
    """How an operation is carried out: its body spooled or not, on which threads, or at once."""

    streams: bool
    pool: Pool
    at_once: bool


class Proof(NamedTuple):
    """Whose request it is: what was signed, the head with what a link carries as headers, the signer, the key."""

    signed: Signed
    head: Head
    principal: Principal
    key: bytes


class Call:
    """What is known of a request so far; an error is answered in the form of its route."""

    __slots__ = ("head", "request_id", "route", "scope")

    def __init__(self, scope: ASGIScope, head: Head, route: Route, request_id: str) -> None:
        self.scope, self.head, self.route, self.request_id = scope, head, route, request_id


class AwsDoor:
    """An ASGI application for every AWS protocol. With `calls`, cheap operations run on the event loop's thread:
    where the database is a file, that costs less than a thread's hand-over does."""

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
        calls: Calls | None = None,
    ) -> None:
        self._gateway, self._wire, self._router = gateway, wire, router
        self._ids, self._region, self._calls = ids, region, calls
        self._signatures = Signatures(identity, gateway.clock, router)
        self._spooler, self._blobs = Spooler(blobs), blobs
        self._reads, self._writes, self._polls = Pool("read", 8), Pool("write", 32), Pool("poll", 64, waiting=0)
        self._plans: dict[tuple[str, str], Plan] = {}

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request; every AwsError in its protocol's own form, every fault as InternalFailure."""
        call = scope.get("state", {}).get(_CALL) or self._call(scope)
        inbound = Inbound(receive, call.head, scope.get("state"))
        try:
            answer = await self._serve(call, inbound)
        except AwsError as error:
            answer = self._wire.error(call.route, error, call.request_id)
        except (ConnectionError, asyncio.CancelledError):
            return  # the client left, or the server ends: nobody waits for this answer
        except Exception:  # a fault of ours must still be an answer, without its trace
            answer = self._fault(call)
        await self._send(answer, call, inbound, send)

    def answer_at_once(self, scope: ASGIScope, body: bytes, answer: Callable[[HttpAnswer], None]) -> bool:
        """Take a whole request that is a cheap call: `answer` gets its answer, now or when its writes are durable."""
        call = scope["state"][_CALL] = self._call(scope)  # the ordinary way goes on with it
        self._name_operation(call, body)
        if self._calls is None or call.route.operation is None or not self._plan(call.route).at_once:
            return False
        if self._gateway.auditor.full:
            return False
        self._calls.start(lambda: answer(self._answered(call, body)))
        return True

    def _answered(self, call: Call, body: bytes) -> HttpAnswer:
        try:
            inv = self._invocation(call, self._prove(call), body)
            return self._wire.answer(call.route, self._gateway.invoke(inv), call.request_id)
        except AwsError as error:
            return self._wire.error(call.route, error, call.request_id)
        except Exception:  # as above
            return self._fault(call)

    def _call(self, scope: ASGIScope) -> Call:
        head = head_of(scope)
        return Call(scope, head, self._router.route(head), self._ids.uuid())

    def _fault(self, call: Call) -> HttpAnswer:
        log.exception("fault at the AWS door, request %s", call.request_id)
        fault = AwsError("InternalFailure", f"An internal fault; request id {call.request_id}.", status=500)
        return self._wire.error(call.route, fault, call.request_id)

    async def _serve(self, call: Call, inbound: Inbound) -> HttpAnswer:
        proof = self._prove(call)
        if call.route.operation is not None and (plan := self._plan(call.route)).streams:
            return await self._stream_in(call, proof, inbound, plan)
        body = await inbound.whole()
        self._name_operation(call, body)
        if proof.signed is None:
            self._signatures.refuse_unsigned(call.route)
        if call.route.operation is None:
            self._spooler.checked(body, proof.signed, proof.head, proof.key)
            raise _unknown(call.route)
        inv = self._invocation(call, proof, body)
        answer = await self._plan(call.route).pool.run(lambda: self._gateway.invoke(inv))
        return self._wire.answer(call.route, answer, call.request_id)

    def _prove(self, call: Call) -> Proof:
        signed, head = self._signatures.read(call.head, call.route)
        return Proof(signed, head, *self._signatures.verify(signed, head, call.route))

    def _name_operation(self, call: Call, body: bytes) -> None:
        """A query request's body names its operation."""
        if call.route.operation is None and call.route.protocol == "query":
            call.route = self._router.route_query(call.route, body)

    async def _stream_in(self, call: Call, proof: Proof, inbound: Inbound, plan: Plan) -> HttpAnswer:
        inv = self._invocation(call, proof, None)
        admitted = await plan.pool.run(lambda: self._gateway.admit(inv))
        staged = await self._spooler.spool(inbound, proof.signed, proof.head, proof.key)
        params = self._wire.parse(call.route, proof.head, staged)
        answer = await plan.pool.run(lambda: admitted.run(params))
        return self._wire.answer(call.route, answer, inv.request_id)

    def _plan(self, route: Route) -> Plan:
        place = (route.service, route.operation or "")
        found = self._plans.get(place)
        if found is None:
            pool = self._polls if is_long_poll(*place) else self._reads if is_read(*place) else self._writes
            found = Plan(self._wire.streams_in(*place), pool, is_cheap(*place))
            self._plans[place] = found
        return found

    def _invocation(self, call: Call, proof: Proof, body: bytes | None) -> Invocation:
        """The call with its parameters; without a body, with those of its head."""
        route, signed, head, headers = call.route, proof.signed, proof.head, proof.head.headers
        plain = b"" if body is None else self._spooler.checked(body, signed, head, proof.key)
        origin = Origin(
            call.scope["client"][0],
            headers.get("user-agent", ""),
            head.scheme == "https",
            f"{head.scheme}://{headers.get('host', 'localhost')}",
            headers.get("referer", ""),
            route.protocol,
        )
        account = proof.principal.account or route.account  # nobody's call is about its link's account
        claimed = signed.region if signed is not None else route.region
        params = self._wire.parse(route, head, plain)
        return Invocation(
            route.service,
            route.operation or "",
            params,
            proof.principal,
            account,
            claimed or self._region,
            call.request_id,
            origin,
        )

    async def _send(self, answer: HttpAnswer, call: Call, inbound: Inbound, send: Send) -> None:
        body = answer.body
        if isinstance(body, bytes):
            body = b"" if call.head.method == "HEAD" else body
            if inbound.complete or await inbound.settle():
                await reply(send, answer.status, answer.headers, body)
            elif inbound.unsent:
                await reply(send, answer.status, [*answer.headers, ("connection", "close")], body)
            else:
                await reply_then(send, answer.status, answer.headers, body, inbound.linger())
        elif isinstance(body, BlobRange):
            parts = self._blobs.read(body.blob_id, body.start, body.length, key=body.key)
            headers = [*answer.headers, *_CONFINED, ("content-length", str(body.length))]
            await reply_stream(send, answer.status, headers, from_thread(iter(parts)), inbound.receive)
        elif isinstance(body, Follow):
            await reply_stream(send, answer.status, answer.headers, _as_iterator(body), inbound.receive)

    def close(self) -> None:
        """End the pools."""
        for pool in (self._reads, self._writes, self._polls):
            pool.close()


def _as_iterator(body: Follow) -> AsyncIterator[bytes]:
    return body.chunks()


def _unknown(route: Route) -> AwsError:
    """How each family of services says that there is no such operation."""
    if route.protocol == "rest-xml":
        return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", status=405)
    if route.protocol == "query":
        return AwsError("InvalidAction", "The action or operation requested is invalid.", status=400)
    return AwsError("UnknownOperationException", "This service has no such operation.", status=404)
