"""Who stands at the git doors: IAM Git credentials, or the password that AWS's credential helpers sign."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from codeyard.contract import AwsError, Clock, Origin, Principal
from codeyard.edge.asgi import ASGIScope
from codeyard.edge.pools import Pool
from codeyard.gateway.attempts import WAIT, Attempts
from codeyard.gateway.ports import Identity
from codeyard.wire import sigv4
from codeyard.wire.http import Head

_HOST = re.compile(r"(?:.+\.)?git-codecommit(?:-fips)?\.([a-z0-9-]+)\.")
_KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z0-9]{8,124}(%.*)?\Z", re.DOTALL)
_CHALLENGE = 'Basic realm="codecommit"'


class Refused(Exception):
    """An answer other than 200, with a line that git shows to its user."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, tuple(headers)


class Doorkeeper:
    """Tells who calls, from the Basic header of a request; guessing at passwords has to wait."""

    def __init__(self, identity: Identity, clock: Clock, pool: Pool) -> None:
        self._identity, self._clock, self._pool, self._attempts = identity, clock, pool, Attempts(clock)

    async def caller(self, head: Head, paths: Sequence[str], region: str, address: str) -> Principal:
        """The caller, who may have signed any of the paths; raises Refused (401 without credentials, 403, 429)."""
        user, password = _basic(head.headers.get("authorization", ""))
        if _KEY_ID.match(user):
            return await self._pool.run(lambda: self._verify_signed(user, password, head, paths, region))
        if not self._attempts.may_try(user, address):
            text = "Too many wrong passwords: try again in a while."
            raise Refused(429, text, [("retry-after", str(WAIT // 1_000_000))])
        principal = await self._pool.run(lambda: self._identity.git_credential(user, password))
        if principal is None:
            self._attempts.wrong(user, address)
            raise Refused(403, "The Git credentials are not valid.")
        self._attempts.right(user, address)
        return principal

    def _verify_signed(self, user: str, password: str, head: Head, paths: Sequence[str], region: str) -> Principal:
        """The credential helpers' password signs the path and the host, one with and the other without its port."""
        key_id, token = sigv4.split_git_username(user)
        try:
            credential = self._identity.credential(key_id, token)
        except AwsError as error:
            raise Refused(403, error.message or "The credentials are not valid.") from error
        host = head.headers.get("host", "")
        now = self._clock.now()
        for name in dict.fromkeys((host, _without_port(host))):
            for path in paths:
                if sigv4.verify_git(password, credential.secret, path=path, host=name, region=region, now=now):
                    return credential.principal
        raise Refused(403, "The signature of the credentials is not valid or has expired.")


def _basic(header: str) -> tuple[str, str]:
    """User and password of a Basic header; the 401 challenge without one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Refused(401, "Authentication is required.", [("www-authenticate", _CHALLENGE)])
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(403, "The Authorization header is not valid.") from None
    user, _, password = text.partition(":")
    return user, password


def region_of(head: Head) -> str:
    """The region that the host's name says, as AWS's git hosts do; empty where it says none."""
    found = _HOST.match(head.headers.get("host", ""))
    return found.group(1) if found else ""


def origin_of(scope: ASGIScope, head: Head) -> Origin:
    """Where a git client's request came from."""
    client = scope.get("client") or ("127.0.0.1", 0)
    host = head.headers.get("host", "localhost")
    return Origin(
        source_ip=client[0],
        user_agent=head.headers.get("user-agent", ""),
        secure=head.scheme == "https",
        endpoint=f"{head.scheme}://{host}",
        protocol="git",
    )


def status_of(error: AwsError) -> int:
    """The status that git's clients know a refusal by."""
    if error.code == "RepositoryDoesNotExistException":
        return 404
    return 429 if error.code == "ThrottlingException" else error.status or 400


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
