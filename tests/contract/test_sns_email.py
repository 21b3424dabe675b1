"""E-mail subscriptions: confirmed by the link in a mail, written to by a mail server, and refused without one."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.engine import ManualClock, Smtp
from codeyard.outbound import OutboundError
from codeyard.platform.sns.mail import Postman, compose
from codeyard.platform.sns.model import Subscription, Topic
from tests.contract.test_sns_links import _get
from tests.support.certificates import Company
from tests.support.mailbox import Mailbox
from tests.support.yard import TestYard

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "cross-site",
}


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[TestYard]:
    clock = ManualClock(time.time_ns() // 1000)
    smtp = Smtp("127.0.0.1", mailbox.port, "yard@example.com", "none")
    served = TestYard(tmp_path_factory.mktemp("mail") / "data", clock=clock, smtp=smtp)
    yield served
    served.close()


@pytest.fixture
def topic(yard: TestYard, mailbox: Mailbox, request: pytest.FixtureRequest) -> str:
    mailbox.mails.clear()
    return str(yard.call("sns", "CreateTopic", {"Name": request.node.name[:90].partition("[")[0]})["TopicArn"])


def _subscribed(yard: TestYard, mailbox: Mailbox, topic: str, protocol: str = "email") -> str:
    """A confirmed subscription of ann@example.com; what the confirmation mail said."""
    yard.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": protocol, "Endpoint": "ann@example.com"})
    yard.settle()
    ((to, asked),) = mailbox.mails
    mailbox.mails.clear()
    assert to == "ann@example.com"
    said: str = asked.get_content()
    (link,) = re.findall(r'http://[^\s"]+Action=ConfirmSubscription[^\s"]+', said)
    with urllib.request.urlopen(urllib.request.Request(link, headers=BROWSER), timeout=60) as answer:
        assert answer.status == 200
    return said


def _refused(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Message"])


def test_a_mail_confirms_and_the_next_ones_bring_messages_and_a_way_out(
    yard: TestYard, mailbox: Mailbox, topic: str
) -> None:
    sns = yard.client("sns")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue='The "Yard", Inc.')
    assert topic in _subscribed(yard, mailbox, topic)
    message = "Grüße\n.\n..dots\n" + "long " * 400
    sns.publish(TopicArn=topic, Subject="Ärger, überall", Message=message)
    yard.settle()
    ((to, mail),) = mailbox.mails
    assert (to, mail["to"], mail["subject"]) == ("ann@example.com", "ann@example.com", "Ärger, überall")
    assert mail["from"].addresses[0].display_name == 'The "Yard", Inc.'
    assert mail["from"].addresses[0].addr_spec == "yard@example.com"
    said = mail.get_content().replace("\r\n", "\n")
    assert said.startswith(message)
    (link,) = re.findall(r"http://\S+Action=Unsubscribe\S+", said)
    assert _get(link)[0] == 200
    sns.publish(TopicArn=topic, Message="gone")
    yard.settle()
    ((_, last),) = mailbox.mails[1:]
    assert last["subject"] == "AWS Notification - Unsubscribe Confirmation"
    assert "Action=ConfirmSubscription" in last.get_content()
    (left,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert left["SubscriptionArn"] == "PendingConfirmation"


def test_email_json_brings_the_signed_envelope(yard: TestYard, mailbox: Mailbox, topic: str) -> None:
    asked = json.loads(_subscribed(yard, mailbox, topic, "email-json"))
    assert asked["Type"] == "SubscriptionConfirmation"
    yard.client("sns").publish(TopicArn=topic, Message="hello")
    yard.settle()
    ((_, mail),) = mailbox.mails
    told = json.loads(mail.get_content())
    assert (told["Type"], told["Message"], mail["subject"]) == ("Notification", "hello", "AWS Notification Message")
    assert told["Signature"]


def test_a_mail_is_tried_again_until_the_server_takes_it_and_not_when_it_never_will(
    yard: TestYard, mailbox: Mailbox, topic: str
) -> None:
    _subscribed(yard, mailbox, topic)
    mailbox.answers[:] = ["451 later", "451 later"]
    yard.client("sns").publish(TopicArn=topic, Message="patience")
    for _ in range(3):
        yard.settle()
        yard.clock.advance(120)
    yard.settle()
    assert (len(mailbox.mails), mailbox.answers) == (1, [])
    mailbox.answers[:] = ["554 never"]
    yard.call("sns", "Publish", {"TopicArn": topic, "Message": "refused"})
    yard.settle()
    yard.clock.advance(600)
    yard.settle()
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "ann@", "@example.com", "ann@example.com\r\nBcc: eve@example.com", "ann@example.com\n"),
        *("ann@example.com,eve@example.com", "Ann <ann@example.com>", "ann example@x.org", "änn@example.com"),
        *("ann@-x.org", f"{'a' * 250}@x.org"),
    ],
)
def test_what_is_not_one_plain_address_is_refused(yard: TestYard, topic: str, address: str) -> None:
    with pytest.raises(Exception, match="Endpoint"):
        yard.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": "email", "Endpoint": address})


def test_headers_cannot_be_injected(yard: TestYard, topic: str) -> None:
    with pytest.raises(Exception, match="Subject"):
        yard.call("sns", "Publish", {"TopicArn": topic, "Message": "m", "Subject": "a\r\nBcc: eve@example.com"})
    named = {"TopicArn": topic, "AttributeName": "DisplayName", "AttributeValue": "x\r\nBcc: eve@example.com"}
    with pytest.raises(Exception, match="DisplayName"):
        yard.call("sns", "SetTopicAttributes", named)
    place = Topic(topic, "1", "r", "n", {"DisplayName": "x\r\nBcc: e@x.org"}, {}, 0)
    one = Subscription("s", topic, "1", "email", "a@x.org", {}, True, True, False, "p", "t", 0)
    with pytest.raises(ValueError, match="CR or LF"):
        compose("yard@example.com", place, one, "s", {"MessageId": "1"}, "b")
    with pytest.raises(ValueError, match="linefeed"):
        compose("yard@example.com", Topic(topic, "1", "r", "n", {}, {}, 0), one, "s\nBcc: e@x", {"MessageId": "1"}, "b")


def test_mails_are_never_raw(yard: TestYard, topic: str) -> None:
    asked = {"TopicArn": topic, "Protocol": "email", "Endpoint": "ann@example.com"}
    with pytest.raises(Exception, match="raw message delivery"):
        yard.call("sns", "Subscribe", {**asked, "Attributes": {"RawMessageDelivery": "true"}})


def test_without_a_mail_server_the_refusal_names_the_setting(module_yard: TestYard) -> None:
    sns = module_yard.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    for protocol in ("email", "email-json"):
        said = _refused(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint="ann@example.com")
        assert said.startswith("Invalid parameter: Protocol")
        assert "codeyard serve --smtp-host" in said


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_and_a_mail_go_encrypted_and_only_to_a_server_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    company = Company(tmp_path)
    chain, key, _ = company.issue("localhost")
    box = Mailbox(security, (chain, key))
    place = Topic("arn", "1", "r", "n", {}, {}, 0)
    one = Subscription("s", "arn", "1", "email", "a@x.org", {}, True, True, False, "p", "t", 0)
    mail = compose("yard@example.com", place, one, "s", {"MessageId": "1"}, "b")

    def post(password: str) -> None:
        server = Smtp("localhost", box.port, "yard@example.com", security, "me", password)
        Postman(server).post(mail, "a@x.org")

    try:
        with pytest.raises(OutboundError):
            post("right")
        assert (box.logins, box.mails) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(company.ca))
        with pytest.raises(OutboundError, match="answered 535") as told:
            post("wrong")
        assert "wrong" not in str(told.value)
        post("right")
        assert (box.logins[-1], len(box.mails)) == (b"\0me\0right", 1)
    finally:
        box.close()


def test_a_server_without_starttls_is_given_nothing() -> None:
    box = Mailbox()
    place = Topic("arn", "1", "r", "n", {}, {}, 0)
    one = Subscription("s", "arn", "1", "email", "a@x.org", {}, True, True, False, "p", "t", 0)
    mail = compose("yard@example.com", place, one, "s", {"MessageId": "1"}, "b")
    try:
        with pytest.raises(OutboundError, match="NotSupported"):
            Postman(Smtp("127.0.0.1", box.port, "yard@example.com", user="me", password="right")).post(mail, "a@x.org")
        assert (box.logins, box.mails) == ([], [])
    finally:
        box.close()
