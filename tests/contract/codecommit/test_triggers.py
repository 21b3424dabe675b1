"""Triggers through boto3 and git: kept, refused, tested, and really published to SNS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.engine import ManualClock
from tests.contract.test_sns_links import Endpoint
from tests.support.yard import TestYard


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestYard]:
    clock = ManualClock(time.time_ns() // 1000)
    served = TestYard(tmp_path_factory.mktemp("triggers") / "data", clock=clock, allow_private_outbound=True)
    yield served
    served.close()


class Topic:
    """A topic with an endpoint that listens to it."""

    def __init__(self, yard: TestYard, name: str) -> None:
        self.yard, self.endpoint = yard, Endpoint()
        self.arn = yard.call("sns", "CreateTopic", {"Name": name})["TopicArn"]
        yard.call("sns", "Subscribe", {"TopicArn": self.arn, "Protocol": "http", "Endpoint": self.endpoint.url})
        yard.settle()
        token = self.endpoint.messages.pop()["Token"]
        yard.call("sns", "ConfirmSubscription", {"TopicArn": self.arn, "Token": token})

    def heard(self) -> list[dict[str, Any]]:
        """The messages since the last look: the trigger's record, with the subject."""
        self.yard.settle()
        found = [{**json.loads(m["Message"])["Records"][0], "subject": m["Subject"]} for m in self.endpoint.messages]
        self.endpoint.messages.clear()
        return found


@pytest.fixture(scope="module")
def topic(yard: TestYard) -> Iterator[Topic]:
    made = Topic(yard, "changes")
    yield made
    made.endpoint.close()


@pytest.fixture
def client(yard: TestYard, request: pytest.FixtureRequest) -> Any:
    made = yard.client("codecommit")
    name = repository(request)
    made.create_repository(repositoryName=name)
    return made


def repository(request: pytest.FixtureRequest) -> str:
    return request.node.name[:100].replace("[", "-").replace("]", "")


def trigger(topic: Topic | str, *events: str, **more: Any) -> dict[str, Any]:
    arn = topic if isinstance(topic, str) else topic.arn
    return {"name": "one", "destinationArn": arn, "branches": [], "events": list(events or ["all"]), **more}


def put(client: Any, name: str, branch: str, **more: Any) -> str:
    made = client.put_file(repositoryName=name, branchName=branch, filePath="f", **more)
    return str(made["commitId"])


