"""Users' bytes in heads, logs and records; and heads that two readers would understand in two ways."""

from __future__ import annotations

import io
import json
import logging
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError

from codeyard.cli.logs import OneLine, shown
from codeyard.contract import AwsError
from tests.support.rawhttp import Wire, signed
from tests.support.yard import TestYard

NEXT = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
TWOFOLD = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks of another name": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks behind a tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks before a blank": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a folded length": POST + b"X: a\r\n Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare ends of lines": b"GET /ready HTTP/1.1\nHost: x\n\n",
    "a bare end in a line": POST + b"X: a\nContent-Length: 0\r\n\r\n",
    "a bare return in a line": POST + b"X: a\rContent-Length: 0\r\n\r\n",
    "a NUL in a line": POST + b"X: a\0b\r\n\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\n",
    "a signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "a length to another base": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length beyond counting": POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "a chunk beyond counting": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a chunk of another base": POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk behind a bare end": POST + b"Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
    "two hosts": b"GET /ready HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a blank in a name": b"GET /ready HTTP/1.1\r\nHost: x\r\nX Y: a\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab in the path": b"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n",
    "a later version": b"GET /ready HTTP/1.2\r\nHost: x\r\n\r\n",
}


def everything(yard: TestYard, raw: bytes) -> bytes:
    """All that the server says until it closes; an error where it does not."""
    place = urlsplit(yard.endpoint)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as connection:
        connection.sendall(raw)
        said = b""
        while piece := connection.recv(65536):
            said += piece
    return said


@pytest.mark.parametrize("name", TWOFOLD)
def test_a_request_of_two_meanings_is_refused_and_what_follows_it_is_not_read(module_yard: TestYard, name: str) -> None:
    said = everything(module_yard, TWOFOLD[name] + NEXT)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


CHUNKED = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n"


def test_what_stands_behind_a_body_is_no_header(module_yard: TestYard) -> None:
    raw = signed(module_yard, "GET", "/", "s3").replace(b"Content-Length: 0\r\n", b"")
    head, _, _ = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    authorization = next(line for line in lines if line.startswith(b"Authorization"))
    without = b"\r\n".join(line for line in lines if line != authorization)
    assert everything(module_yard, head + b"\r\n" + CHUNKED + b"\r\n").startswith(b"HTTP/1.1 200")
    late = everything(module_yard, without + b"\r\n" + CHUNKED + authorization + b"\r\n\r\n")
    assert late.startswith(b"HTTP/1.1 403")


def test_lines_behind_a_body_that_never_end_are_hung_up_on(module_yard: TestYard) -> None:
    wire = Wire(module_yard)
    wire.socket.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    with pytest.raises(OSError):
        wire.socket.sendall((b"X-Filler: " + b"f" * 30_000 + b"\r\n") * 1000)
    wire.socket.close()


INJECTED = ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1", "\x1b[2Ja", "a\x00b", "a\x7fb",
            "\u010d\u010aX-Injected: 1", "a\u2028b", "a\u0085b"]  # fmt: skip
OVERRIDES = ["ResponseContentType", "ResponseContentDisposition", "ResponseCacheControl", "ResponseContentLanguage",
             "ResponseContentEncoding"]  # fmt: skip


@pytest.fixture(scope="module")
def bucket(module_yard: TestYard) -> str:
    s3 = module_yard.client("s3")
    s3.create_bucket(Bucket="heads")
    s3.put_object(Bucket="heads", Key="k", Body=b"x")
    return "heads"


@pytest.mark.parametrize("name", OVERRIDES)
def test_no_link_writes_headers_of_its_own(module_yard: TestYard, bucket: str, name: str) -> None:
    s3 = module_yard.client("s3")
    for value in INJECTED:
        link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k", name: value})
        wire, place = Wire(module_yard), urlsplit(link)
        head = f"GET {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
        status, headers, _ = wire.ask(head.encode())
        wire.socket.close()
        assert "x-injected" not in headers
        assert not any(ord(one) < 32 or ord(one) == 127 for said in headers.values() for one in said)
        assert status == (400 if any(ord(one) < 32 or ord(one) == 127 for one in value) else 200), value


@pytest.mark.parametrize("member", ["CacheControl", "ContentDisposition", "ContentType", "Metadata"])
@pytest.mark.parametrize("value", INJECTED[:4])
def test_no_object_is_kept_with_headers_of_its_own(module_yard: TestYard, bucket: str, member: str, value: str) -> None:
    given: Any = {"k": value} if member == "Metadata" else value
    params = {"Bucket": bucket, "Key": "own", member: given}
    assert refusal(module_yard, "s3", "PutObject", params) == "InvalidArgument"


