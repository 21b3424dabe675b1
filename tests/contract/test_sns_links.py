"""The links in SNS's messages, followed as people and endpoints follow them: plain GETs, by whoever was sent one."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from codeyard.engine import ManualClock
from codeyard.platform.sns.signing import string_to_sign
from tests.support.yard import TestYard

DAY = 86_400


class Endpoint:
    """An HTTP endpoint that remembers the messages posted to it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        remembered = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                remembered.append(json.loads(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestYard]:
    clock = ManualClock(time.time_ns() // 1000)
    served = TestYard(Path(tmp_path_factory.mktemp("links")) / "data", clock=clock, allow_private_outbound=True)
    yield served
    served.close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _asked(yard: TestYard, endpoint: Endpoint, name: str) -> tuple[str, dict[str, Any]]:
    """A topic, and the confirmation message that a new subscription of the endpoint brought there."""
    topic = yard.call("sns", "CreateTopic", {"Name": name})["TopicArn"]
    yard.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url})
    yard.settle()
    return topic, endpoint.messages.pop()


def _told(yard: TestYard, endpoint: Endpoint, topic: str) -> list[dict[str, Any]]:
    """What a publication brings to the endpoint."""
    endpoint.messages.clear()
    yard.call("sns", "Publish", {"TopicArn": topic, "Message": "news"})
    yard.settle()
    return list(endpoint.messages)


def test_an_endpoint_confirms_ends_and_restores_its_subscription_by_the_links_alone(
    yard: TestYard, endpoint: Endpoint
) -> None:
    topic, asked = _asked(yard, endpoint, "links")
    assert _told(yard, endpoint, topic) == []
    status, answer = _get(asked["SubscribeURL"])
    assert (status, f"<SubscriptionArn>{topic}:" in answer) == (200, True)
    assert "<ConfirmSubscriptionResult>" in answer
    (news,) = _told(yard, endpoint, topic)

    endpoint.messages.clear()
    status, answer = _get(news["UnsubscribeURL"])
    assert (status, "<UnsubscribeResponse" in answer) == (200, True)
    yard.settle()
    (goodbye,) = endpoint.messages
    assert goodbye["Type"] == "UnsubscribeConfirmation"
    assert _get(news["UnsubscribeURL"])[0] == 200
    assert _told(yard, endpoint, topic) == []

    assert _get(goodbye["SubscribeURL"])[0] == 200
    assert [one["Message"] for one in _told(yard, endpoint, topic)] == ["news"]


def test_a_link_that_was_followed_stands_on_the_trail_of_the_topic_s_account(
    yard: TestYard, endpoint: Endpoint
) -> None:
    topic, asked = _asked(yard, endpoint, "trailed")
    _get(asked["SubscribeURL"])
    followed = [one for one in yard.trail() if one["eventName"] == "ConfirmSubscription"]
    (found,) = [one for one in followed if one["requestParameters"]["topicArn"] == topic]
    assert found["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"
    assert (found["recipientAccountId"], found["awsRegion"]) == (yard.account, yard.facts["region"])


def test_a_subscription_that_needs_authentication_is_ended_by_its_owner_alone(
    yard: TestYard, endpoint: Endpoint
) -> None:
    topic, asked = _asked(yard, endpoint, "protected")
    proof = {"TopicArn": topic, "Token": asked["Token"], "AuthenticateOnUnsubscribe": "true"}
    assert _get(f"{asked['SubscribeURL']}&AuthenticateOnUnsubscribe=true")[0] == 403
    owner = yard.client("sns")
    subscription = owner.confirm_subscription(**proof)["SubscriptionArn"]
    (news,) = _told(yard, endpoint, topic)

    assert _get(asked["SubscribeURL"])[0] == 200, "confirming once more is no error, and takes nothing away"
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    owner.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    status, answer = _get(news["UnsubscribeURL"])
    assert (status, "<Code>AuthorizationError</Code>" in answer) == (403, True)
    assert len(_told(yard, endpoint, topic)) == 1

    owner.unsubscribe(SubscriptionArn=subscription)
    assert _told(yard, endpoint, topic) == [], "and its owner's end needs no farewell message"


def test_a_wrong_or_old_token_confirms_nothing_and_the_subscription_goes_with_its_token(
    yard: TestYard, endpoint: Endpoint
) -> None:
    topic, asked = _asked(yard, endpoint, "old")
    assert _get(asked["SubscribeURL"].replace(asked["Token"], "0" * 192))[0] == 403
    yard.clock.advance(3 * DAY + 1)
    assert _get(asked["SubscribeURL"])[0] == 403
    yard.settle()
    listed = yard.call("sns", "ListSubscriptionsByTopic", {"TopicArn": topic})
    assert listed["Subscriptions"] == []


@pytest.mark.parametrize("action", ["DeleteTopic", "Publish", "GetTopicAttributes"])
def test_only_the_two_links_need_no_signature(yard: TestYard, action: str) -> None:
    topic = yard.call("sns", "CreateTopic", {"Name": "unsigned"})["TopicArn"]
    status, _ = _get(f"{yard.endpoint}/?Action={action}&TopicArn={topic}&Message=m")
    assert status == 403
    assert yard.call("sns", "GetTopicAttributes", {"TopicArn": topic})["Attributes"]["TopicArn"] == topic


def test_who_holds_a_message_proves_it_by_the_certificate_that_it_names(yard: TestYard, endpoint: Endpoint) -> None:
    _, asked = _asked(yard, endpoint, "proved")
    status, certificate = _get(asked["SigningCertURL"])
    assert (status, asked["SignatureVersion"]) == (200, "1")
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature, signed = base64.b64decode(asked["Signature"]), string_to_sign(asked).encode()
    key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA1())
