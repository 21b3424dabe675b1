"""What requests and answers may be: hostile bodies, streams, tokens, and the strictness of tests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest

from codeyard.contract import AwsError, BlobRange, Staged
from codeyard.wire.codec import Wire
from codeyard.wire.http import Head
from codeyard.wire.models import Models
from codeyard.wire.routing import Route
from codeyard.wire.services import ENABLED
from codeyard.wire.strict import NotInModel

WIRE = Wire(Models(ENABLED), token=lambda: "token-1")
HEAD = Head("POST", "/", "", {})


def _parse(service: str, operation: str, protocol: Any, body: Any, head: Head = HEAD, **labels: str) -> dict[str, Any]:
    return WIRE.parse(Route(service, operation, protocol, labels=labels), head, body)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"7", b'{"repositoryName": 7}', b'{"repositoryName": {}}', b"\xff", b"[" * 100_000],
)
def test_a_json_body_that_is_not_what_it_should_be_is_a_serialization_exception(body: bytes) -> None:
    with pytest.raises(AwsError, match="SerializationException"):
        _parse("codecommit", "GetRepository", "json", body)


@pytest.mark.parametrize("body", [b"\xff", b"\x80", b"\xa1", b"\xc1\x61a", b"\x81" * 5000, b"\x9b" + b"\xff" * 8])
def test_a_cbor_body_that_is_not_what_it_should_be_is_a_serialization_exception(body: bytes) -> None:
    with pytest.raises(AwsError, match="SerializationException"):
        _parse("codepipeline", "GetPipeline", "smithy-rpc-v2-cbor", body)


@pytest.mark.parametrize(
    "body",
    [
        b"<a",
        b"<Wrong/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Delete>&a;</Delete>',
        b"<Delete><Object><Key><x/></Key></Object></Delete>",
        "<Delete/>".encode("utf-16"),
        "<Delete/>".encode("utf-16-be"),
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><Delete/>'.encode("utf-16"),
        b"<Delete>" * 20_000,
    ],
)
def test_an_xml_body_that_is_not_what_it_should_be_is_malformed(body: bytes) -> None:
    with pytest.raises(AwsError, match="MalformedXML"):
        _parse("s3", "DeleteObjects", "rest-xml", body, Bucket="b")


@pytest.mark.parametrize("body", [b"Tags.member.x.Key=1", b"MaxItems=a", b"MaxItems.x=1", b"a." * 200 + b"=1"])
def test_a_form_that_is_not_what_it_should_be_is_malformed(body: bytes) -> None:
    with pytest.raises(AwsError, match="MalformedInput"):
        _parse("iam", "CreateUser" if b"Tags" in body else "ListUsers", "query", b"Action=X&" + body)


def test_unknown_members_are_ignored_and_nulls_are_absent() -> None:
    body = b'{"repositoryName": "a", "repositoryDescription": null, "other": {}}'
    assert _parse("codecommit", "CreateRepository", "json", body) == {"repositoryName": "a"}
    assert _parse("codecommit", "ListRepositories", "json", b"") == {}


def test_an_idempotency_token_that_is_missing_is_made_and_one_that_is_sent_is_kept() -> None:
    made = _parse("codecommit", "CreatePullRequest", "json", b"{}")
    assert made == {"clientRequestToken": "token-1"}
    kept = _parse("codecommit", "CreatePullRequest", "json", b'{"clientRequestToken": "mine"}')
    assert kept == {"clientRequestToken": "mine"}


def test_times_arrive_aware_and_blobs_as_bytes() -> None:
    body = b'{"Entries": [{"Time": 1767225600.5}]}'
    found = _parse("events", "PutEvents", "json", body)["Entries"][0]["Time"]
    assert found == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    blob = base64.b64encode(b"\x00\xff").decode().encode()
    assert _parse("kms", "Encrypt", "json", b'{"Plaintext": "' + blob + b'"}') == {"Plaintext": b"\x00\xff"}


def test_a_streams_body_stays_a_handle_both_ways() -> None:
    staged = Staged("blob", 10, {})
    head = Head("PUT", "/b/k", "", {"content-length": "10", "x-amz-meta-a": "1", "content-type": "t/x"})
    params = _parse("s3", "PutObject", "rest-xml", staged, head, Bucket="b", Key="k")
    assert params["Body"] is staged
    assert params["Metadata"] == {"a": "1"}
    assert WIRE.streams_in("s3", "PutObject")
    assert not WIRE.streams_in("s3", "DeleteObjects")
    part = BlobRange("blob", 2, 3)
    route = Route("s3", "GetObject", "rest-xml")
    answer = WIRE.answer(route, {"Body": part, "ContentLength": 3, "ETag": '"e"'}, "r")
    assert answer.body is part
    assert ("ETag", '"e"') in answer.headers
    assert "content-length" not in [name.lower() for name, _ in answer.headers]


def test_a_status_of_the_model_is_the_answers() -> None:
    assert WIRE.answer(Route("s3", "DeleteObject", "rest-xml"), {}, "r").status == 204
    assert WIRE.answer(Route("lambda", "Invoke", "rest-json"), {"StatusCode": 202}, "r").status == 202


def test_a_header_never_breaks_a_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        WIRE.answer(Route("s3", "PutObject", "rest-xml"), {"VersionId": "a\r\nx-evil: 1"}, "r")


def test_cbor_times_are_tagged() -> None:
    route = Route("codepipeline", "GetPipeline", "smithy-rpc-v2-cbor")
    answer = WIRE.answer(route, {"metadata": {"created": datetime(2026, 1, 1, tzinfo=UTC)}}, "r")
    assert isinstance(answer.body, bytes)
    assert bytes.fromhex("c1") + cbor2.dumps(1767225600) in answer.body
    assert ("smithy-protocol", "rpc-v2-cbor") in answer.headers


@pytest.mark.parametrize(
    "answer",
    [
        {"nope": 1},
        {"repositories": {}},
        {"repositories": [{"repositoryName": 7}]},
        {"nextToken": b"x"},
    ],
)
def test_in_tests_an_answer_that_is_not_the_models_raises(answer: dict[str, Any]) -> None:
    strict = Wire(Models(ENABLED))
    strict.strict = True
    with pytest.raises(NotInModel):
        strict.answer(Route("codecommit", "ListRepositories", "json"), answer, "r")