KEYS = ["../../../etc/passwd", "..", ".", "./x", "/etc/passwd", "//", "a//b", "a/../b", "..\\..\\x", "C:\\x", "~root",
        "a\r\nX-Injected: 1", "\x1b[2J", "%2e%2e%2f", "%00", "a%0d%0ab", "\u2028", "e\u0301", "\u00e9", "A", "a", " ",
        "a ", "-rf", "$(id)", "`id`", "a" * 1024, "\U0001f600" * 256, "?x=1", "#x", "a+b", "a&b=c", "CON",
        "x."]  # fmt: skip


def test_any_legal_key_comes_back_as_it_went_and_names_no_file(module_yard: TestYard) -> None:
    s3 = module_yard.client("s3")
    s3.create_bucket(Bucket="keys")
    for key in KEYS:
        s3.put_object(Bucket="keys", Key=key, Body=key.encode())
    for key in KEYS:
        assert s3.get_object(Bucket="keys", Key=key)["Body"].read() == key.encode(), key
    listed = s3.list_objects_v2(Bucket="keys", EncodingType="url")["Contents"]
    assert len({one["Key"] for one in listed}) == len(KEYS)
    below = {path.name for path in module_yard.data.rglob("*")}
    assert not below & {*KEYS, "passwd"} - {".", ".."}
    assert not [name for name in below if any(ord(one) < 32 for one in name)]
    for key in KEYS:
        s3.delete_object(Bucket="keys", Key=key)
    assert s3.list_objects_v2(Bucket="keys")["KeyCount"] == 0


@pytest.mark.parametrize("key", ["a\0b", "a" * 1025, ""])
def test_what_is_no_key_is_refused(module_yard: TestYard, bucket: str, key: str) -> None:
    wire = Wire(module_yard)
    status, _, body = wire.ask(signed(module_yard, "PUT", f"/{bucket}/{quote(key)}", "s3", b"x") + b"x")
    wire.socket.close()
    assert 400 <= status < 500 or key == ""
    assert b"InternalError" not in body


@pytest.mark.parametrize("raw", ["%ff", "%c3%28", "%ed%a0%80", "%f8%88%80%80%80", "%c0%ae%c0%ae%2f"])
@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD", "DELETE"])
def test_a_key_that_is_no_text_is_refused_and_is_not_another_one(
    module_yard: TestYard, bucket: str, raw: str, method: str
) -> None:
    wire = Wire(module_yard)
    status, _, body = wire.ask(signed(module_yard, method, f"/{bucket}/{raw}", "s3"))
    wire.socket.close()
    assert status == 400
    assert method == "HEAD" or b"<Code>InvalidURI</Code>" in body


