"""Cheap calls that come in one piece are answered the short way; nobody can tell."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.rawhttp import Answer, Wire, signed
from tests.support.yard import TestYard, wait_until

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", autouse=True)
def repository(module_yard: TestYard) -> None:
    """What is read."""
    module_yard.client("codecommit").create_repository(repositoryName="read")
    module_yard.client("s3").create_bucket(Bucket="express")


def get(yard: TestYard, name: str = "read") -> tuple[bytes, bytes]:
    """Head and body of a GetRepository."""
    body = json.dumps({"repositoryName": name}).encode()
    target = "CodeCommit_20150413.GetRepository"
    return signed(yard, "POST", "/", "codecommit", body, X_Amz_Target=target, Content_Type=JSON), body


def who(yard: TestYard) -> tuple[bytes, bytes]:
    """Head and body of a GetCallerIdentity, whose body names the operation."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return signed(yard, "POST", "/", "sts", body, Content_Type=FORM), body


def bucket(yard: TestYard) -> tuple[bytes, bytes]:
    """Head (there is no body) of a HeadBucket."""
    return signed(yard, "HEAD", "/express", "s3"), b""


def forged(yard: TestYard) -> tuple[bytes, bytes]:
    """A body that is not the one that was signed."""
    head, body = get(yard)
    return head, body.replace(b"read", b"lead")


def gone(yard: TestYard) -> tuple[bytes, bytes]:
    """A repository that is not there."""
    return get(yard, "gone")


def invalid(yard: TestYard) -> tuple[bytes, bytes]:
    """A name that the model forbids."""
    return get(yard, "a b")


def malformed(yard: TestYard) -> tuple[bytes, bytes]:
    """A body that is no JSON."""
    target = "CodeCommit_20150413.GetRepository"
    return signed(yard, "POST", "/", "codecommit", b"{", X_Amz_Target=target, Content_Type=JSON), b"{"


def put(yard: TestYard, value: str = "x") -> tuple[bytes, bytes]:
    """A parameter written: its answer comes when it is durable."""
    body = json.dumps({"Name": "/express", "Value": value, "Type": "String", "Overwrite": False}).encode()
    return signed(yard, "POST", "/", "ssm", body, X_Amz_Target="AmazonSSM.PutParameter", Content_Type=JSON), body


@pytest.mark.parametrize("asked", [get, who, bucket, forged, gone, invalid, malformed, put])
def test_a_request_in_one_piece_is_answered_as_one_in_two(
    module_yard: TestYard, wire: Wire, asked: Callable[[TestYard], tuple[bytes, bytes]]
) -> None:
    wire.ask(b"".join(put(module_yard)))
    head, body = asked(module_yard)
    whole = wire.ask(head + body)
    parted = wire.ask_in_two(head + body, len(head) - 10, before=b"".join(who(module_yard)))
    assert plain(whole) == plain(parted)


def plain(answer: Answer) -> Answer:
    """An answer without what differs from request to request."""
    status, headers, body = answer
    varying = ("x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "date")
    for number in filter(None, map(headers.get, varying)):
        body = body.replace(number.encode(), b"")
    return status, {name: value for name, value in headers.items() if name not in varying}, body


def test_several_requests_in_one_piece_are_answered_in_their_order(module_yard: TestYard, wire: Wire) -> None:
    target = "CodeCommit_20150413.ListRepositories"
    slow = signed(module_yard, "POST", "/", "codecommit", b"{}", X_Amz_Target=target, Content_Type=JSON) + b"{}"
    cheap = b"".join(get(module_yard))
    wire.socket.sendall(cheap + slow + cheap)
    answers = [json.loads(wire.answer()[2]) for _ in range(3)]
    assert ["repositoryMetadata" in a for a in answers] == [True, False, True]
    assert answers[1]["repositories"][0]["repositoryName"] == "read"


def test_a_client_that_wants_the_connection_closed_gets_it_closed(module_yard: TestYard, wire: Wire) -> None:
    head, body = get(module_yard)
    status, headers, _ = wire.ask(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
    assert (status, headers["connection"], wire.socket.recv(1)) == (200, "close", b"")


def test_the_trail_has_a_record_of_each(module_yard: TestYard, wire: Wire) -> None:
    before = sum(r["eventName"] == "GetRepository" for r in module_yard.trail())
    wire.ask(b"".join(get(module_yard)))
    assert sum(r["eventName"] == "GetRepository" for r in module_yard.trail()) == before + 1


def test_a_write_between_reads_keeps_its_place_and_is_seen_by_what_follows(module_yard: TestYard, wire: Wire) -> None:
    name = json.dumps({"Name": "/seen", "Value": "new", "Type": "String", "Overwrite": True}).encode()
    target = "AmazonSSM.PutParameter"
    write = signed(module_yard, "POST", "/", "ssm", name, X_Amz_Target=target, Content_Type=JSON) + name
    asked = b'{"Name":"/seen"}'
    target = "AmazonSSM.GetParameter"
    read = signed(module_yard, "POST", "/", "ssm", asked, X_Amz_Target=target, Content_Type=JSON) + asked
    wire.socket.sendall(read + write + read)
    answers = [wire.answer() for _ in range(3)]
    assert [status for status, _, _ in answers] == [400, 200, 200]
    assert json.loads(answers[2][2])["Parameter"]["Value"] == "new"


def test_a_write_whose_client_has_gone_is_written(module_yard: TestYard, wire: Wire) -> None:
    name = json.dumps({"Name": "/gone", "Value": "x", "Type": "String"}).encode()
    target = "AmazonSSM.PutParameter"
    wire.socket.sendall(signed(module_yard, "POST", "/", "ssm", name, X_Amz_Target=target, Content_Type=JSON) + name)
    wire.socket.close()
    wait_until(lambda: [p["Name"] for p in module_yard.client("ssm").get_parameters(Names=["/gone"])["Parameters"]])


def test_a_refused_write_is_on_the_trail_before_its_answer(module_yard: TestYard, wire: Wire) -> None:
    body = json.dumps({"Name": "a b", "Value": "x", "Type": "String"}).encode()
    target = "AmazonSSM.PutParameter"
    head = signed(module_yard, "POST", "/", "ssm", body, X_Amz_Target=target, Content_Type=JSON)
    status, headers, _ = wire.ask(head + body)
    records = [r for r in module_yard.trail() if r["requestID"] == headers["x-amzn-requestid"]]
    assert (status, [r["errorCode"] for r in records]) == (400, ["ValidationException"])
