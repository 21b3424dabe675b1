"""Validly signed requests, altered in one place each: every one is refused in its service's words, none by a fault."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from codeyard.wire.sigv4 import SKEW_US
from tests.support.rawhttp import Answer, Wire
from tests.support.yard import TestYard


@dataclass(frozen=True)
class Sent:
    """A request as it goes onto the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str:
        return next(value for key, value in self.headers if key.lower() == name.lower())

    def put(self, name: str, value: str) -> Sent:
        kept = [(k, value if k.lower() == name.lower() else v) for k, v in self.headers]
        return replace(self, headers=tuple(kept))

    def drop(self, name: str) -> Sent:
        return replace(self, headers=tuple(h for h in self.headers if h[0].lower() != name.lower()))

    def add(self, name: str, value: str) -> Sent:
        return replace(self, headers=(*self.headers, (name, value)))

    def edit(self, name: str, old: str, new: str) -> Sent:
        before = self.header(name)
        assert old in before
        return self.put(name, before.replace(old, new, 1))

    def edit_target(self, old: str, new: str) -> Sent:
        assert old in self.target
        return replace(self, target=self.target.replace(old, new, 1))

    @property
    def raw(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{k}: {v}" for k, v in self.headers)]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


KINDS = ("json", "query", "cbor", "s3", "session")
PRESIGNED = ("presigned", "presigned-session")


class Attacker:
    """Holds validly signed requests of every kind, and sends them as it likes."""

    def __init__(self, yard: TestYard) -> None:
        self.yard = yard
        s3 = yard.client("s3")
        s3.create_bucket(Bucket="vault")
        s3.put_object(Bucket="vault", Key="a/key", Body=b"secret")
        allowed = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        self.user = yard.user("signer", allowed)
        token = yard.client("sts", keys=self.user).get_session_token()["Credentials"]
        other = yard.client("sts", keys=yard.user("other", allowed)).get_session_token()["Credentials"]
        self.session, self.other_token = _keys(token), other["SessionToken"]

    def request(self, kind: str) -> Sent:
        if kind in PRESIGNED:
            return self.presigned(self.session if kind.endswith("session") else self.user)
        keys = self.session if kind == "session" else self.user
        if kind == "s3":
            return self.signed(keys, "s3", "GET", "/vault/a/key?response-content-type=text%2Fplain")
        if kind == "query":
            body = b"Action=GetCallerIdentity&Version=2011-06-15"
            return self.signed(keys, "sts", "POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        if kind == "cbor":
            headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
            return self.signed(
                keys, "codepipeline", "POST", "/service/CodePipeline_20150709/operation/ListPipelines", b"\xa0", headers
            )
        target = {"X-Amz-Target": "CodeCommit_20150413.ListRepositories", "Content-Type": "application/x-amz-json-1.1"}
        return self.signed(keys, "codecommit", "POST", "/", b"{}", target)

    def signed(
        self, keys: Any, service: str, method: str, path: str, body: bytes = b"", headers: Any = None, region: str = ""
    ) -> Sent:
        request = AWSRequest(method, self.yard.endpoint + path, headers=headers or {}, data=body)
        auth = S3SigV4Auth if service == "s3" else SigV4Auth
        auth(_credentials(keys), service, region or "us-east-1").add_auth(request)
        return Sent(method, path, (("Host", self.host), *((k, str(v)) for k, v in request.headers.items())), body)

    def presigned(self, keys: Any, expires: int = 60, path: str = "/vault/a/key") -> Sent:
        request = AWSRequest("GET", self.yard.endpoint + path)
        S3SigV4QueryAuth(_credentials(keys), "s3", "us-east-1", expires=expires).add_auth(request)
        url = urlsplit(str(request.url))
        return Sent("GET", f"{url.path}?{url.query}", (("Host", self.host),))

    @property
    def host(self) -> str:
        return urlsplit(self.yard.endpoint).netloc

    def send(self, sent: Sent) -> Answer:
        wire = Wire(self.yard)
        try:
            return wire.ask(sent.raw)
        finally:
            wire.socket.close()


def _keys(answer: Any) -> dict[str, str]:
    names = {"AccessKeyId": "access_key_id", "SecretAccessKey": "secret_access_key", "SessionToken": "session_token"}
    return {ours: answer[theirs] for theirs, ours in names.items()}


def _credentials(keys: Any) -> Credentials:
    return Credentials(keys["access_key_id"], keys["secret_access_key"], keys.get("session_token"))


@pytest.fixture(scope="module")
def attacker(module_yard: TestYard) -> Attacker:
    return Attacker(module_yard)


def code_of(answer: Answer) -> str:
    """The error's code, from a JSON, CBOR or XML body."""
    cbor = rb"__type(?:x.|[\x60-\x77])([A-Z][A-Za-z]+)gmessage"
    found = re.search(rb'<Code>([^<]+)|"__type":"([A-Za-z.#]+)"|' + cbor, answer[2], re.DOTALL)
    said = next(one for one in found.groups() if one) if found else b""
    return said.decode().rpartition("#")[2]


REFUSED = {
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "AuthorizationHeaderMalformed",
    "AccessDenied",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "XAmzContentSHA256Mismatch",
    "AuthorizationQueryParametersError",
    "RequestTimeTooSkewed",
    "InvalidArgument",
}


def refused(answer: Answer) -> bool:
    return answer[0] in (400, 403) and code_of(answer) in REFUSED


@pytest.mark.parametrize("kind", [*KINDS, *PRESIGNED])
def test_the_untouched_request_and_one_with_its_headers_in_another_order_pass(attacker: Attacker, kind: str) -> None:
    sent = attacker.request(kind)
    assert attacker.send(sent)[0] == 200
    assert attacker.send(replace(sent, headers=tuple(reversed(sent.headers))))[0] == 200


@pytest.mark.parametrize("kind", KINDS)
def test_each_signed_header_altered_removed_or_sent_twice_is_refused(attacker: Attacker, kind: str) -> None:
    sent = attacker.request(kind)
    found = re.search("SignedHeaders=([^,]+)", sent.header("authorization"))
    assert found is not None
    for name in found[1].split(";"):
        changed = sent.header(name)[:-1] + ("1" if sent.header(name)[-1] != "1" else "2")
        tries = {"altered": sent.put(name, changed), "removed": sent.drop(name), "doubled": sent.add(name, "other")}
        for how, attack in tries.items():
            answer = attacker.send(attack)
            if name == "host" and how != "altered":  # not HTTP: it may be refused before anybody looks at signatures
                assert answer[0] in (400, 403), (name, how)
                continue
            assert refused(answer), (name, how, answer)


Change = Callable[[Sent], Sent]
SCOPE = "us-east-1/"
ALTERED: dict[str, Change] = {
    "method": lambda s: replace(s, method="PUT" if s.method == "POST" else "DELETE"),
    "path": lambda s: s.edit_target("/", "/x"),
    "query": lambda s: replace(s, target=s.target + ("&" if "?" in s.target else "?") + "more=1"),
    "body": lambda s: replace(s, body=s.body + b" "),
    "scope date": lambda s: re_auth(s, r"/\d{8}/", "/20200101/"),
    "scope region": lambda s: s.edit("authorization", "us-east-1", "eu-west-1"),
    "scope service": lambda s: re_auth(s, r"/us-east-1/\w+/", "/us-east-1/kms/"),
    "scope terminator": lambda s: s.edit("authorization", "aws4_request", "aws5_request"),
    "no region": lambda s: s.edit("authorization", "/us-east-1/", "//"),
    "hostile region": lambda s: s.edit("authorization", "us-east-1", "../etc"),
    "scope too short": lambda s: s.edit("authorization", "/us-east-1", ""),
    "host not signed": lambda s: s.edit("authorization", "host;", ""),
    "date not signed": lambda s: re_auth(s, r";?x-amz-date", ""),
    "signed header that is not there": lambda s: s.edit("authorization", "host;", "host;x-amz-none;"),
    "no signed headers": lambda s: re_auth(s, r"SignedHeaders=[^,]+", "SignedHeaders="),
    "more unsigned amz headers": lambda s: s.add("X-Amz-Acl", "public-read"),
    "signature": lambda s: re_auth(s, r"Signature=.{4}", "Signature=0000"),
    "signature cut": lambda s: re_auth(s, r"Signature=(.{20}).*", r"Signature=\1"),
    "signature not hex": lambda s: re_auth(s, r"Signature=.*", "Signature=\u00e9"),
    "algorithm none": lambda s: s.edit("authorization", "AWS4-HMAC-SHA256", "none"),
    "asymmetric algorithm": lambda s: s.edit("authorization", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    "unknown key": lambda s: re_auth(s, r"Credential=\w+", "Credential=AKIA0000000000000000"),
    "authorization twice": lambda s: s.add("Authorization", s.header("authorization")),
    "basic beside it": lambda s: s.add("Authorization", "Basic YTpi"),
    "no authorization": lambda s: s.drop("authorization"),
    "foreign token": lambda s: s.drop("x-amz-security-token").add("X-Amz-Security-Token", "of-nobody"),
}


def re_auth(sent: Sent, pattern: str, new: str) -> Sent:
    before = sent.header("authorization")
    after = re.sub(pattern, new, before, count=1)
    assert after != before
    return sent.put("authorization", after)


@pytest.mark.parametrize("change", ALTERED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_request_altered_in_one_place_is_refused(attacker: Attacker, kind: str, change: str) -> None:
    answer = attacker.send(ALTERED[change](attacker.request(kind)))
    assert refused(answer), answer


@pytest.mark.parametrize("kind", ["session", "presigned-session"])
def test_a_session_token_of_somebody_else_or_none_does_not_go_with_the_key(attacker: Attacker, kind: str) -> None:
    sent = attacker.request(kind)
    if kind == "session":
        tries = [sent.put("x-amz-security-token", attacker.other_token), sent.drop("x-amz-security-token")]
    else:
        bare = re.sub("&X-Amz-Security-Token=[^&]+", "", sent.target)
        tries = [replace(sent, target=bare), replace(sent, target=f"{bare}&X-Amz-Security-Token=none")]
    assert [attack for attack in tries if not refused(attacker.send(attack))] == []


LINKS: dict[str, Change] = {
    "another key": lambda s: s.edit_target("/a/key", "/a/other"),
    "percent-encoded": lambda s: s.edit_target("/a/key", "/a/%6bey"),
    "slash encoded": lambda s: s.edit_target("/a/key", "/a%2Fkey"),
    "double slash": lambda s: s.edit_target("/a/key", "/a//key"),
    "dot segment": lambda s: s.edit_target("/a/key", "/a/./key"),
    "dots upward": lambda s: s.edit_target("/a/key", "/a/x/../key"),
    "longer": lambda s: s.edit_target("Expires=60", "Expires=604800"),
    "over a week": lambda s: s.edit_target("Expires=60", "Expires=604801"),
    "no time": lambda s: s.edit_target("Expires=60", "Expires=0"),
    "negative": lambda s: s.edit_target("Expires=60", "Expires=-1"),
    "not a number": lambda s: s.edit_target("Expires=60", "Expires=1e9"),
    "twice": lambda s: replace(s, target=s.target + "&X-Amz-Expires=604800"),
    "another method": lambda s: replace(s, method="DELETE"),
    "an upload": lambda s: replace(s, method="PUT", body=b"x"),
    "another answer": lambda s: replace(s, target=s.target + "&response-content-type=text%2Fhtml"),
    "without signature": lambda s: replace(s, target=re.sub("&X-Amz-Signature=[^&]+", "", s.target)),
    "unsigned header": lambda s: s.add("x-amz-server-side-encryption", "AES256"),
    "another host": lambda s: s.put("host", "localhost:1"),
    "no date": lambda s: replace(s, target=re.sub("&X-Amz-Date=[^&]+", "", s.target)),
    "a date that is none": lambda s: replace(
        s, target=re.sub("X-Amz-Date=[^&]+", "X-Amz-Date=20261399T000000Z", s.target)
    ),
    "a header's signature too": lambda s: s.add("Authorization", "AWS4-HMAC-SHA256 x"),
}


@pytest.mark.parametrize("change", LINKS)
@pytest.mark.parametrize("kind", PRESIGNED)
def test_a_link_altered_in_one_place_is_refused(attacker: Attacker, kind: str, change: str) -> None:
    answer = attacker.send(LINKS[change](attacker.request(kind)))
    assert refused(answer), answer


def test_two_ways_of_signing_at_once_are_one_too_many_though_both_be_valid(attacker: Attacker) -> None:
    link = attacker.presigned(attacker.user)
    both = attacker.signed(attacker.user, "s3", "GET", link.target)
    answer = attacker.send(both)
    assert (answer[0], code_of(answer)) == (400, "InvalidArgument")


def test_a_signed_plus_is_not_a_space(attacker: Attacker) -> None:
    """What is executed is what was signed: `a%2Bkey` lists one prefix, `a+key` another."""
    sent = attacker.signed(attacker.user, "s3", "GET", "/vault?prefix=a%2Bkey")
    assert attacker.send(sent)[0] == 200
    assert refused(attacker.send(sent.edit_target("a%2Bkey", "a+key")))
    assert refused(attacker.send(sent.edit_target("a%2Bkey", "a%20key")))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("json", "InvalidSignatureException"),
        ("cbor", "InvalidSignatureException"),
        ("query", "SignatureDoesNotMatch"),
        ("s3", "RequestTimeTooSkewed"),
        ("session", "InvalidSignatureException"),
        ("presigned", "AccessDenied"),
    ],
)
def test_a_replay_counts_no_longer_than_fifteen_minutes_nor_a_link_than_it_says(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch, kind: str, code: str
) -> None:
    _date(monkeypatch, attacker, -SKEW_US // 1_000_000 - 2)
    answer = attacker.send(attacker.request(kind))
    assert (answer[0], code_of(answer)) == (403, code)


@pytest.mark.parametrize("kind", [*KINDS, "presigned"])
def test_what_is_dated_in_the_future_does_not_count_yet(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _date(monkeypatch, attacker, SKEW_US // 1_000_000 + 2)
    assert refused(attacker.send(attacker.request(kind)))


def _date(monkeypatch: pytest.MonkeyPatch, attacker: Attacker, later_s: int) -> None:
    """Let the client sign as if its clock were off from the server's."""
    off = datetime.datetime.fromtimestamp(attacker.yard.clock.now() / 1e6 + later_s, datetime.UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: off)


def test_what_is_signed_for_one_service_is_not_taken_by_another(attacker: Attacker) -> None:
    host = attacker.host.replace("127.0.0.1", "kms.us-east-1.localhost")
    elsewhere = AWSRequest("POST", f"http://{host}/", data=b"{}", headers={"X-Amz-Target": "TrentService.ListKeys"})
    SigV4Auth(_credentials(attacker.user), "codecommit", "us-east-1").add_auth(elsewhere)
    headers = (("Host", host), *((k, str(v)) for k, v in elsewhere.headers.items()))
    assert refused(attacker.send(Sent("POST", "/", headers, b"{}")))
    regional = AWSRequest("POST", f"http://{host}/", data=b"{}", headers={"X-Amz-Target": "TrentService.ListKeys"})
    SigV4Auth(_credentials(attacker.user), "kms", "eu-west-1").add_auth(regional)
    headers = (("Host", host), *((k, str(v)) for k, v in regional.headers.items()))
    assert refused(attacker.send(Sent("POST", "/", headers, b"{}")))


def test_no_other_doors_credential_opens_the_api(attacker: Attacker) -> None:
    made = attacker.yard.call(
        "iam", "CreateServiceSpecificCredential", {"UserName": "signer", "ServiceName": "codecommit.amazonaws.com"}
    )["ServiceSpecificCredential"]
    basic = base64.b64encode(f"{made['ServiceUserName']}:{made['ServicePassword']}".encode()).decode()
    sent = attacker.request("json")
    assert refused(attacker.send(sent.put("authorization", f"Basic {basic}")))
    as_keys = {"access_key_id": made["ServiceUserName"], "secret_access_key": made["ServicePassword"]}
    assert refused(attacker.send(attacker.signed(as_keys, "sts", *_identity())))
    port = urlsplit(attacker.yard.endpoint).port
    assert refused(attacker.send(sent.drop("authorization").add("Cookie", f"codeyard-session-{port}=of-the-console")))


def _identity() -> tuple[str, str, bytes, dict[str, str]]:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return "POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"}
