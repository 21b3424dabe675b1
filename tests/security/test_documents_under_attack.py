"""Documents within requests - policies, patterns, events, buildspecs - that are bombs: refused in the words of the
service, or kept as they are; soon, and never a fault."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError

from codeyard.platform.cloudwatch_logs.filters import compile_filter
from codeyard.platform.eventbridge import store
from tests.support.yard import TestYard


def _statement(**more: Any) -> str:
    known = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**known, **more}]})


DOCUMENTS = {
    "deep lists": "[" * 4000 + "]" * 4000,
    "deep objects": '{"a":' * 4000 + "1" + "}" * 4000,
    "lists as deep as a parser takes": '{"a":' + "[" * 900 + "]" * 900 + "}",
    "objects as deep as a parser takes": '{"a":' * 300 + "1" + "}" * 300,
    "an object that ends nowhere": '{"a":' * 4000,
    "a huge number": '{"a":' + "9" * 5000 + "}",
    "an infinite number": '{"a":[1e999]}',
    "no number": '{"a":[NaN,-Infinity]}',
    "a double key": '{"Version":"2012-10-17","Version":"2008-10-17","Statement":[],"a":1,"a":2}',
    "half a character": _statement(Sid="\ud800", Action="s3:\udfff"),
    "half a character as a key": '{"\\ud800":["x"]}',
    "a NUL": _statement(Sid="\0"),
    "statements of another kind": '{"Version":"2012-10-17","Statement":[[],1,null,"x",{}]}',
    "parts of another kind": _statement(Effect=["Allow"], Action={"a": [1]}, Resource=5, Condition=[1]),
    "deep parts": _statement(Action=json.loads("[" * 200 + "]" * 200)),
    "principals of another kind": _statement(Principal={"AWS": [{}, 5, [[]]], "Service": None}),
    "a version of another kind": '{"Version":{},"Statement":{"Effect":{}}}',
    "conditions of another kind": _statement(Condition={"IpAddress": {"aws:SourceIp": [{}]}, "Bool": "x"}),
    "operators of a pattern": '{"a":[{"numeric":["<",[]]},{"cidr":5},{"anything-but":{"wildcard":[{}]}}]}',
    "many ways": json.dumps({f"k{n}": {"$or": [{"a": ["x"]}] * 10} for n in range(12)}),
    "many stars": json.dumps({"a": [{"wildcard": "*a" * 500 + "b"}]}),
    "an alias bomb": "a: &a [x,x]\n" + "\n".join(f"{b}: &{b} [{f'*{a},' * 9}*{a}]" for a, b in pairwise("abcdefghij")),
    "a tag": "!!python/object/apply:os.system [id]",
    "control characters": "a: \x1b[2J\r\n\u2028b",
    "nothing": "null",
    "empty": "{}",
}  # fmt: skip
Send = Callable[[TestYard, str], Any]


@functools.cache
def of(yard: TestYard, service: str) -> Any:
    """A client, made once: making one takes longer than a call."""
    return yard.client(service)


def _policy(service: str, operation: str, member: str, **more: Any) -> Send:
    return lambda yard, text: getattr(of(yard, service), operation)(**{member: text, **more})


def letting_events_in(group: str) -> str:
    """The policy by which rules write to a log group."""
    to_write = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return _statement(Principal={"Service": "events.amazonaws.com"}, Action=to_write, Resource=group)


def _names(yard: TestYard) -> dict[str, str]:
    """What the doors need to be there."""
    found: dict[str, str] | None = getattr(yard, "_names", None)
    if found is None:
        found = yard._names = {  # type: ignore[attr-defined]
            "key": of(yard, "kms").create_key()["KeyMetadata"]["KeyId"],
            "topic": of(yard, "sns").create_topic(Name="t")["TopicArn"],
            "secret": of(yard, "secretsmanager").create_secret(Name="s", SecretString="x")["ARN"],
            "role": yard.role("r", "codebuild.amazonaws.com", [{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        }
        of(yard, "s3").create_bucket(Bucket="kept")
        of(yard, "events").put_rule(Name="r", ScheduleExpression="rate(1 day)")
        of(yard, "logs").create_log_group(logGroupName="g")
        of(yard, "logs").put_resource_policy(policyName="events", policyDocument=letting_events_in("*"))
    return found


_EITHER = {"$or": [{"source": ["x"]}, {"detail": {"a": ["x"], "b": {"c": ["x"]}}}]}


def _events(yard: TestYard, text: str) -> Any:
    """An event, over a rule that matches within it."""
    events = of(yard, "events")
    events.put_rule(Name="all", EventPattern=json.dumps(_EITHER))
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": _group(yard)}])
    found = events.put_events(Entries=[{"Source": "x", "DetailType": "y", "Detail": text}])
    yard.settle()
    return found


def _group(yard: TestYard) -> str:
    return f"arn:aws:logs:us-east-1:{yard.account}:log-group:g"


def _bus(yard: TestYard) -> str:
    """A bus of its own, since its policy is not undone."""
    events = of(yard, "events")
    if not events.list_event_buses(NamePrefix="guarded")["EventBuses"]:
        events.create_event_bus(Name="guarded")
    return "guarded"


def _message(yard: TestYard, text: str) -> Any:
    """A message, to a subscription that filters by its body."""
    sns, topic = of(yard, "sns"), _names(yard)["topic"]
    asked = {"TopicArn": topic, "Protocol": "https", "Endpoint": "https://nobody.invalid/"}
    wanted = {"FilterPolicyScope": "MessageBody", "FilterPolicy": '{"a":["x"]}'}
    sns.subscribe(**asked, Attributes=wanted)
    return sns.publish(TopicArn=topic, Message=text)


def _target(member: str) -> Send:
    def send(yard: TestYard, text: str) -> Any:
        more = {"InputPathsMap": {"a": "$.a"}, "InputTemplate": text} if member == "InputTransformer" else text
        _names(yard)
        return of(yard, "events").put_targets(Rule="r", Targets=[{"Id": "1", "Arn": _group(yard), member: more}])

    return send


def _build(yard: TestYard, text: str) -> Any:
    return of(yard, "codebuild").create_project(
        name="project", source={"type": "NO_SOURCE", "buildspec": text}, artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=_names(yard)["role"],
    )  # fmt: skip


def _assume(yard: TestYard, text: str) -> Any:
    return of(yard, "sts").assume_role(RoleArn=_names(yard)["role"], RoleSessionName="session", Policy=text)


DOORS: dict[str, Send] = {
    "iam policy": _policy("iam", "create_policy", "PolicyDocument", PolicyName="p"),
    "iam trust": _policy("iam", "create_role", "AssumeRolePolicyDocument", RoleName="q"),
    "iam role policy": _policy("iam", "put_role_policy", "PolicyDocument", RoleName="r", PolicyName="x"),
    "iam simulation": lambda y, t: of(y, "iam").simulate_custom_policy(
        PolicyInputList=[t], ActionNames=["s3:GetObject"]),
    "iam simulated resource policy": lambda y, t: of(y, "iam").simulate_custom_policy(
        PolicyInputList=[_statement()], ResourcePolicy=t, ActionNames=["s3:GetObject"]),
    "session policy": _assume,
    "bucket policy": lambda y, t: (_names(y), of(y, "s3").put_bucket_policy(Bucket="kept", Policy=t)),
    "key policy": lambda y, t: of(y, "kms").put_key_policy(KeyId=_names(y)["key"], Policy=t),
    "new key's policy": _policy("kms", "create_key", "Policy"),
    "secret's policy": _policy("secretsmanager", "put_resource_policy", "ResourcePolicy", SecretId="s"),
    "secret's policy, judged": lambda y, t: of(y, "secretsmanager").validate_resource_policy(ResourcePolicy=t),
    "topic policy": lambda y, t: of(y, "sns").set_topic_attributes(
        TopicArn=_names(y)["topic"], AttributeName="Policy", AttributeValue=t),
    "filter policy": lambda y, t: of(y, "sns").subscribe(
        TopicArn=_names(y)["topic"], Protocol="https", Endpoint="https://x.invalid/", Attributes={"FilterPolicy": t}),
    "message": _message,
    "message of parts": lambda y, t: of(y, "sns").publish(
        TopicArn=_names(y)["topic"], Message=t, MessageStructure="json"),
    "logs policy": lambda y, t: (
        of(y, "logs").put_resource_policy(policyName="p", policyDocument=t),
        of(y, "logs").delete_resource_policy(policyName="p")),
    "log filter": lambda y, t: of(y, "logs").test_metric_filter(filterPattern=t, logEventMessages=["x"]),
    "log event": lambda y, t: of(y, "logs").test_metric_filter(filterPattern="{ $.a[0][0] = 1 }", logEventMessages=[t]),
    "log line": lambda y, t: of(y, "logs").test_metric_filter(filterPattern="[a, b, ...]", logEventMessages=[t]),
    "event pattern": _policy("events", "put_rule", "EventPattern", Name="p"),
    "event pattern, tried": lambda y, t: of(y, "events").test_event_pattern(EventPattern=t, Event=json.dumps(
        {"id": "1", "account": "1", "source": "x", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": [],
         "detail-type": "t", "detail": {"a": "a" * 20000}})),
    "event, tried": lambda y, t: of(y, "events").test_event_pattern(
        EventPattern='{"a":["x"],"b":{"c":["d"]}}', Event=t),
    "event": _events,
    "bus policy": lambda y, t: of(y, "events").put_permission(EventBusName=_bus(y), Policy=t),
    "target's input": _target("Input"),
    "target's input path": _target("InputPath"),
    "target's template": _target("InputTransformer"),
    "buildspec": _build,
    "schedule": _policy("events", "put_rule", "ScheduleExpression", Name="p"),
    "parameter's pattern": lambda y, t: of(y, "ssm").put_parameter(
        Name="p", Type="String", Value="a" * 50, AllowedPattern=t[:1000], Overwrite=True),
    "page token": lambda y, t: of(y, "codecommit").list_repositories(nextToken=t),
    "name": lambda y, t: of(y, "codecommit").create_repository(repositoryName=t[:90]),
    "tag": lambda y, t: of(y, "codecommit").create_repository(repositoryName="tagged", tags={"a": t[:200]}),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_no_document_breaks_a_door(module_yard: TestYard, door: str) -> None:
    _names(module_yard)
    faults = []
    for name, text in DOCUMENTS.items():
        begun = time.process_time()  # what it costs, not how long others kept the machine
        try:
            DOORS[door](module_yard, text)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if not (400 <= status < 500 or status == 501) or not error.response["Error"]["Code"]:
                faults.append(f"{name}: {status} {error}")
        if time.process_time() - begun > 5:
            faults.append(f"{name}: {time.process_time() - begun:.1f} s of processor time")
    assert faults == []


def test_no_event_is_left_that_cannot_be_delivered(module_yard: TestYard) -> None:
    _names(module_yard)
    taken = [_events(module_yard, text)["FailedEntryCount"] == 0 for text in DOCUMENTS.values()]
    assert any(taken)
    assert not all(taken)
    assert module_yard.yard.db.read(store.parked) == []
    assert module_yard.yard.db.read(lambda tx: tx.all(sa.select(store.deliveries))) == []
    kept = of(module_yard, "logs").filter_log_events(logGroupName="g")["events"]
    assert len(kept) >= sum(taken)


PATTERNS = ["[a, b]", "[a, ..., b]", '"x"', "{ $.a = 1 }", "x", '?"x" -"y"']
LINES = ["[" * 260_000, "[ " * 130_000, '"' * 260_001, '" ' * 130_000, " " * 260_000, "[]" * 130_000, "a" * 260_000]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_line_of_a_log_takes_long_to_filter(pattern: str) -> None:
    begun = time.process_time()
    for line in LINES:
        compile_filter(pattern)(line)
    assert time.process_time() - begun < 3