NAMES = [
    "../x",
    "..",
    ".",
    ".git",
    "x.git",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\x1b[2J",
    "a" * 101,
    "",
    "\u00e9",
    "-rf /",
]
PLACES = [
    ("codecommit", "CreateRepository", {"repositoryName": "?"}),
    ("codecommit", "UpdateRepositoryName", {"oldName": "there", "newName": "?"}),
    ("codebuild", "CreateProject", {"name": "?", "source": {"type": "NO_SOURCE", "buildspec": "x"},
                                   "artifacts": {"type": "NO_ARTIFACTS"}, "serviceRole": "arn:aws:iam::1:role/r",
                                   "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "x"}}),
    ("codedeploy", "CreateApplication", {"applicationName": "?"}),
    ("sns", "CreateTopic", {"Name": "?"}),
    ("events", "PutRule", {"Name": "?", "ScheduleExpression": "rate(1 day)"}),
    ("iam", "CreateUser", {"UserName": "?"}),
    ("s3", "CreateBucket", {"Bucket": "?"}),
    ("logs", "CreateLogGroup", {"logGroupName": "?"}),
    ("ssm", "PutParameter", {"Name": "?", "Value": "x", "Type": "String"}),
    ("secretsmanager", "CreateSecret", {"Name": "?", "SecretString": "x"}),
]  # fmt: skip


def refusal(yard: TestYard, service: str, operation: str, params: dict[str, Any]) -> str:
    """The code of the error; empty where there is none."""
    try:
        yard.call(service, operation, params)
    except AwsError as refused:
        return refused.code
    return ""


@pytest.mark.parametrize(("service", "operation", "params"), PLACES, ids=[f"{s}:{o}" for s, o, _ in PLACES])
def test_no_name_leaves_its_place(module_yard: TestYard, service: str, operation: str, params: dict[str, Any]) -> None:
    before = set(module_yard.data.parent.iterdir())
    for name in NAMES:
        filled = {key: name if value == "?" else value for key, value in params.items()}
        code = refusal(module_yard, service, operation, filled)
        assert code not in ("InternalFailure", "InternalError"), name
        assert code or not set(name) & set("\0\n\x1b"), name
    assert set(module_yard.data.parent.iterdir()) == before
    assert not [path for path in module_yard.data.rglob("*") if path.name in (*NAMES[5:10], "x")]


FILES = ["../x", "a/../../x", ".git/config", ".GIT/config", "a/.git/x", ".git", "git~1/config", ".g\u200cit/x",
         ".\ufeffGIT", ".git\\x", "a\\.git ", "a\0b", "a//b", "./a", "a/.", "..", "a/..", ""]  # fmt: skip


def test_no_path_of_a_commit_leaves_its_tree(module_yard: TestYard) -> None:
    commit = module_yard.client("codecommit")
    commit.create_repository(repositoryName="paths")
    first = commit.put_file(repositoryName="paths", branchName="main", fileContent=b"x", filePath="first")["commitId"]
    for path in FILES:
        with pytest.raises(ClientError) as refused:
            commit.put_file(
                repositoryName="paths", branchName="main", fileContent=b"x", filePath=path, parentCommitId=first
            )
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, path
        with pytest.raises(ClientError) as unread:
            commit.get_file(repositoryName="paths", filePath=path)
        assert unread.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404), path
    assert commit.get_branch(repositoryName="paths", branchName="main")["branch"]["commitId"] == first


def test_a_record_begins_one_line_of_a_log() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(name)s %(message)s"))
    log = logging.getLogger("tests.injected")
    log.propagate, log.handlers = False, [handler]
    bad = "a\r\nroot logged in\x1b[2J\x07\u2028\u0085b\x00"
    log.warning("topic %s", bad)
    try:
        raise ValueError(bad)
    except ValueError:
        log.exception("fault in %s", bad)
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line.startswith("root")] == []
    assert [line[:15] for line in lines if not line.startswith("  | ")] == ["tests.injected "] * 2
    assert "\x1b" not in stream.getvalue()
    assert shown("plain \u00e9") == "plain \u00e9"


def test_a_record_of_the_trail_is_one_line_whatever_is_in_it(module_yard: TestYard) -> None:
    asked = {"User-Agent": "x\ty \x7f", "X-Amz-Target": "CodeCommit_20150413.GetRepository"}
    body = json.dumps({"repositoryName": 'a\r\n{"eventName":"Forged"}\x1b[2J\u2028'}).encode()
    wire = Wire(module_yard)
    named = {name.replace("-", "_"): value for name, value in asked.items()}
    raw = signed(module_yard, "POST", "/", "codecommit", body, Content_Type="application/x-amz-json-1.1", **named)
    assert wire.ask(raw + body)[0] == 400
    wire.socket.close()
    module_yard.yard.gateway.auditor.flush()
    found = module_yard.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Forged"}]
    )
    assert found["Events"] == []
    for event in module_yard.client("cloudtrail").lookup_events()["Events"]:
        assert not any(ord(one) < 32 for one in event["CloudTrailEvent"])


def test_a_head_of_many_lines_is_answered_and_one_of_too_many_refused(module_yard: TestYard) -> None:
    begun = time.process_time()
    many = b"".join(b"X%d: y\r\n" % number for number in range(4000))
    assert everything(module_yard, b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + many + b"\r\n")
    wire = Wire(module_yard)
    wire.socket.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n")
    with pytest.raises(OSError):
        _send_lines(wire, 3_000_000)
    wire.socket.close()
    assert time.process_time() - begun < 20


def _send_lines(wire: Wire, count: int) -> None:
    for start in range(0, count, 10_000):
        wire.socket.sendall(b"".join(b"Y%d: y\r\n" % number for number in range(start, start + 10_000)))


def test_a_file_that_git_refuses_is_the_callers_fault(module_yard: TestYard) -> None:
    commit = module_yard.client("codecommit")
    commit.create_repository(repositoryName="modules")
    harmful = b'[submodule "../../x"]\n\tpath = x\n\turl = -u./payload\n'
    with pytest.raises(ClientError, match="InvalidPathException"):
        commit.put_file(repositoryName="modules", branchName="main", fileContent=harmful, filePath=".gitmodules")
