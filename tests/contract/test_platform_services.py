"""boto3 and the aws command line against the smaller platform services of a whole server."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard


def test_parameters_and_secrets_come_back_as_they_were_put(module_yard: TestYard) -> None:
    ssm, secrets = module_yard.client("ssm"), module_yard.client("secretsmanager")
    ssm.put_parameter(Name="/c/p", Value="päss", Type="SecureString")
    assert ssm.get_parameter(Name="/c/p", WithDecryption=True)["Parameter"]["Value"] == "päss"
    secrets.create_secret(Name="c", SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId="c")["SecretBinary"] == b"\x00\xff"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/none")


def test_an_event_goes_through_a_rule_to_a_log_group_that_lets_events_in(module_yard: TestYard) -> None:
    events, logs = module_yard.client("events"), module_yard.client("logs")
    group = "/aws/events/contract"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:{module_yard.account}:log-group:{group}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{arn}:*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName="events", policyDocument=document)
    events.put_rule(Name="c", EventPattern='{"source": ["contract"]}')
    events.put_targets(Rule="c", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[{"Source": "contract", "DetailType": "t", "Detail": '{"a": 1}'}])
    module_yard.settle()

    found = logs.filter_log_events(logGroupName=group, filterPattern="{ $.detail.a = 1 }")["events"]
    assert [json.loads(event["message"])["source"] for event in found] == ["contract"]


def test_a_reader_that_polls_as_logs_tail_does_sees_each_line_once(module_yard: TestYard) -> None:
    logs = module_yard.client("logs")
    logs.create_log_group(logGroupName="tailed")
    logs.create_log_stream(logGroupName="tailed", logStreamName="s")
    start, seen, lines = module_yard.clock.now() // 1000, set(), []
    for number in range(3):
        line = {"timestamp": start + number // 2, "message": f"line {number}"}
        logs.put_log_events(logGroupName="tailed", logStreamName="s", logEvents=[line])
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="tailed", startTime=start, interleaved=True
        )
        fresh = [event for page in pages for event in page["events"] if event["eventId"] not in seen]
        seen |= {event["eventId"] for event in fresh}
        lines += [event["message"] for event in fresh]

    assert lines == ["line 0", "line 1", "line 2"]


def test_a_topic_says_not_found_by_its_own_code(module_yard: TestYard) -> None:
    sns = module_yard.client("sns")
    topic = sns.create_topic(Name="contract")["TopicArn"]
    assert sns.publish(TopicArn=topic, Message="m")["MessageId"]
    with pytest.raises(ClientError) as refusal:
        sns.publish(TopicArn=f"{topic}-none", Message="m")
    assert refusal.value.response["Error"]["Code"] == "NotFound"


def test_the_trail_shows_who_did_what(module_yard: TestYard) -> None:
    module_yard.client("ssm").put_parameter(Name="/trail", Value="not-to-be-seen", Type="String")
    found = [record for record in module_yard.trail() if record["eventName"] == "PutParameter"]
    assert found[-1]["requestParameters"]["value"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert found[-1]["userIdentity"]["type"] == "IAMUser"
