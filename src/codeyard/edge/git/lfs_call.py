"""One request of Git LFS's and its answer: which action an address means, who asks for it, and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from codeyard.contract import Origin, Principal, Staged
from codeyard.edge.asgi import Send, reply
from codeyard.edge.git.auth import Refused
from codeyard.edge.git.lfs_grants import Grant
from codeyard.edge.git.lfs_words import KIND
from codeyard.gateway import Invocation
from codeyard.git.lfs import LfsRequest
from codeyard.wire.http import Head

_HELP = "docs/howto/large-files-with-git-lfs.md"
_ROUTES = (
    (re.compile(r"objects/batch\Z"), {"POST": "batch"}),
    (re.compile(r"objects/(?P<oid>[0-9a-f]{64})\Z"), {"GET": "get", "PUT": "put"}),
    (re.compile(r"objects/(?P<oid>[0-9a-f]{64})/verify\Z"), {"POST": "verify"}),
    (re.compile(r"locks\Z"), {"GET": "locks", "POST": "lock"}),
    (re.compile(r"locks/verify\Z"), {"POST": "verify-locks"}),
    (re.compile(r"locks/(?P<id>[\w-]{1,100})/unlock\Z", re.ASCII), {"POST": "unlock"}),
)


@dataclass(frozen=True, slots=True)
class LfsCall:
    """One request, authenticated. `grant` is what it was let in by, where that was no password."""

    head: Head
    repository: str
    found: Mapping[str, str]
    principal: Principal
    region: str
    request_id: str
    origin: Origin
    base: str
    grant: Grant | None

    def invocation(self, operation: str, req: LfsRequest) -> Invocation:
        """The call as the gateway takes it."""
        who, at = self.principal, self.origin
        return Invocation("codecommit", operation, req, who, who.account, self.region, self.request_id, at)

    def asks(self, action: str, asked: dict[str, Any], *, ref: str = "", staged: Staged | None = None) -> LfsRequest:
        """The request's parameters; a push says its reference, by which policies judge it."""
        params: dict[str, Any] = {"repositoryName": self.repository}
        if ref:
            params["references"] = [{"ref": ref}]
        named = self.grant.repository_id if self.grant is not None else ""
        return LfsRequest(params, action, asked, staged=staged, repository_id=named)


class LfsAnswer:
    """`send`, and Git LFS's JSON; an answer that has begun can only be broken off."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self.request_id, self._begun = send, request_id, False

    async def __call__(self, message: Any) -> None:
        """Send one ASGI message."""
        self._begun = True
        await self._send(message)

    async def json(self, status: int, said: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer with JSON."""
        kept = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
        await reply(self, status, [("content-type", KIND), *kept, *headers], orjson.dumps(said))

    async def refuse(
        self,
        status: int,
        message: str,
        headers: Iterable[tuple[str, str]] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """Say why not; what asks for a password says so to git-lfs too."""
        if self._begun:
            return
        more = [("lfs-authenticate", value) for name, value in headers if name == "www-authenticate"]
        said = {"message": message, "documentation_url": _HELP, "request_id": self.request_id, **(members or {})}
        await self.json(status, said, [*headers, *more])


def route(method: str, rest: str) -> tuple[str, Mapping[str, str]]:
    """The action of a request and what its address names; Refused (404, 405) where there is none."""
    for pattern, methods in _ROUTES:
        if (found := pattern.match(rest)) is not None:
            if method not in methods:
                raise Refused(405, f"Use {' or '.join(methods)}.", [("allow", ", ".join(methods))])
            return methods[method], found.groupdict()
    raise Refused(404, "Git LFS has no such address.")
