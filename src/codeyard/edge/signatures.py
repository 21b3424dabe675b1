"""Who signed a request: Signature Version 4 for every service, version 2 links for S3; nobody for S3 and
for the links that SNS sends."""

from __future__ import annotations

import re
from typing import Literal

from codeyard.contract import ANONYMOUS, AwsError, Clock, Principal
from codeyard.gateway.ports import Identity
from codeyard.gateway.rules import BEARS_TOKEN
from codeyard.wire import sigv2, sigv4
from codeyard.wire.http import Head
from codeyard.wire.routing import Route, Router

Signed = sigv4.Signed | sigv2.SignedLink | None
_UNSIGNED = ("s3", "sts")  # STS has operations that carry a token instead: `refuse_unsigned` knows which
_ONE_WAY = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
    "or the Authorization header should be specified"
)
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}")


class Signatures:
    """Reads and proves signatures."""

    def __init__(self, identity: Identity, clock: Clock, router: Router) -> None:
        self._identity, self._clock, self._router = identity, clock, router
        self._regions: set[str] = set()
        self._hosts: dict[str, tuple[str, str] | None] = {}

    def read(self, head: Head, route: Route) -> tuple[Signed, Head]:
        """What the request claims, and its head with what a link carries as headers; None where it is unsigned."""
        if route.service == "s3" and "authorization" in head.headers and _signed_by_link(head):
            raise AwsError("InvalidArgument", _ONE_WAY, status=400)
        signed = sigv4.read(head)
        if signed is not None:
            self._check_scope(signed, head, route)
            return signed, head
        if route.service == "s3" and (link := sigv2.read(head)) is not None:
            return link, sigv2.unfolded(head)
        return None, head

    def verify(self, signed: Signed, head: Head, route: Route) -> tuple[Principal, bytes]:
        """The signer and the signing key; anonymous where unsigned, which S3 and links in messages may be."""
        if signed is None:
            if route.service not in _UNSIGNED and not route.account:
                raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
            if route.operation is not None:
                self.refuse_unsigned(route)
            return ANONYMOUS, b""
        try:
            credential = self._identity.credential(signed.access_key, signed.session_token or "")
        except AwsError as error:
            raise _in_words_of(route, error) from None
        now = self._clock.now()
        if isinstance(signed, sigv2.SignedLink):
            bucket = self._router.bucket_of_host(head)
            return credential.principal, sigv2.verify(signed, credential.secret, head, now, bucket=bucket)
        return credential.principal, sigv4.verify(signed, credential.secret, head, now, dialect=_dialect(route))

    @staticmethod
    def refuse_unsigned(route: Route) -> None:
        """Refuse an unsigned request of a service whose operations are signed, save those that carry a token."""
        if route.service == "sts" and (route.service, route.operation or "") not in BEARS_TOKEN:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)

    def _check_scope(self, signed: sigv4.Signed, head: Head, route: Route) -> None:
        """A signature is for one service and region: those that the request goes to."""
        if signed.region not in self._regions:
            if not _REGION.fullmatch(signed.region):
                raise _misscoped(route, f"Credential should be scoped to a valid region, not '{signed.region[:64]}'.")
            if len(self._regions) < 1000:
                self._regions.add(signed.region)
        named = self._named(head)
        if named is None:
            return
        if named[0] != route.service:
            raise _misscoped(route, f"Credential should be scoped to correct service: '{named[0]}'.")
        if named[1] and named[1] != signed.region:
            text = f"Credential should be scoped to a valid region, not '{signed.region}'; expecting '{named[1]}'."
            raise _misscoped(route, text)

    def _named(self, head: Head) -> tuple[str, str] | None:
        host = head.headers.get("host", "")
        if host not in self._hosts:
            if len(self._hosts) >= 1000:
                self._hosts.clear()
            self._hosts[host] = self._router.named_by_host(head)
        return self._hosts[host]


def _signed_by_link(head: Head) -> bool:
    """Whether the query, too, claims a signature, of either version."""
    names = {part.partition("=")[0] for part in head.query.split("&")}
    return not names.isdisjoint({"X-Amz-Algorithm", "X-Amz-Signature", "Signature"})


def _dialect(route: Route) -> Literal["s3", "query", "json"]:
    if route.service == "s3":
        return "s3"
    return "query" if route.protocol == "query" else "json"


def _misscoped(route: Route, text: str) -> AwsError:
    if route.service == "s3":
        return AwsError("AuthorizationHeaderMalformed", f"The authorization header is malformed; {text}", status=400)
    code = "SignatureDoesNotMatch" if route.protocol == "query" else "InvalidSignatureException"
    return AwsError(code, text, status=403)


def _in_words_of(route: Route, error: AwsError) -> AwsError:
    """The same refusal under the name by which the family of services knows it."""
    if route.service == "s3" and error.code == "InvalidClientTokenId":
        text = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", text, status=403)
    if route.service == "s3" and error.code == "ExpiredToken":
        return AwsError("ExpiredToken", "The provided token has expired.", status=400)
    if route.protocol in ("json", "rest-json", "smithy-rpc-v2-cbor"):
        code = {"InvalidClientTokenId": "UnrecognizedClientException", "ExpiredToken": "ExpiredTokenException"}
        return AwsError(code.get(error.code, error.code), error.message, status=400)
    return error
