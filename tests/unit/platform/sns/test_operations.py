"""SNS through the gateway, with an outside that remembers what it was sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from codeyard.contract import AwsError
from codeyard.outbound import Response
from codeyard.platform import sns
from codeyard.platform.sns.signing import string_to_sign
from tests.support.rooms import Rooms


class Outside:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, str], str]] = []
        self.status = 200

    def request(self, method: str, url: str, *, headers: Any, body: bytes, **more: Any) -> Response:
        self.sent.append((url, dict(headers), body.decode()))
        return Response(self.status, {}, b"", True)


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside()


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("sns"), lambda kit: sns.part(kit, outside))  # type: ignore[arg-type]
    yield made
    made.close()


def _subscribed(rooms: Rooms, outside: Outside, name: str, **attributes: str) -> tuple[str, str]:
    topic = rooms.call("sns", "CreateTopic", {"Name": name})["TopicArn"]
    asked = {"TopicArn": topic, "Protocol": "https", "Endpoint": f"https://{name}.test/in", "Attributes": attributes}
    assert rooms.call("sns", "Subscribe", asked) == {"SubscriptionArn": "pending confirmation"}
    rooms.engine.settle()
    message = json.loads(outside.sent[-1][2])
    assert message["Type"] == "SubscriptionConfirmation"
    assert f"Token={message['Token']}" in message["SubscribeURL"]
    confirmed = rooms.call("sns", "ConfirmSubscription", {"TopicArn": topic, "Token": message["Token"]})
    outside.sent.clear()
    return topic, confirmed["SubscriptionArn"]


def _publish(rooms: Rooms, outside: Outside, topic: str, message: str, **more: Any) -> list[str]:
    outside.sent.clear()
    rooms.call("sns", "Publish", {"TopicArn": topic, "Message": message, **more})
    rooms.engine.settle()
    return [body for _, _, body in outside.sent]


@pytest.mark.parametrize(("version", "digest"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
def test_a_message_is_signed_so_that_the_certificate_proves_it(
    rooms: Rooms, outside: Outside, version: str, digest: Any
) -> None:
    topic, subscription = _subscribed(rooms, outside, f"signed{version}")
    change = {"TopicArn": topic, "AttributeName": "SignatureVersion", "AttributeValue": version}
    rooms.call("sns", "SetTopicAttributes", change)
    (body,) = _publish(rooms, outside, topic, "hello", Subject="hi")
    message = json.loads(body)
    assert (message["Type"], message["Message"], message["Subject"]) == ("Notification", "hello", "hi")
    assert outside.sent[0][1]["x-amz-sns-subscription-arn"] == subscription
    key = x509.load_pem_x509_certificate(sns.certificate_pem(rooms.kit).encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(message["Signature"]), string_to_sign(message).encode(), padding.PKCS1v15(), digest)


def test_raw_delivery_sends_the_message_alone(rooms: Rooms, outside: Outside) -> None:
    topic, _ = _subscribed(rooms, outside, "raw", RawMessageDelivery="true")
    assert _publish(rooms, outside, topic, "just this") == ["just this"]
    assert outside.sent[0][1]["x-amz-sns-rawdelivery"] == "true"


def test_a_filter_policy_lets_only_its_messages_through(rooms: Rooms, outside: Outside) -> None:
    policy = json.dumps({"kind": ["a"], "n": [{"numeric": [">", 5]}]})
    topic, subscription = _subscribed(rooms, outside, "filtered", RawMessageDelivery="true", FilterPolicy=policy)

    def attributes(kind: str, number: str) -> dict[str, Any]:
        return {
            "kind": {"DataType": "String.Array", "StringValue": json.dumps([kind])},
            "n": {"DataType": "Number", "StringValue": number},
        }

    assert _publish(rooms, outside, topic, "1", MessageAttributes=attributes("a", "9")) == ["1"]
    assert _publish(rooms, outside, topic, "2", MessageAttributes=attributes("a", "3")) == []
    assert _publish(rooms, outside, topic, "3") == []
    scope = {"AttributeName": "FilterPolicyScope", "AttributeValue": "MessageBody"}
    rooms.call("sns", "SetSubscriptionAttributes", {"SubscriptionArn": subscription, **scope})
    assert len(_publish(rooms, outside, topic, '{"kind": "a", "n": 6}')) == 1


def test_an_endpoint_that_fails_is_tried_again_and_one_that_refuses_is_not(rooms: Rooms, outside: Outside) -> None:
    topic, _ = _subscribed(rooms, outside, "failing", RawMessageDelivery="true")
    outside.status = 503
    assert _publish(rooms, outside, topic, "m") == ["m"]
    outside.status = 200
    rooms.clock.advance(3600)
    rooms.engine.settle()
    assert len(outside.sent) == 2
    outside.status = 403
    assert _publish(rooms, outside, topic, "n") == ["n"]
    rooms.clock.advance(3600)
    rooms.engine.settle()
    assert len(outside.sent) == 1
    outside.status = 200


def test_a_wrong_token_confirms_nothing_and_pending_endpoints_get_nothing(rooms: Rooms, outside: Outside) -> None:
    topic = rooms.call("sns", "CreateTopic", {"Name": "pending"})["TopicArn"]
    rooms.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://p.test/"})
    rooms.engine.settle()
    with pytest.raises(AwsError, match="InvalidParameterException"):
        rooms.call("sns", "ConfirmSubscription", {"TopicArn": topic, "Token": "guess"})
    assert _publish(rooms, outside, topic, "m") == []


@pytest.mark.parametrize("protocol", ["sms", "sqs", "lambda"])
def test_protocols_that_are_not_there_are_refused_by_name(rooms: Rooms, protocol: str) -> None:
    topic = rooms.call("sns", "CreateTopic", {"Name": "protocols"})["TopicArn"]
    with pytest.raises(AwsError, match=f"{protocol} is not available"):
        rooms.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": protocol, "Endpoint": "x"})


def test_a_batch_answers_for_each_entry(rooms: Rooms) -> None:
    topic = rooms.call("sns", "CreateTopic", {"Name": "batch"})["TopicArn"]
    entries = [{"Id": "1", "Message": "m"}, {"Id": "2", "Message": ""}]
    found = rooms.call("sns", "PublishBatch", {"TopicArn": topic, "PublishBatchRequestEntries": entries})
    assert ([one["Id"] for one in found["Successful"]], [one["Id"] for one in found["Failed"]]) == (["1"], ["2"])
    with pytest.raises(AwsError, match="BatchEntryIdsNotDistinctException"):
        rooms.call("sns", "PublishBatch", {"TopicArn": topic, "PublishBatchRequestEntries": [entries[0]] * 2})


def test_publishing_to_no_topic_is_not_found(rooms: Rooms) -> None:
    with pytest.raises(AwsError, match="NotFoundException: Topic does not exist"):
        rooms.call("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "m"})
