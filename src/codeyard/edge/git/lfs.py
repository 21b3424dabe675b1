"""The door of Git LFS: each request one GitPull or GitPush through the gateway, as `git fetch` and `git push` are.

ENDPOINT/v1/repos/NAME[.git]/info/lfs/{objects/batch, objects/OID[/verify], locks, locks/verify, locks/ID/unlock}
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from codeyard.contract import AwsError, Clock, Ids, Origin, Sealer, Staged
from codeyard.edge.asgi import ASGIScope, Receive, Send, bounded_body, head_of
from codeyard.edge.git.auth import Doorkeeper, Refused, origin_of, region_of, status_of
from codeyard.edge.git.lfs_call import LfsAnswer, LfsCall, route
from codeyard.edge.git.lfs_grants import LIFETIME_S, Grant, Grants
from codeyard.edge.git.lfs_transfer import Transfers
from codeyard.edge.git.lfs_words import (
    KIND,
    accepts,
    batch_of,
    fault_of,
    listing_of,
    listing_of_query,
    object_of,
    parse,
    path_of,
    ref_of,
)
from codeyard.edge.pools import Pool
from codeyard.gateway import Gateway, Invocation
from codeyard.git.lfs import LfsRequest
from codeyard.storage import Blobs
from codeyard.wire.http import Head

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
_PATH = re.compile(r"(/v1/repos/([\w.-]{1,104}))/info/lfs/(.*)\Z", re.ASCII)
_TRANSFERS = ("get", "put", "verify")


class _Settings(Protocol):
    @property
    def public_url(self) -> str: ...


class LfsKit(Protocol):
    """What the door needs of the program's kit."""

    @property
    def ids(self) -> Ids: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def sealer(self) -> Sealer: ...

    @property
    def settings(self) -> _Settings: ...


def is_lfs(path: str) -> bool:
    """Whether the path below /v1/repos/ is this door's."""
    return _PATH.match(path) is not None


