"""The AWS door against clients that do not behave: always an answer, in the service's own form, and soon."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from codeyard.edge.asgi import MAX_BODY
from tests.support.rawhttp import Wire, signed
from tests.support.yard import TestYard

TARGET = "CodeCommit_20150413.ListRepositories"


def listing(yard: TestYard) -> bytes:
    """A small good request."""
    body = b"{}"
    kind = "application/x-amz-json-1.1"
    return signed(yard, "POST", "/", "codecommit", body, X_Amz_Target=TARGET, Content_Type=kind) + body


@pytest.fixture(scope="module")
def nobody(module_yard: TestYard) -> dict[str, str]:
    """A user without a permission."""
    return module_yard.user("nobody")


@pytest.fixture(scope="module")
def bucket(module_yard: TestYard) -> str:
    """A bucket with one object."""
    s3 = module_yard.client("s3")
    s3.create_bucket(Bucket="hostile")
    s3.put_object(Bucket="hostile", Key="k", Body=b"0123456789")
    return "hostile"


def test_a_refused_upload_leaves_a_small_rest_read_and_the_connection_open(
    module_yard: TestYard, wire: Wire, nobody: dict[str, str], bucket: str
) -> None:
    body = b"x" * 300_000
    status, headers, raw = wire.ask(signed(module_yard, "PUT", f"/{bucket}/new", "s3", body, nobody) + body)
    assert (status, b"AccessDenied" in raw) == (403, True)
    assert "connection" not in headers
    assert wire.ask(listing(module_yard))[0] == 200


def test_a_refused_upload_that_is_long_is_answered_and_then_closed(
    module_yard: TestYard, wire: Wire, nobody: dict[str, str], bucket: str
) -> None:
    head = signed(
        module_yard, "PUT", f"/{bucket}/new", "s3", b"", nobody, Content_Length="30000000",
        X_Amz_Content_SHA256="UNSIGNED-PAYLOAD",
    )  # fmt: skip
    wire.socket.sendall(head)
    for _ in range(30):
        wire.socket.sendall(b"x" * 1_000_000)
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (403, "close")


def test_a_client_that_asks_before_it_sends_is_refused_without_sending(
    module_yard: TestYard, wire: Wire, nobody: dict[str, str], bucket: str
) -> None:
    body = b"x" * 1000
    raw = signed(module_yard, "PUT", f"/{bucket}/new", "s3", body, nobody, Expect="100-continue")
    status, headers, _ = wire.ask(raw)
    assert (status, headers["connection"]) == (403, "close")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(module_yard: TestYard, wire: Wire, bucket: str) -> None:
    body = b"x" * 1000
    raw = signed(module_yard, "PUT", f"/{bucket}/asked", "s3", body, Expect="100-continue")
    assert wire.ask(raw)[0] == 100
    assert wire.ask(body)[0] == 200


def test_a_body_beyond_its_bound_is_refused_before_it_is_sent(module_yard: TestYard, wire: Wire) -> None:
    raw = signed(
        module_yard, "POST", "/", "codecommit", b"", X_Amz_Target=TARGET, Content_Length=str(MAX_BODY + 1),
        Expect="100-continue", Content_Type="application/x-amz-json-1.1",
    )  # fmt: skip
    status, headers, body = wire.ask(raw)
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["__type"] == "RequestEntityTooLargeException"


def test_a_chunked_body_beyond_its_bound_is_refused_too(module_yard: TestYard, wire: Wire) -> None:
    raw = listing(module_yard).partition(b"\r\n\r\n")[0]
    lines = [line for line in raw.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    wire.socket.sendall(b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n")
    piece = b"%x\r\n%s\r\n" % (1_000_000, b" " * 1_000_000)
    for _ in range(20):
        wire.socket.sendall(piece)
    wire.socket.sendall(b"0\r\n\r\n")
    assert wire.answer()[0] == 413


@pytest.mark.parametrize(
    ("raw", "status", "word"),
    [
        (b"POST / HTTP/1.1\r\n\r\n", 405, b"MethodNotAllowed"),
        (b"GET /b/k HTTP/1.1\r\n\r\n", 403, b"AccessDenied"),
        (b"GET / HTTP/1.0\r\n\r\n", 403, b"AccessDenied"),
        (f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {TARGET}\r\n\r\n".encode(), 403, b"MissingAuthenticationToken"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Nonsense.Op\r\n\r\n", 403, b"MissingAuthenticationToken"),
        (b"POST / HTTP/1.1\r\nHost: sts.localhost\r\n\r\n", 403, b"MissingAuthenticationToken"),
        (b"GET /b/k HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n\r\n", 400, b"IncompleteSignature"),
        (b"GET /b/k HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\n\r\n", 400, b"IncompleteSignature"),
        (b"GET /%ff%00/%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"InvalidURI"),
        (b"GET /b/k?X-Amz-Signature=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"AuthorizationQueryParametersError"),
        (b"GET /b/k?AWSAccessKeyId=1 HTTP/1.1\r\nHost: x\r\n\r\n", 403, b"AccessDenied"),
    ],
)
def test_nonsense_gets_a_modelled_answer(wire: Wire, raw: bytes, status: int, word: bytes) -> None:
    found = wire.ask(raw)
    assert (found[0], word in found[2]) == (status, True), found
    assert b"Traceback" not in found[2]


def test_errors_of_head_have_no_body_and_the_connection_goes_on(module_yard: TestYard, wire: Wire, bucket: str) -> None:
    status, _, _ = wire.ask(signed(module_yard, "HEAD", f"/{bucket}/missing", "s3"))
    assert status == 404
    assert wire.ask(listing(module_yard))[0] == 200


def test_an_unknown_service_is_said_to_be_unknown(module_yard: TestYard, wire: Wire) -> None:
    status, _, body = wire.ask(signed(module_yard, "POST", "/", "sagemaker", b"{}") + b"{}")
    assert (status, b"UnknownOperationException" in body) == (404, True)


def test_an_unknown_action_of_a_query_service_is_an_invalid_action(module_yard: TestYard, wire: Wire) -> None:
    body = b"Action=MakeCoffee&Version=2011-06-15"
    kind = "application/x-www-form-urlencoded"
    status, _, raw = wire.ask(signed(module_yard, "POST", "/", "sts", body, Content_Type=kind) + body)
    assert (status, b"<Code>InvalidAction</Code>" in raw) == (400, True)


def test_a_session_token_of_sixteen_kilobytes_is_read(module_yard: TestYard, wire: Wire) -> None:
    raw = signed(module_yard, "POST", "/", "codecommit", b"{}", X_Amz_Target=TARGET, X_Amz_Security_Token="t" * 16_384)
    status, _, body = wire.ask(raw + b"{}")
    assert (status, b"UnrecognizedClientException" in body) == (400, True)


def test_clients_that_leave_in_the_middle_disturb_nobody(module_yard: TestYard, wire: Wire, bucket: str) -> None:
    body = b"x" * 1_000_000
    raw = signed(module_yard, "PUT", f"/{bucket}/broken", "s3", body)
    for sent in (raw[:50], raw, raw + body[:70_000], listing(module_yard)):
        left = Wire(module_yard)
        left.socket.sendall(sent)
        left.socket.close()
    assert wire.ask(listing(module_yard))[0] == 200
    with pytest.raises(ClientError, match="404"):
        module_yard.client("s3").head_object(Bucket=bucket, Key="broken")


def test_a_range_is_partial_content(module_yard: TestYard, bucket: str) -> None:
    got = module_yard.client("s3").get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["ContentRange"]) == (206, "bytes 2-4/10")
    assert got["Body"].read() == b"234"


@pytest.mark.parametrize("version", [None, "s3", "s3v4"])
def test_links_that_boto3_presigns_work_for_whoever_holds_them(
    module_yard: TestYard, bucket: str, version: str | None
) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=module_yard.endpoint,
        region_name="us-east-1",
        aws_access_key_id=module_yard.facts["access_key_id"],
        aws_secret_access_key=module_yard.facts["secret_access_key"],
        config=Config(signature_version=version) if version else None,
    )
    key = f"a b/{version}.txt"
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key, "ContentType": "text/plain"})
    request = urllib.request.Request(put, b"by link", {"Content-Type": "text/plain"}, method="PUT")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200
    asked = {"Bucket": bucket, "Key": key, "ResponseContentDisposition": 'attachment; filename="x.txt"'}
    got = s3.generate_presigned_url("get_object", Params=asked)
    with urllib.request.urlopen(got, timeout=60) as answer:
        assert answer.read() == b"by link"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="x.txt"'
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(got.replace(f"{version}.txt", "k"), timeout=60)
    assert refused.value.code == 403


def test_reads_do_not_stand_behind_calls_that_wait_for_work(
    module_yard: TestYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, waiting = threading.Event(), threading.Semaphore(0)

    def wait(ctx: Any, req: Any) -> dict[str, Any]:
        waiting.release()
        release.wait(60)
        return {}

    commands = module_yard.yard.gateway.registry.parts["codedeploy-commands"].api
    monkeypatch.setattr(commands, "poll_host_command", wait)
    body = json.dumps({"HostIdentifier": f"arn:aws:iam::{module_yard.account}:user/admin"}).encode()
    target = "CodeDeployCommandService_v20141006.PollHostCommand"
    kind = "application/x-amz-json-1.1"
    raw = signed(module_yard, "POST", "/", "codedeploy-commands", body, X_Amz_Target=target, Content_Type=kind) + body
    with ThreadPoolExecutor(12) as threads:
        polls = [threads.submit(lambda: Wire(module_yard).ask(raw)) for _ in range(12)]
        for _ in range(12):
            assert waiting.acquire(timeout=60)
        assert module_yard.client("codecommit").list_repositories()["repositories"] == []
        release.set()
        assert [poll.result()[0] for poll in polls] == [200] * 12