def refused(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"])


def test_every_kind_of_change_is_published_with_the_documented_json(
    client: Any, yard: TestYard, topic: Topic, request: pytest.FixtureRequest
) -> None:
    name = repository(request)
    assert client.get_repository_triggers(repositoryName=name)["triggers"] == []
    wanted = trigger(topic, customData="mine")
    configuration = client.put_repository_triggers(repositoryName=name, triggers=[wanted])["configurationId"]
    found = client.get_repository_triggers(repositoryName=name)
    assert (found["configurationId"], found["triggers"]) == (configuration, [wanted])

    first = put(client, name, "main", fileContent=b"1")
    (heard,) = topic.heard()
    assert heard.pop("eventId")
    assert heard.pop("eventTime").endswith("+0000")
    assert heard == {
        "awsRegion": "us-east-1",
        "codecommit": {"references": [{"commit": first, "created": True, "ref": "refs/heads/main"}]},
        "customData": "mine",
        "eventName": "ReferenceChanges",
        "eventPartNumber": 1,
        "eventSource": "aws:codecommit",
        "eventSourceARN": f"arn:aws:codecommit:us-east-1:{yard.account}:{name}",
        "eventTotalParts": 1,
        "eventTriggerConfigId": configuration,
        "eventTriggerName": "one",
        "eventVersion": "1.0",
        "userIdentityARN": yard.caller().call("sts", "GetCallerIdentity")["Arn"],
        "subject": f"CREATE: AWS CodeCommit us-east-1 push: {name}"[:100],
    }
    second = put(client, name, "main", fileContent=b"2", parentCommitId=first)
    client.create_branch(repositoryName=name, branchName="side", commitId=first)
    client.delete_branch(repositoryName=name, branchName="side")
    assert [one["codecommit"]["references"] for one in topic.heard()] == [
        [{"commit": second, "ref": "refs/heads/main"}],
        [{"commit": first, "created": True, "ref": "refs/heads/side"}],
        [{"commit": first, "deleted": True, "ref": "refs/heads/side"}],
    ]
    client.put_repository_triggers(repositoryName=name, triggers=[])
    put(client, name, "main", fileContent=b"3", parentCommitId=second)
    assert topic.heard() == []


def test_a_trigger_hears_only_of_its_events_on_its_branches(
    client: Any, topic: Topic, request: pytest.FixtureRequest
) -> None:
    name = repository(request)
    wanted = trigger(topic, "updateReference", "deleteReference", branches=["main", "prod"])
    client.put_repository_triggers(repositoryName=name, triggers=[wanted])
    first = put(client, name, "main", fileContent=b"1")
    for branch in ("prod", "other"):
        client.create_branch(repositoryName=name, branchName=branch, commitId=first)
        put(client, name, branch, fileContent=b"2", parentCommitId=first)
        client.delete_branch(repositoryName=name, branchName=branch)
    assert [one["codecommit"]["references"][0]["ref"] for one in topic.heard()] == ["refs/heads/prod"] * 2


def test_a_test_is_published_at_once_and_says_which_triggers_failed(
    client: Any, yard: TestYard, topic: Topic, request: pytest.FixtureRequest
) -> None:
    name = repository(request)
    gone = trigger(f"arn:aws:sns:us-east-1:{yard.account}:gone", name="two")
    said = client.test_repository_triggers(repositoryName=name, triggers=[trigger(topic), gone])
    assert said["successfulExecutions"] == ["one"]
    (failure,) = said["failedExecutions"]
    assert failure["trigger"] == "two"
    (heard,) = topic.heard()
    assert heard["eventName"] == "TriggerEventTest"
    tip = put(client, name, "main", fileContent=b"1")
    client.test_repository_triggers(repositoryName=name, triggers=[trigger(topic)])
    (heard,) = topic.heard()
    assert heard["codecommit"]["references"] == [{"commit": tip, "ref": "refs/heads/main"}]


def test_a_topic_of_another_account_is_told_only_where_its_policy_lets_codecommit_in(
    client: Any, yard: TestYard, topic: Topic, request: pytest.FixtureRequest
) -> None:
    name = repository(request)
    policy = yard.call("sns", "GetTopicAttributes", {"TopicArn": topic.arn})["Attributes"]["Policy"]
    shut = policy.replace(yard.account, "999999999999").replace(
        f":999999999999:{'changes'}", f":{yard.account}:changes"
    )
    attribute = {"TopicArn": topic.arn, "AttributeName": "Policy"}
    yard.call("sns", "SetTopicAttributes", {**attribute, "AttributeValue": shut})
    said = client.test_repository_triggers(repositoryName=name, triggers=[trigger(topic)])
    assert said["successfulExecutions"] == []
    arn = f"arn:aws:codecommit:us-east-1:{yard.account}:{name}"
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "codecommit.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    named = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    yard.call("sns", "SetTopicAttributes", {**attribute, "AttributeValue": named})
    said = client.test_repository_triggers(repositoryName=name, triggers=[trigger(topic)])
    assert said["successfulExecutions"] == ["one"]
    yard.call("sns", "SetTopicAttributes", {**attribute, "AttributeValue": policy})
    topic.heard()


TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
REFUSED = [
    ([trigger(TOPIC, name=f"n{n}") for n in range(11)], "MaximumRepositoryTriggersExceededException"),
    ([trigger(TOPIC), trigger(TOPIC)], "InvalidRepositoryTriggerNameException"),
    ([trigger(TOPIC, name="a b")], "InvalidRepositoryTriggerNameException"),
    ([trigger(TOPIC, name="a,b")], "InvalidRepositoryTriggerNameException"),
    ([trigger(TOPIC, name="")], "RepositoryTriggerNameRequiredException"),
    ([trigger("")], "RepositoryTriggerDestinationArnRequiredException"),
    ([trigger("arn:aws:sqs:us-east-1:123456789012:q")], "InvalidRepositoryTriggerDestinationArnException"),
    ([trigger(TOPIC + ".fifo")], "InvalidRepositoryTriggerDestinationArnException"),
    (
        [trigger("arn:aws:lambda:us-east-1:123456789012:function:f")],
        "InvalidRepositoryTriggerDestinationArnException",
    ),
    ([trigger(TOPIC.replace("us-east-1", "eu-west-1"))], "InvalidRepositoryTriggerRegionException"),
    ([trigger(TOPIC, customData="x" * 1001)], "InvalidRepositoryTriggerCustomDataException"),
    ([trigger(TOPIC, branches=[f"b{n}" for n in range(11)])], "MaximumBranchesExceededException"),
    ([trigger(TOPIC, branches=["a..b"])], "InvalidRepositoryTriggerBranchNameException"),
    ([trigger(TOPIC, "all", "updateReference")], "InvalidRepositoryTriggerEventsException"),
    ([trigger(TOPIC, "other")], "InvalidRepositoryTriggerEventsException"),
    ([trigger(TOPIC) | {"events": []}], "RepositoryTriggerEventsListRequiredException"),
    (
        [{member: value for member, value in trigger(TOPIC).items() if member != "branches"}],
        "RepositoryTriggerBranchNameListRequiredException",
    ),
]


def test_triggers_that_are_not_valid_are_refused_by_put_and_test_alike(
    client: Any, request: pytest.FixtureRequest
) -> None:
    name = repository(request)
    for triggers, code in REFUSED:
        for call in (client.put_repository_triggers, client.test_repository_triggers):
            assert refused(call, repositoryName=name, triggers=triggers) == code
    assert client.get_repository_triggers(repositoryName=name)["triggers"] == []


def test_a_push_of_many_references_comes_in_parts_that_sns_takes(yard: TestYard) -> None:
    from codeyard.services.codecommit import triggers
    from codeyard.services.codecommit.model import Intent, Repository

    sent: list[dict[str, Any]] = []

    class Write:
        def one(self, query: Any) -> Any:
            kept = json.dumps([trigger(TOPIC)])
            return type("Row", (), {"configuration": "c", "triggers": kept})

        def effect(self, kind: str, token: str, payload: dict[str, Any]) -> None:
            sent.append(payload)

    repository = Repository("id", "123456789012", "us-east-1", "many", None, None, 0, 0, {})
    changes = [Intent("b", "id", f"refs/heads/{'x' * 240}{n}", "1" * 40, "2" * 40) for n in range(1200)]
    triggers.fire(Write(), repository, "b", changes, "arn", 0)  # type: ignore[arg-type]
    records = [json.loads(one["publish"]["Message"])["Records"][0] for one in sent]
    assert [(one["eventPartNumber"], one["eventTotalParts"]) for one in records] == [(1, 3), (2, 3), (3, 3)]
    assert sum(len(one["codecommit"]["references"]) for one in records) == 1200
    assert max(len(one["publish"]["Message"]) for one in sent) < 262_144
