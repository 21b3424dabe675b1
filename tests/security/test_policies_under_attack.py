"""Policies of buses, topics and log groups that could not be judged by: refused, each in its service's words, and
nothing of them is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

Put = Callable[[str], Any]


class Door:
    """A resource with a policy: how it is put and read, what its service says, and whose actions it knows."""

    def __init__(self, vendor: str, resource: str, code: str, put: Put, read: Callable[[], Any]) -> None:
        self.vendor, self.resource, self.code, self.put, self.read = vendor, resource, code, put, read

    def policy(self, **more: Any) -> str:
        """A policy that is good but for what `more` says; None takes an element away."""
        known = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": self.action}
        statement = {**known, "Resource": self.resource, **more}
        return json.dumps({"Version": "2012-10-17", "Statement": [{k: v for k, v in statement.items() if v}]})

    @property
    def action(self) -> str:
        """What others may be let do."""
        return {"events": "events:PutEvents", "logs": "logs:PutLogEvents", "sns": "sns:Publish"}[self.vendor]


def _bus(yard: TestYard) -> Door:
    events = yard.client("events")
    arn = events.create_event_bus(Name="judged")["EventBusArn"]
    return Door(
        "events", arn, "ValidationException",
        lambda text: events.put_permission(EventBusName="judged", Policy=text),
        lambda: events.describe_event_bus(Name="judged").get("Policy"),
    )  # fmt: skip


def _logs(yard: TestYard) -> Door:
    logs = yard.client("logs")
    return Door(
        "logs", "*", "InvalidParameterException",
        lambda text: logs.put_resource_policy(policyName="judged", policyDocument=text),
        lambda: [p["policyDocument"] for p in logs.describe_resource_policies()["resourcePolicies"]],
    )  # fmt: skip


def _topic(yard: TestYard) -> Door:
    sns = yard.client("sns")
    arn = sns.create_topic(Name="judged")["TopicArn"]
    return Door(
        "sns", arn, "InvalidParameter",
        lambda text: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text),
        lambda: sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"],
    )  # fmt: skip


BAD: dict[str, dict[str, Any]] = {
    "no effect": {"Effect": None},
    "another effect": {"Effect": "Permit"},
    "no principal": {"Principal": None},
    "two principals": {"NotPrincipal": "*"},
    "a principal that is a text": {"Principal": "111122223333"},
    "a principal of no kind": {"Principal": {"Anyone": "*"}},
    "a principal that is no ARN": {"Principal": {"AWS": "arn:aws:iam::1:root"}},
    "a service that is none": {"Principal": {"Service": "evil.example"}},
    "no action": {"Action": None},
    "two kinds of action": {"NotAction": "x:y"},
    "an action without a service": {"Action": "Publish"},
    "an action of another service": {"Action": "s3:GetObject"},
    "an action that is a number": {"Action": 5},
    "no resource": {"Resource": None},
    "a condition that is a list": {"Condition": [1]},
    "an operator that is none": {"Condition": {"StringMatches": {"aws:SourceArn": "x"}}},
    "a condition on no key": {"Condition": {"StringEquals": {"SourceArn": "x"}}},
    "a condition on an object": {"Condition": {"StringEquals": {"aws:SourceArn": {"a": 1}}}},
    "an element that no statement has": {"Efect": "Deny"},
}
TEXTS = ["", "null", "[]", "{", '{"Statement":[]}', '{"Version":"2026-01-01","Statement":[{}]}', '{"Statement":[[]]}']
DOORS = [_bus, _logs, _topic]


@pytest.mark.parametrize("made", DOORS, ids=["bus", "logs", "topic"])
def test_a_policy_that_cannot_be_judged_by_is_refused_and_not_kept(module_yard: TestYard, made: Any) -> None:
    door = made(module_yard)
    door.put(door.policy())
    before = door.read()
    known = door.policy()
    twice = known.replace('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"')
    assert twice != known
    texts = {**{text: text for text in TEXTS if text}, **{name: door.policy(**more) for name, more in BAD.items()}}
    answers = {name: _code(door, text) for name, text in {**texts, "an element twice": twice}.items()}
    assert {name: code for name, code in answers.items() if code != door.code} == {}
    assert door.read() == before


def _code(door: Door, text: str) -> str:
    try:
        door.put(text)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "taken"


@pytest.mark.parametrize("made", DOORS, ids=["bus", "logs", "topic"])
def test_policies_that_people_write_are_taken(yard: TestYard, made: Any) -> None:
    door = made(yard)
    for more in (
        {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}},
        {"Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}},
        {"Principal": {"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/ada"]}},
        {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": False}}, "Sid": "secure only"},
        {"Condition": {"ArnLikeIfExists": {"aws:SourceArn": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}}},
    ):
        door.put(door.policy(**more))
        assert json.dumps(more.get("Principal", "111122223333"))[1:-1] in str(door.read())


def test_a_topic_lets_accounts_do_only_what_topics_do(module_yard: TestYard) -> None:
    sns = module_yard.client("sns")
    topic = sns.create_topic(Name="permitted")["TopicArn"]
    for action in ("DeleteEverything", "*", "Publish\n", "SNS:Publish", ""):
        with pytest.raises(ClientError, match="out of service scope") as caught:
            sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["111122223333"], ActionName=[action])
        assert caught.value.response["Error"]["Code"] == "InvalidParameter"
    sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["111122223333"], ActionName=["Publish", "Receive"])
    sns.remove_permission(TopicArn=topic, Label="l")
    sns.remove_permission(TopicArn=topic, Label="__default_statement_ID")
    sns.add_permission(TopicArn=topic, Label="again", AWSAccountId=["111122223333"], ActionName=["Publish"])
    assert "again" in sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
