"""Whose signature counts at which service, region and host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from codeyard.contract import ANONYMOUS, AwsError, Principal
from codeyard.edge.signatures import Signatures
from codeyard.wire.http import Head
from codeyard.wire.models import Models
from codeyard.wire.routing import Router

SECRET, KEY = "s" * 40, "AKIAIOSFODNN7EXAMPLE"
TARGET = "CodeCommit_20150413.GetRepository"
ANN = Principal("user", "123456789012", "arn:aws:iam::123456789012:user/ann")


@dataclass
class Credential:
    secret: str
    principal: Principal


class Identity:
    """Knows one key."""

    def credential(self, access_key_id: str, session_token: str) -> Credential:
        if access_key_id != KEY:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        if session_token == "old":
            raise AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
        return Credential(SECRET, ANN)


class Clock:
    """Some seconds from now."""

    def __init__(self, seconds: int = 0) -> None:
        self.seconds = seconds

    def now(self) -> int:
        return (int(time.time()) + self.seconds) * 1_000_000


@pytest.fixture(scope="module")
def router() -> Router:
    """Routes to a few services."""
    return Router(Models(["s3", "codecommit", "sts"]), "us-east-1")


def who(router: Router, head: Head, seconds: int = 0) -> Principal:
    """Who made the request, as seen `seconds` from now."""
    identity: Any = Identity()
    signatures = Signatures(identity, Clock(seconds), router)
    route = router.route(head)
    signed, head = signatures.read(head, route)
    return signatures.verify(signed, head, route)[0]


def v4(url: str, service: str = "codecommit", region: str = "us-east-1", key: str = KEY, token: str = "") -> Head:
    """A POST signed with version 4."""
    target = {"X-Amz-Target": TARGET} if service == "codecommit" else {}
    request = AWSRequest("POST", url, headers={**target, "X-Amz-Content-SHA256": "0" * 64}, data=b"{}")
    SigV4Auth(Credentials(key, SECRET, token or None), service, region).add_auth(request)
    parts = urlsplit(url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Head("POST", parts.path or "/", parts.query, {"host": parts.netloc, **headers})


def link(url: str, method: str = "GET", auth_path: str | None = None, token: str = "", **headers: str) -> Head:
    """A link signed with version 2, as a client that follows it sends it."""
    request = AWSRequest(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    request.auth_path = auth_path
    HmacV1QueryAuth(Credentials(KEY, SECRET, token or None), expires=60).add_auth(request)
    parts = urlsplit(request.url)
    return Head(method, parts.path, parts.query, {"host": parts.netloc})


@pytest.mark.parametrize(
    "head",
    [
        v4("http://127.0.0.1:4599/"),
        v4("http://127.0.0.1:4599/", region="eu-central-1"),
        v4("http://codecommit.eu-west-1.localhost/", region="eu-west-1"),
        v4("http://codeyard.localhost:1/"),
    ],
)
def test_a_signature_for_the_service_that_it_goes_to_counts(router: Router, head: Head) -> None:
    assert who(router, head) is ANN


@pytest.mark.parametrize(
    ("head", "code", "status"),
    [
        (v4("http://codecommit.eu-west-1.localhost/", region="us-east-1"), "InvalidSignatureException", 403),
        (v4("http://sts.localhost/"), "InvalidSignatureException", 403),
        (v4("http://127.0.0.1/", region="nowhere"), "InvalidSignatureException", 403),
        (v4("http://127.0.0.1/", region="us-east-1:x"), "InvalidSignatureException", 403),
        (v4("http://127.0.0.1/", key="AKIASOMEBODYELSE0000"), "UnrecognizedClientException", 400),
        (v4("http://127.0.0.1/", token="old"), "ExpiredTokenException", 400),
        (v4("http://127.0.0.1/b", service="s3", key="AKIASOMEBODYELSE0000"), "InvalidAccessKeyId", 403),
        (v4("http://127.0.0.1/b", service="s3", token="old"), "ExpiredToken", 400),
        (v4("http://127.0.0.1/", service="sts", key="AKIASOMEBODYELSE0000"), "InvalidClientTokenId", 403),
        (v4("http://127.0.0.1/b", service="s3", region="x"), "AuthorizationHeaderMalformed", 400),
        (
            Head("POST", "/", "", {"x-amz-target": "CodeCommit_20150413.GetRepository"}),
            "MissingAuthenticationToken",
            403,
        ),
    ],
)
def test_what_does_not_count_is_refused_in_the_services_words(
    router: Router, head: Head, code: str, status: int
) -> None:
    with pytest.raises(AwsError) as refused:
        who(router, head)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_only_s3_lets_nobody_in_for_its_policies_to_decide(router: Router) -> None:
    assert who(router, Head("GET", "/bucket/key", "", {"host": "localhost"})) is ANONYMOUS


@pytest.mark.parametrize(
    "made",
    [
        partial(link, "http://127.0.0.1:4599/bucket/a%20key"),
        partial(link, "http://127.0.0.1:4599/bucket/key", "PUT", content_type="text/plain"),
        partial(link, "http://127.0.0.1:4599/bucket/key", "PUT", x_amz_acl="private"),
        partial(link, "http://127.0.0.1:4599/bucket/key?versionId=3&ignored=1"),
        partial(link, "http://127.0.0.1:4599/bucket/key?response-content-disposition=attachment%3B%20filename%3Da.txt"),
        partial(link, "http://127.0.0.1:4599/bucket?acl"),
        partial(link, "http://127.0.0.1:4599/bucket/key", token="session-token"),
        partial(link, "http://bucket.s3.localhost:4599/key", auth_path="/bucket/key"),
    ],
)
def test_a_version_2_link_counts_until_it_expires(router: Router, made: Callable[[], Head]) -> None:
    head = made()  # its minute begins now, not when the tests were collected
    assert who(router, head) is ANN
    with pytest.raises(AwsError, match="expired"):
        who(router, head, 120)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"path": "/bucket/other"}, "SignatureDoesNotMatch"),
        ({"method": "DELETE"}, "SignatureDoesNotMatch"),
        ({"query": "Signature=a&Expires=9999999999"}, None),
        ({"headers": {"host": "bucket.s3.localhost"}}, "SignatureDoesNotMatch"),
        ({"headers": {"host": "x", "x-amz-acl": "public-read"}}, "SignatureDoesNotMatch"),
        ({"query": f"AWSAccessKeyId={KEY}"}, "AccessDenied"),
        ({"query": f"AWSAccessKeyId={KEY}&Signature=é&Expires=99999999999"}, "SignatureDoesNotMatch"),
        ({"query": f"AWSAccessKeyId={KEY}&Signature=a&Expires=soon"}, "AccessDenied"),
    ],
)
def test_a_link_is_for_one_method_object_and_set_of_headers(
    router: Router, change: dict[str, Any], code: str | None
) -> None:
    good = link("http://127.0.0.1:4599/bucket/key")
    facts = {"method": good.method, "path": good.path, "query": good.query, "headers": dict(good.headers), **change}
    if code is None:
        assert who(router, Head(**facts)) is ANONYMOUS
        return
    with pytest.raises(AwsError) as refused:
        who(router, Head(**facts))
    assert refused.value.code == code


def test_a_link_is_of_no_use_at_another_service(router: Router) -> None:
    head = link("http://sts.localhost/?Action=GetCallerIdentity")
    with pytest.raises(AwsError) as refused:
        who(router, head)
    assert refused.value.code == "MissingAuthenticationToken"