class GitLfs:
    """An ASGI application for Git LFS's batch, transfer and locking APIs."""

    def __init__(self, gateway: Gateway, door: Doorkeeper, pool: Pool, region: str, kit: LfsKit) -> None:
        self._gateway, self._door, self._pool, self._region, self._kit = gateway, door, pool, region, kit
        self._grants = Grants(kit.sealer, kit.clock)
        self._transfers = Transfers(gateway, pool, kit.blobs)
        self._actions: Mapping[str, Callable[[LfsCall, Receive], Awaitable[tuple[int, Any]]]] = {
            "batch": self._batch,
            "verify": self._verify,
            "locks": self._locks,
            "lock": self._lock,
            "verify-locks": self._verify_locks,
            "unlock": self._unlock,
        }

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request; refusals as Git LFS's JSON, whose message git-lfs shows."""
        answer = LfsAnswer(send, self._kit.ids.uuid())
        try:
            await self._serve(scope, receive, answer)
        except Refused as refused:
            await answer.refuse(refused.status, refused.message, refused.headers)
        except AwsError as error:
            await answer.refuse(status_of(error), error.message or error.code, members=error.members)
        except (ConnectionError, TimeoutError):
            return  # the client left or sleeps; the server closes the connection
        except Exception:  # a fault of ours must still be an answer, without its trace
            log.exception("fault at the door of Git LFS, request %s", answer.request_id)
            await answer.refuse(500, f"An internal fault; request id {answer.request_id}.")

    async def _serve(self, scope: ASGIScope, receive: Receive, answer: LfsAnswer) -> None:
        head, place = head_of(scope), _PATH.match(scope["path"])
        if place is None or _PATH.match(head.path) is None:
            raise Refused(404, "There is no such repository.")
        action, found = route(head.method, place.group(3))
        request = await self._admit(scope, head, place, action, found, answer.request_id)
        if action == "get":
            await self._transfers.send(request.head, self._transfer(request, "GitPull", "get"), receive, answer)
        elif action == "put":
            grant = self._granted(request)
            asks = self._transfer(request, "GitPush", "put")
            await answer.json(200, await self._transfers.receive(asks, grant.oid, grant.size, receive))
        elif not accepts(head.headers.get("accept", "")):
            raise Refused(406, f"The Accept header has to be {KIND}.")
        else:
            await answer.json(*await self._actions[action](request, receive))

    async def _admit(
        self, scope: ASGIScope, head: Head, place: re.Match[str], action: str, found: Mapping[str, str], request_id: str
    ) -> LfsCall:
        """Tell who calls: by the link's grant at transfers, by SSH's grant or by what git takes elsewhere."""
        base, name = place.group(1), place.group(2).removesuffix(".git")
        region, grant = region_of(head) or self._region, None
        if action in _TRANSFERS:
            grant = self._opened(head.query.removeprefix("grant="))
            if (grant.use, grant.oid) != (action, found["oid"]):
                raise Refused(403, "The link was made for something else.")
        elif head.headers.get("authorization", "").startswith("Bearer "):
            grant = self._opened(head.headers["authorization"].removeprefix("Bearer ").strip())
            if grant.use not in ("upload", "download"):
                raise Refused(403, "The token was made for a transfer.")
        if grant is not None and grant.repository != name:
            raise Refused(403, "The link was made for another repository.")
        origin = origin_of(scope, head)
        if grant is None:
            principal = await self._door.caller(head, _signed_paths(base, name), region, origin.source_ip)
        else:
            principal, region = grant.principal, grant.region
        return LfsCall(head, name, found, principal, region, request_id, origin, self._base(origin), grant)

    def _opened(self, text: str) -> Grant:
        grant = self._grants.open(text)
        if grant is None:
            raise Refused(403, "The link is not valid or has expired: ask for a new one.")
        return grant

    def _base(self, origin: Origin) -> str:
        """The server's address as the client calls it: a proxy in front of it may have ended TLS."""
        public = self._kit.settings.public_url.rstrip("/")
        same = public and urlsplit(public).netloc == urlsplit(origin.endpoint).netloc
        return public if same else origin.endpoint

    async def _ask(self, request: LfsCall, operation: str, req: LfsRequest) -> dict[str, Any]:
        if operation == "GitPush" and request.grant is not None and request.grant.use == "download":
            raise Refused(403, "The token was made for downloads.")
        inv = request.invocation(operation, req)
        return await self._pool.run(lambda: self._gateway.admit(inv).run(req))

    async def _batch(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        said = await _said(receive)
        operation, objects = batch_of(said)
        ref = ref_of(said) if operation == "upload" else ""
        asked = request.asks(operation, {"objects": objects}, ref=ref)
        there = await self._ask(request, "GitPush" if operation == "upload" else "GitPull", asked)
        made = [self._entry(request, operation, one, there, ref) for one in objects]
        return 200, {"transfer": "basic", "objects": made, "hash_algo": "sha256"}

    def _entry(
        self, request: LfsCall, operation: str, one: dict[str, Any], there: Mapping[str, Any], ref: str
    ) -> dict[str, Any]:
        """One object of a batch's answer: its links, or why it has none; nothing to do for what is stored."""
        stored = there["sizes"].get(one["oid"])
        if fault := fault_of(operation, one, stored):
            return {**one, "error": fault}
        uses = {"download": "get"} if operation == "download" else {"upload": "put", "verify": "verify"}
        if operation == "upload" and stored is not None:
            return one
        grant = Grant(
            "",
            request.principal,
            request.region,
            request.repository,
            there["repositoryId"],
            one["oid"],
            one["size"],
            ref,
        )
        actions = {name: self._link(request, use, grant) for name, use in uses.items()}
        return {**one, "authenticated": True, "actions": actions}

    def _link(self, request: LfsCall, use: str, grant: Grant) -> dict[str, Any]:
        place = f"{request.base}/v1/repos/{grant.repository}/info/lfs/objects/{grant.oid}"
        tail = "/verify" if use == "verify" else ""
        token = self._grants.seal(grant.for_use(use))
        return {"href": f"{place}{tail}?grant={token}", "expires_in": LIFETIME_S}

    def _granted(self, request: LfsCall) -> Grant:
        assert request.grant is not None
        return request.grant

    def _transfer(self, request: LfsCall, operation: str, action: str) -> Callable[[Staged | None], Invocation]:
        grant = self._granted(request)
        asked = {"oid": grant.oid, "size": grant.size}
        return lambda staged: request.invocation(operation, request.asks(action, asked, ref=grant.ref, staged=staged))

    async def _verify(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        grant, said = self._granted(request), object_of(await _said(receive))
        if said != {"oid": grant.oid, "size": grant.size}:
            raise Refused(422, "The link was made for another object.")
        return 200, await self._ask(request, "GitPush", request.asks("verify", said, ref=grant.ref))

    async def _lock(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        said = await _said(receive)
        return 201, await self._ask(request, "GitPush", request.asks("lock", {"path": path_of(said)}, ref=ref_of(said)))

    async def _unlock(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        said = await _said(receive)
        asked = {"id": request.found["id"], "force": said.get("force") is True}
        return 200, await self._ask(request, "GitPush", request.asks("unlock", asked, ref=ref_of(said)))

    async def _locks(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        asked = request.asks("locks", listing_of_query(request.head.query))
        found = await self._ask(request, "GitPull", asked)
        return 200, {"locks": [lock for lock, _ in found["page"]], **_next(found)}

    async def _verify_locks(self, request: LfsCall, receive: Receive) -> tuple[int, Any]:
        said = await _said(receive)
        listing = {name: value for name, value in said.items() if name in ("cursor", "limit")}
        found = await self._ask(request, "GitPush", request.asks("verify-locks", listing_of(listing), ref=ref_of(said)))
        ours, theirs = ([lock for lock, own in found["page"] if own is mine] for mine in (True, False))
        return 200, {"ours": ours, "theirs": theirs, **_next(found)}


async def _said(receive: Receive) -> dict[str, Any]:
    return parse(await bounded_body(receive, MAX_BODY))


def _next(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"next_cursor": found["cursor"]} if found["cursor"] else {}


def _signed_paths(base: str, name: str) -> tuple[str, ...]:
    """What the helpers may have signed: the remote's path, or, where lfs.url is set, that."""
    plain = f"/v1/repos/{name}"
    bases = dict.fromkeys((base, plain, f"{plain}.git"))
    return tuple(f"{one}{tail}" for tail in ("", "/info/lfs") for one in bases)
