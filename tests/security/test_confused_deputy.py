"""A service that acts for somebody says for whom: a policy that asks refuses it when that is another account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.support.yard import TestYard

STRANGER = "999999999999"
RULE = "arn:aws:events:us-east-1:{}:rule/nightly"
TRAIL = "arn:aws:cloudtrail:us-east-1:{}:trail/main"

# Each condition with whether it lets in the service when it acts for the resource's own account.
CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    ({"StringEquals": {"aws:SourceAccount": "OWN"}}, True),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:*:us-east-1:OWN:*"}}, True),
    ({"StringEquals": {"aws:SourceAccount": "OWN"}, "Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
    ({"StringEquals": {"aws:SourceAccount": "OWN"}, "Bool": {"aws:PrincipalIsAWSService": "false"}}, False),
    ({"StringEquals": {"aws:SourceAccount": "OWN"}, "Bool": {"aws:ViaAWSService": "true"}}, False),
]


def _policy(yard: TestYard, service: str, action: str, resource: str, condition: dict[str, Any]) -> str:
    allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    text = json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Condition": condition}]})
    return text.replace("OWN", yard.account)


def _lets_in(yard: TestYard, service: str, source: str, call: tuple[str, str, dict[str, Any]]) -> bool:
    client = yard.yard.gateway.clients.as_service(service, account=yard.account, region="us-east-1", source_arn=source)
    try:
        client.call(*call)
    except AwsError as error:
        if error.status != 403:
            raise
        return False
    return True


@pytest.mark.parametrize(("condition", "own"), CONDITIONS)
def test_a_topic_hears_only_the_rules_of_the_account_that_its_policy_names(
    module_yard: TestYard, condition: dict[str, Any], own: bool
) -> None:
    topic = module_yard.call("sns", "CreateTopic", {"Name": "heard"})["TopicArn"]
    policy = _policy(module_yard, "events.amazonaws.com", "sns:Publish", topic, condition)
    given = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
    module_yard.call("sns", "SetTopicAttributes", given)
    publish = ("sns", "Publish", {"TopicArn": topic, "Message": "m"})
    service = "events.amazonaws.com"
    assert _lets_in(module_yard, service, RULE.format(module_yard.account), publish) is own
    assert not _lets_in(module_yard, service, RULE.format(STRANGER), publish)
    assert not _lets_in(module_yard, service, "", publish)
    assert not _lets_in(module_yard, "cloudtrail.amazonaws.com", RULE.format(module_yard.account), publish)


@pytest.mark.parametrize(("condition", "own"), CONDITIONS)
def test_a_bucket_takes_logs_only_of_the_trail_that_its_policy_names(
    module_yard: TestYard, condition: dict[str, Any], own: bool
) -> None:
    module_yard.call("s3", "CreateBucket", {"Bucket": "logs-of-ours"})
    policy = _policy(module_yard, "cloudtrail.amazonaws.com", "s3:GetBucketAcl", "arn:aws:s3:::logs-of-ours", condition)
    module_yard.call("s3", "PutBucketPolicy", {"Bucket": "logs-of-ours", "Policy": policy})
    look = ("s3", "GetBucketAcl", {"Bucket": "logs-of-ours"})
    service = "cloudtrail.amazonaws.com"
    assert _lets_in(module_yard, service, TRAIL.format(module_yard.account), look) is own
    assert not _lets_in(module_yard, service, TRAIL.format(STRANGER), look)
    assert not _lets_in(module_yard, service, "", look)


def test_a_user_cannot_pretend_to_be_a_deputy(module_yard: TestYard) -> None:
    topic = module_yard.call("sns", "CreateTopic", {"Name": "alone"})["TopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    given = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
    module_yard.call("sns", "SetTopicAttributes", given)
    keys = module_yard.user("pretender")
    client = module_yard.client("sns", keys=keys)
    with pytest.raises(client.exceptions.AuthorizationErrorException):
        client.publish(TopicArn=topic, Message="m")


def test_no_client_can_say_that_a_service_calls_for_it(module_yard: TestYard) -> None:
    kms = module_yard.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    called = {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}
    through: dict[str, Any] = {"Effect": "Allow", "Action": "kms:*", "Resource": arn}
    statements = [
        {**through, "Condition": {"StringEquals": called}},
        {**through, "Condition": {"Bool": {"aws:ViaAWSService": "true"}}},
        {**through, "Condition": {"ForAnyValue:StringEquals": {"aws:CalledVia": "ssm.amazonaws.com"}}},
    ]
    keys = module_yard.user("forger", statements)
    client = module_yard.client("kms", keys=keys, user_agent_extra="ssm.amazonaws.com")
    forged = {
        "kms:ViaService": "ssm.us-east-1.amazonaws.com",
        "X-Amz-Via-Service": "ssm.us-east-1.amazonaws.com",
        "X-Amz-Invoked-By": "ssm.amazonaws.com",
        "X-Amz-Source-Service": "ssm.amazonaws.com",
        "X-Amz-Source-Arn": f"arn:aws:ssm:us-east-1:{module_yard.account}:parameter/x",
        "X-Forwarded-Host": "ssm.us-east-1.amazonaws.com",
        "Via": "1.1 ssm.us-east-1.amazonaws.com",
        "Forwarded": "by=ssm.amazonaws.com;for=127.0.0.1",
    }

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"].update({name: value for name, value in forged.items() if ":" not in name})
        body = json.loads(params["body"])
        body |= {"ViaService": forged["kms:ViaService"], "kms:ViaService": forged["kms:ViaService"]}
        params["body"] = json.dumps(body)

    client.meta.events.register("before-call.kms.Encrypt", add)
    context = {"PARAMETER_ARN": forged["X-Amz-Source-Arn"], "kms:ViaService": forged["kms:ViaService"]}
    for more in ({}, {"EncryptionContext": context}):
        with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
            client.encrypt(KeyId=arn, Plaintext=b"x", **more)
    allowed = module_yard.user("through", [*statements, {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}])
    module_yard.client("ssm", keys=allowed).put_parameter(Name="sealed", Value="v", Type="SecureString", KeyId=arn)
