"""Bodies that are bombs, in every protocol: a 4xx of the service, soon, and the next request is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zlib

import pytest

from tests.support.rawhttp import Wire, signed
from tests.support.yard import TestYard

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
XML = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "l">{_LAUGHS}]><Tagging>&l9;</Tagging>'.encode(),
    "an external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Tagging>&e;</Tagging>',
    "an external type": b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><Tagging/>',
    "a type in UTF-16": '<!DOCTYPE x [<!ENTITY e "y">]><Tagging/>'.encode("utf-16"),
    "a type in UTF-7": b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x+AD4-<Tagging/>',
    "deep": b"<Tagging>" + b"<a>" * 300_000 + b"</a>" * 300_000 + b"</Tagging>",
    "deep and open": b"<a>" * 300_000,
    "a huge attribute": b'<Tagging a="' + b"x" * 5_000_000 + b'"/>',
    "many attributes": b"<Tagging " + b" ".join(b'a%d="x"' % n for n in range(100_000)) + b"/>",
    "a NUL": b"<Tagging><TagSet><Tag><Key>&#0;</Key><Value>x</Value></Tag></TagSet></Tagging>",
    "half a character": b"<Tagging><TagSet><Tag><Key>&#xd800;</Key><Value>x</Value></Tag></TagSet></Tagging>",
    "an inclusion": b'<Tagging xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="/etc/passwd"/></Tagging>',
    "nothing": b"",
}
JSON = {
    "deep": b"[" * 2_000_000,
    "deep objects": b'{"a":' * 500_000,
    "a deep stranger": b'{"x":' + b"[" * 1500 + b"]" * 1500 + b"}",
    "many members": b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}",
    "half a character": b'{"repositoryName":"\\ud800"}',
    "half a character, raw": b'{"repositoryName":"\xed\xa0\x80"}',
    "a NUL": b'{"repositoryName":"a\\u0000b"}',
    "a huge number": b'{"repositoryName":' + b"9" * 100_000 + b"}",
    "an infinite number": b'{"repositoryName":1e999}',
    "no number": b'{"repositoryName":NaN}',
    "a double key": b'{"repositoryName":"missing","repositoryName":"missing too"}',
    "UTF-16": '{"repositoryName":"a"}'.encode("utf-16"),
    "a mark": b'\xef\xbb\xbf{"repositoryName":"a"}',
    "another kind": b"[]",
}
_NAME = b"\xa1\x64name"
_STAGES = b"\xa1\x68pipeline\xd8\x1c\xa1\x66stages\x81\xd8\x1d\x00"
CBOR = {
    "deep": b"\x81" * 2_000_000,
    "deep without lengths": b"\x9f" * 2_000_000,
    "deep maps": b"\xa1" * 500_000,
    "deep tags": b"\xc1" * 500_000 + b"\x00",
    "a huge array": b"\x9b\x7f" + b"\xff" * 7,
    "a huge map": b"\xbb\x7f" + b"\xff" * 7,
    "huge bytes": _NAME + b"\x5b\x7f" + b"\xff" * 7,
    "a huge text": _NAME + b"\x7a\x7f" + b"\xff" * 3,
    "a huge number": b"\xa1\x6amaxResults\xc2\x5a\x00\x0f\x42\x40" + b"\xff" * 1_000_000,
    "a huge fraction": b"\xa1\x6amaxResults\xc4\x82\x1b\x00" + b"\xff" * 7 + b"\x01",
    "a huge float": b"\xa1\x6amaxResults\xc5\x82\x1a\x7f\xff\xff\xff\x01",
    "no number": b"\xa1\x6amaxResults\xf9\x7e\x00",
    "a circle": _NAME + b"\xd8\x1c\x81\xd8\x1d\x00",
    "a circle of structures": _STAGES,
    "an expression": _NAME + b"\xd8\x23\x6a((((a+)+)+",
    "mail": _NAME + b"\xd8\x24\x63a:b",
    "a time without end": _NAME + b"\xc1\x1b\x7f" + b"\xff" * 7,
    "no UTF-8": _NAME + b"\x62\xff\xfe",
    "a text of bytes": _NAME + b"\x7f\x41a\xff",
    "a break": b"\xff",
    "an unassigned value": _NAME + b"\xf8\x20",
    "another kind": b"\x80",
    "a number as a key": b"\xa1\x01\x02",
}
_USER = b"Action=CreateUser&Version=2010-05-08&UserName="
QUERY = {
    "deep": _USER + b"x&A" + b".a" * 100_000 + b"=1",
    "many": _USER + b"x&" + b"&".join(b"Tags.member.%d.Key=a" % n for n in range(100_000)),
    "a huge index": _USER + b"x&Tags.member.99999999999999.Key=a",
    "an index below nothing": _USER + b"x&Tags.member.-1.Key=a",
    "a huge number": b"Action=ListUsers&Version=2010-05-08&MaxItems=" + b"9" * 100_000,
    "half a character": _USER + b"%ed%a0%80",
    "no UTF-8": _USER + b"%ff%fe",
    "a NUL": _USER + b"a%00b",
    "a line": _USER + b"a%0d%0aX-Injected:%201",
}


def _json(yard: TestYard, body: bytes) -> bytes:
    named = {"X_Amz_Target": "CodeCommit_20150413.GetRepository", "Content_Type": "application/x-amz-json-1.1"}
    return signed(yard, "POST", "/", "codecommit", body, **named) + body


def _cbor(yard: TestYard, body: bytes) -> bytes:
    operation = {b"m": "ListPipelines", b"p": "CreatePipeline"}.get(body[2:3], "GetPipeline")
    path = f"/service/CodePipeline_20150709/operation/{operation}"
    named = {"Smithy_Protocol": "rpc-v2-cbor", "Content_Type": "application/cbor"}
    return signed(yard, "POST", path, "codepipeline", body, **named) + body


def _query(yard: TestYard, body: bytes) -> bytes:
    return signed(yard, "POST", "/", "iam", body, Content_Type="application/x-www-form-urlencoded") + body


def _xml(path: str, method: str = "PUT") -> object:
    def make(yard: TestYard, body: bytes) -> bytes:
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        return signed(yard, method, path, "s3", body, Content_MD5=digest) + body

    return make


DOORS = {
    "json": (_json, JSON),
    "cbor": (_cbor, CBOR),
    "query": (_query, QUERY),
    "xml tags": (_xml("/bombs?tagging"), XML),
    "xml delete": (_xml("/bombs?delete", "POST"), XML),
    "xml versions": (_xml("/bombs?versioning"), XML),
}


@pytest.fixture(scope="module")
def site(module_yard: TestYard) -> TestYard:
    module_yard.client("s3").create_bucket(Bucket="bombs")
    return module_yard


@pytest.mark.parametrize("door", DOORS)
def test_no_body_breaks_a_door(site: TestYard, door: str) -> None:
    make, bodies = DOORS[door]
    faults = []
    for name, body in bodies.items():
        wire, begun = Wire(site), time.process_time()
        try:
            status, _, answer = wire.ask(make(site, body))  # type: ignore[operator]
            took = time.process_time() - begun
            if not (400 <= status < 500 or status == 501) or not answer or took > 10 or b"root:" in answer:
                faults.append(f"{name}: {status} after {took:.1f} s, {answer[:100]!r}")
        finally:
            wire.socket.close()
    assert faults == []


TIMES = [b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"-9223372036854775809", b"1e300",
         b"1e18", b"-1", b"9" * 400, b'"5"', b"[]", b"true"]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "target", "body"),
    [
        ("logs", "Logs_20140328.PutLogEvents",
         b'{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":%s,"message":"x"}]}'),
        ("logs", "Logs_20140328.FilterLogEvents", b'{"logGroupName":"g","startTime":%s}'),
        ("logs", "Logs_20140328.PutRetentionPolicy", b'{"logGroupName":"g","retentionInDays":%s}'),
        ("events", "AWSEvents.PutEvents", b'{"Entries":[{"Source":"a","DetailType":"b","Detail":"{}","Time":%s}]}'),
        ("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", b'{"StartTime":%s}'),
        ("ssm", "AmazonSSM.GetParameterHistory", b'{"Name":"n","MaxResults":%s}'),
        ("kms", "TrentService.ScheduleKeyDeletion", b'{"KeyId":"k","PendingWindowInDays":%s}'),
        ("codebuild", "CodeBuild_20161006.StartBuild", b'{"projectName":"p","timeoutInMinutesOverride":%s}'),
    ],
)  # fmt: skip
def test_no_number_breaks_an_operation(site: TestYard, service: str, target: str, body: bytes) -> None:
    statuses = []
    for number in TIMES:
        raw = body.replace(b"%s", number)
        wire = Wire(site)
        named = {"X_Amz_Target": target, "Content_Type": "application/x-amz-json-1.1"}
        statuses.append(wire.ask(signed(site, "POST", "/", service, raw, **named) + raw)[0])
        wire.socket.close()
    assert all(status == 200 or 400 <= status < 500 for status in statuses), dict(zip(TIMES, statuses, strict=True))
    assert 400 in statuses


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_packed_body_is_not_unpacked(site: TestYard, encoding: str) -> None:
    body = zlib.compress(b" " * 10_000_000 + b"{}")
    named = {"X_Amz_Target": "CodeCommit_20150413.ListRepositories", "Content_Type": "application/x-amz-json-1.1"}
    wire = Wire(site)
    head = signed(site, "POST", "/", "codecommit", body, Content_Encoding=encoding, **named)
    status, _, answer = wire.ask(head + body)
    wire.socket.close()
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")
