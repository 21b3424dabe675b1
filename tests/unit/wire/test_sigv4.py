"""AWS's signing vectors, and what a door must refuse."""

from __future__ import annotations

import calendar
import hashlib
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from codeyard.contract import AwsError
from codeyard.wire import sigv4
from codeyard.wire.chunked import BodyHash
from codeyard.wire.http import Head

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "sigv4"
CASES = sorted(path.parent for path in VECTORS.glob("*/context.json"))
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.skipif(not CASES, reason="AWS's signing vectors are not beside the repository")
def test_awss_published_vectors_hold() -> None:
    assert len(CASES) >= 30
    for case in CASES:
        _check_vector(case)


def _check_vector(case: Path) -> None:
    context = json.loads((case / "context.json").read_text())
    head, _ = _request((case / "header-signed-request.txt").read_text())
    signed = sigv4.read(head)
    assert signed is not None
    text = (case / "header-canonical-request.txt").read_text()
    payload_hash = text.rsplit("\n", 1)[1]
    path = quote(head.path.encode(), safe="/-_.~%")
    path = sigv4.normal_path(path) if context["normalize"] else path
    query = quote(head.query.encode(), safe="/-_.~%=&")
    canonical = sigv4.canonical_request(head.method, path, query, head.headers, signed.signed_headers, payload_hash)
    assert canonical == text, case.name
    to_sign = sigv4.string_to_sign(signed.amz_date, signed.scope, canonical)
    assert to_sign == (case / "header-string-to-sign.txt").read_text(), case.name
    key = sigv4.signing_key(context["credentials"]["secret_access_key"], signed.date, signed.region, signed.service)
    assert signed.signature == (case / "header-signature.txt").read_text().strip()
    assert sigv4.hmac.digest(key, to_sign.encode(), "sha256").hex() == signed.signature, case.name


def _request(text: str) -> tuple[Head, bytes]:
    front, _, body = text.partition("\n\n")
    first, *lines = front.split("\n")
    method, target = first.split(" ", 1)
    path, _, query = target.rsplit(" ", 1)[0].partition("?")
    headers: dict[str, str] = {}
    name = ""
    for line in lines:
        if line.startswith((" ", "\t")):
            headers[name] += " " + line.strip()
            continue
        name, _, value = line.partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value
    return Head(method, path, query, headers), body.encode()


def _made(service: str, body: bytes = b"{}", *, path: str = "/", method: str = "POST", **headers: str) -> Head:
    """A request as botocore signs it."""
    request = AWSRequest(method=method, url=f"http://yard.test:4000{path}", data=body, headers=headers)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials("AKID", SECRET, headers.get("token")), service, "eu-west-1").add_auth(request)
    return _head(request)


def _head(request: AWSRequest) -> Head:
    path, _, query = request.url.partition(":4000")[2].partition("?")
    headers = {"host": "yard.test:4000", **{n.lower(): v for n, v in request.headers.items()}}
    return Head(request.method, path, query, headers)


def _now(head: Head) -> int:
    signed = sigv4.read(head)
    assert signed is not None
    return calendar.timegm(time.strptime(signed.amz_date, "%Y%m%dT%H%M%SZ")) * 1_000_000


def _verify(head: Head, body: bytes = b"{}", *, secret: str = SECRET, later_s: int = 0, dialect: str = "json") -> bytes:
    signed = sigv4.read(head)
    assert signed is not None
    key = sigv4.verify(signed, secret, head, _now(head) + later_s * 1_000_000, dialect=dialect)  # type: ignore[arg-type]
    checker = BodyHash(signed.payload_hash if signed.payload_hash != sigv4.UNSIGNED else None)
    checker.feed(body)
    checker.close()
    return key


@pytest.mark.parametrize("path", ["/", "/a/b%20c/%C3%A9?x=1&y=%2F&a", "/tags/arn%3Aaws%3As3%3A%3A%3Ab", "/a//b/./c/"])
def test_what_botocore_signs_verifies(path: str) -> None:
    assert _verify(_made("codecommit", path=path))
    if "//" not in path:
        assert _verify(_made("s3", path=path), dialect="s3")


