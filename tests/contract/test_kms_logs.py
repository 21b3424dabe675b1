"""Log groups under KMS keys: who has to let the service in, what is read when it is let in no more."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:"
LOGS = "logs.us-east-1.amazonaws.com"


def refusal(call: Any, **req: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"]), str(error.value.response["Error"]["Message"])


def new_key(yard: TestYard, *groups: str) -> str:
    """A key that the service may use for the groups."""
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    arns = [GROUP + name for name in groups]
    only = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arns}}
    service = {"Effect": "Allow", "Principal": {"Service": LOGS}, "Action": use, "Resource": "*", "Condition": only}
    policy = {"Version": "2012-10-17", "Statement": [root, *([service] if groups else [])]}
    return str(yard.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"])


def put(yard: TestYard, group: str, *messages: str) -> None:
    logs, now = yard.client("logs"), yard.clock.now() // 1000
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": now, "message": one} for one in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def read(yard: TestYard, group: str) -> list[str]:
    logs = yard.client("logs")
    got = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]
    assert [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]] == [
        one["message"] for one in got
    ]
    return [one["message"] for one in got]


def shown(yard: TestYard, group: str) -> str | None:
    (found,) = yard.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return found.get("kmsKeyId")


def test_a_group_made_under_a_key_says_so_and_keeps_its_events_under_it(module_yard: TestYard) -> None:
    key = new_key(module_yard, "born")
    module_yard.client("logs").create_log_group(logGroupName="born", kmsKeyId=key)
    put(module_yard, "born", "one", "two")
    put(module_yard, "born", "three")
    assert (shown(module_yard, "born"), read(module_yard, "born")) == (key, ["one", "two", "three"])
    uses = [r for r in module_yard.trail() if r["eventSource"] == "kms.amazonaws.com" and r["eventName"] != "CreateKey"]
    ours = [
        r for r in uses if (r["requestParameters"].get("encryptionContext") or {}) == {"aws:logs:arn": GROUP + "born"}
    ]
    assert [(r["eventName"], r["userIdentity"]["invokedBy"]) for r in ours] == [("GenerateDataKey", LOGS)], (
        "the data key is kept: no call an event"
    )


def test_a_disabled_key_closes_what_is_under_it_at_once_and_an_enabled_one_opens_it(module_yard: TestYard) -> None:
    key, logs, kms = new_key(module_yard, "shut"), module_yard.client("logs"), module_yard.client("kms")
    logs.create_log_group(logGroupName="shut", kmsKeyId=key)
    put(module_yard, "shut", "hidden")
    kms.disable_key(KeyId=key)
    stream = {"logGroupName": "shut", "logStreamName": "s"}
    now = module_yard.clock.now() // 1000
    for call, req in (
        (logs.get_log_events, stream),
        (logs.filter_log_events, {"logGroupName": "shut"}),
        (logs.put_log_events, {**stream, "logEvents": [{"timestamp": now, "message": "x"}]}),
    ):
        code, said = refusal(call, **req)
        assert code == "InvalidParameterException"
        assert "is disabled" in said
    kms.enable_key(KeyId=key)
    assert read(module_yard, "shut") == ["hidden"]


def test_a_narrowed_policy_counts_with_the_next_read(module_yard: TestYard) -> None:
    key, logs = new_key(module_yard, "narrow"), module_yard.client("logs")
    logs.create_log_group(logGroupName="narrow", kmsKeyId=key)
    put(module_yard, "narrow", "hidden")
    kms = module_yard.client("kms")
    whole = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    kms.put_key_policy(
        KeyId=key, PolicyName="default", Policy=json.dumps({**whole, "Statement": whole["Statement"][:1]})
    )
    code, said = refusal(logs.get_log_events, logGroupName="narrow", logStreamName="s")
    assert code == "AccessDeniedException"
    assert said == f"The specified KMS key does not exist or is not allowed to be used with Arn '{GROUP}narrow'"


def test_a_group_changes_its_key_and_each_event_stays_under_the_key_it_came_under(module_yard: TestYard) -> None:
    logs, kms = module_yard.client("logs"), module_yard.client("kms")
    first, second = new_key(module_yard, "moved"), new_key(module_yard, "moved")
    logs.create_log_group(logGroupName="moved")
    put(module_yard, "moved", "plain")
    logs.associate_kms_key(logGroupName="moved", kmsKeyId=first)
    put(module_yard, "moved", "under one")
    logs.associate_kms_key(resourceIdentifier=GROUP + "moved", kmsKeyId=second)
    put(module_yard, "moved", "under two")
    assert (shown(module_yard, "moved"), read(module_yard, "moved")) == (second, ["plain", "under one", "under two"])
    logs.disassociate_kms_key(logGroupName="moved")
    put(module_yard, "moved", "plain again")
    assert shown(module_yard, "moved") is None
    kms.disable_key(KeyId=second)
    put(module_yard, "moved", "written all the same")
    assert refusal(logs.filter_log_events, logGroupName="moved")[0] == "InvalidParameterException"
    page = logs.get_log_events(logGroupName="moved", logStreamName="s", limit=2)["events"]
    assert [one["message"] for one in page] == ["plain again", "written all the same"], "none of these needs the key"


def test_a_key_that_is_not_for_the_group_is_refused_and_nothing_is_made(module_yard: TestYard) -> None:
    logs, kms = module_yard.client("logs"), module_yard.client("kms")
    own, elsewhere, off = new_key(module_yard), new_key(module_yard, "other"), new_key(module_yard, "none")
    kms.disable_key(KeyId=off)
    sign = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    gone = own[:-12] + "0" * 12
    made = {"logGroupName": "none"}
    assert refusal(logs.create_log_group, **made, kmsKeyId=own)[0] == "AccessDeniedException"
    assert refusal(logs.create_log_group, **made, kmsKeyId=elsewhere)[0] == "AccessDeniedException"
    for key in (off, gone, own.rpartition("/")[2]):
        assert refusal(logs.create_log_group, **made, kmsKeyId=key)[0] in (
            "InvalidParameterException",
            "AccessDeniedException",
        )
    assert refusal(logs.create_log_group, **made, kmsKeyId=sign)[0] == "AccessDeniedException"
    assert logs.describe_log_groups(logGroupNamePrefix="none")["logGroups"] == []
    logs.create_log_group(**made)
    assert refusal(logs.associate_kms_key, **made, kmsKeyId=own)[0] == "AccessDeniedException"
    assert refusal(logs.associate_kms_key, kmsKeyId=own)[0] == "InvalidParameterException"
    both = {**made, "resourceIdentifier": GROUP + "none"}
    assert refusal(logs.disassociate_kms_key, **both)[0] == "InvalidParameterException"
    assert refusal(logs.associate_kms_key, logGroupName="absent", kmsKeyId=own)[0] == "ResourceNotFoundException"
    results = "arn:aws:logs:us-east-1:123456789012:query-result:*"
    assert refusal(logs.associate_kms_key, resourceIdentifier=results, kmsKeyId=own)[0] == "NotImplemented"


def test_changing_a_groups_key_takes_a_permission_of_its_own(module_yard: TestYard) -> None:
    key = new_key(module_yard, "guarded")
    module_yard.client("logs").create_log_group(logGroupName="guarded")
    may = [{"Effect": "Allow", "Action": "logs:AssociateKmsKey", "Resource": GROUP + "guarded*"}]
    able = module_yard.client("logs", keys=module_yard.user("able", may))
    unable = module_yard.client("logs", keys=module_yard.user("unable"))
    arn = GROUP + "guarded"
    assert refusal(unable.associate_kms_key, resourceIdentifier=arn, kmsKeyId=key)[0] == "AccessDeniedException"
    assert refusal(able.disassociate_kms_key, logGroupName="guarded")[0] == "AccessDeniedException"
    able.associate_kms_key(resourceIdentifier=arn, kmsKeyId=key)
    assert shown(module_yard, "guarded") == key