@pytest.mark.parametrize(("dialect", "code"), [("json", "InvalidSignatureException"), ("s3", "SignatureDoesNotMatch")])
def test_another_secret_is_refused_in_the_services_own_words(dialect: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        _verify(_made("s3" if dialect == "s3" else "kms"), secret="other", dialect=dialect)
    assert (caught.value.code, caught.value.status) == (code, 403)


def test_a_body_other_than_the_signed_one_is_refused_though_no_header_declares_its_hash() -> None:
    head = _made("codecommit", b'{"a": 1}')
    assert "x-amz-content-sha256" not in head.headers
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        _verify(head, b'{"a": 2}')


def test_a_body_whose_signature_was_never_verified_is_never_passed() -> None:
    signed = sigv4.read(_made("codecommit"))
    assert signed is not None
    with pytest.raises(RuntimeError):
        BodyHash(signed.payload_hash).close()


@pytest.mark.parametrize(("later_s", "passes"), [(-901, False), (-899, True), (899, True), (901, False)])
def test_a_signature_counts_for_fifteen_minutes(later_s: int, passes: bool) -> None:
    head = _made("s3")
    if passes:
        assert _verify(head, later_s=later_s, dialect="s3")
        return
    with pytest.raises(AwsError, match="RequestTimeTooSkewed"):
        _verify(head, later_s=later_s, dialect="s3")


def test_every_amz_header_must_be_signed() -> None:
    head = _made("s3")
    more = head._replace(headers={**head.headers, "x-amz-acl": "public-read"})
    with pytest.raises(AwsError, match="not signed"):
        _verify(more, dialect="s3")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/other"},
        {"query": "a=b"},
        {"host": "elsewhere"},
    ],
)
def test_whatever_is_changed_after_signing_is_noticed(change: dict[str, str]) -> None:
    head = _made("s3")
    changed = (
        head._replace(headers={**head.headers, **change}) if "host" in change else head._replace(**change)  # type: ignore[arg-type]
    )
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        _verify(changed, dialect="s3")


@pytest.mark.parametrize(
    "authorization", ["Basic abc", "AWS4-HMAC-SHA256 Credential=a/b", "AWS4-HMAC-SHA256 x", "AWS AKID:sig", ""]
)
def test_a_malformed_authorization_is_incomplete(authorization: str) -> None:
    with pytest.raises(AwsError, match="IncompleteSignature"):
        sigv4.read(Head("GET", "/", "", {"authorization": authorization, "host": "h"}))


def test_an_unsigned_request_has_no_signature() -> None:
    assert sigv4.read(Head("GET", "/", "", {"host": "h"})) is None


def _presigned(expires: int) -> Head:
    request = AWSRequest(method="GET", url="http://yard.test:4000/bucket/key%20x?versionId=1")
    S3SigV4QueryAuth(Credentials("AKID", SECRET), "s3", "eu-west-1", expires=expires).add_auth(request)
    return _head(request)._replace(headers={"host": "yard.test:4000"})


def test_a_presigned_url_counts_until_it_expires() -> None:
    head = _presigned(60)
    assert _verify(head, later_s=59, dialect="s3")
    with pytest.raises(AwsError, match="Request has expired"):
        _verify(head, later_s=61, dialect="s3")


@pytest.mark.parametrize("expires", [0, 604_801])
def test_a_presigned_url_lasts_a_second_to_a_week(expires: int) -> None:
    with pytest.raises(AwsError, match="X-Amz-Expires must be between"):
        sigv4.read(_presigned(expires))


def test_our_own_signer_is_verified_by_our_own_door() -> None:
    for service, url in (("s3", "http://h:1/b/k%20x?a=b"), ("codebuild", "http://h:1/")):
        headers = sigv4.sign(
            "POST",
            url,
            {"Content-Type": "a/b"},
            b"body",
            access_key="AKID",
            secret=SECRET,
            token="t",
            region="r",
            service=service,
            now_us=10**15,
        )
        path, _, query = url.removeprefix("http://h:1").partition("?")
        head = Head("POST", path, query, headers)
        signed = sigv4.read(head)
        assert signed is not None
        assert signed.session_token == "t"
        assert signed.payload_hash == hashlib.sha256(b"body").hexdigest()
        assert sigv4.verify(signed, SECRET, head, 10**15)


def test_a_git_password_is_a_signature_over_path_and_host() -> None:
    now = calendar.timegm((2026, 1, 2, 3, 4, 5)) * 1_000_000
    password = "20260102T030405Z" + sigv4.git_signature(SECRET, "/v1/repos/a", "h:1", "eu-west-1", "20260102T030405")

    def good(path: str = "/v1/repos/a", host: str = "h:1", later_s: int = 0, given: str = password) -> bool:
        moment = now + later_s * 1_000_000
        return sigv4.verify_git(given, SECRET, path=path, host=host, region="eu-west-1", now=moment)

    assert good()
    assert good(later_s=890)
    assert not good(later_s=910)
    assert not good(path="/v1/repos/b")
    assert not good(host="h")
    assert not good(given="x")
    assert sigv4.split_git_username("AKID%to%ken") == ("AKID", "to%ken")
    assert sigv4.split_git_username("AKID") == ("AKID", "")


def test_git_passwords_of_the_aws_command_line_verify() -> None:
    customization = pytest.importorskip("awscli.customizations.codecommit")
    command = customization.CodeCommitGetCommand.__new__(customization.CodeCommitGetCommand)

    class Session:
        def get_credentials(self) -> Credentials:
            return Credentials("AKID", SECRET)

    command._session = Session()
    password = command.sign_request("eu-west-1", "https://h:1/v1/repos/a")
    now = calendar.timegm(time.strptime(password[:15], "%Y%m%dT%H%M%S")) * 1_000_000
    assert any(
        sigv4.verify_git(password, SECRET, path="/v1/repos/a", host=host, region="eu-west-1", now=now)
        for host in ("h", "h:1")
    )
