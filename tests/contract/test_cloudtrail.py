"""Trails as boto3 sees them: making and changing them, what they are given, and where they deliver it."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from codeyard.platform.cloudtrail import delivery, digests
from codeyard.platform.iam import totp
from tests.support.trails import (
    BUCKET,
    CLOUDTRAIL,
    NAME,
    act,
    content,
    delivered,
    keys,
    make_trail,
    open_bucket,
    parameters,
    pass_time,
    trail_arn,
)
from tests.support.yard import TestYard


def _refused(code: str, call: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**members)
    assert refusal.value.response["Error"]["Code"] == code
    return str(refusal.value.response["Error"]["Message"])


def test_a_trail_is_made_described_changed_and_deleted(yard: TestYard) -> None:
    open_bucket(yard)
    client = yard.client("cloudtrail")
    tags = [{"Key": "team", "Value": "audit"}]
    made = client.create_trail(Name=NAME, S3BucketName=BUCKET, TagsList=tags)
    assert made["TrailARN"] == trail_arn(yard)
    assert made["LogFileValidationEnabled"] is False
    assert client.get_trail(Name=NAME)["Trail"]["HomeRegion"] == "us-east-1"
    assert client.get_trail_status(Name=made["TrailARN"])["IsLogging"] is False
    assert client.list_tags(ResourceIdList=[made["TrailARN"]])["ResourceTagList"][0]["TagsList"] == tags
    client.update_trail(Name=NAME, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    elsewhere = yard.client("cloudtrail", region="eu-west-1")
    shadow = elsewhere.describe_trails()["trailList"]
    assert [(one["Name"], one["HomeRegion"], one["IsMultiRegionTrail"]) for one in shadow] == [
        (NAME, "us-east-1", True)
    ]
    assert elsewhere.describe_trails(includeShadowTrails=False)["trailList"] == []
    _refused("InvalidHomeRegionException", elsewhere.stop_logging, Name=made["TrailARN"])
    client.delete_trail(Name=NAME)
    _refused("TrailNotFoundException", client.get_trail, Name=NAME)
    assert client.list_trails()["Trails"] == []
    client.create_trail(Name=NAME, S3BucketName=BUCKET)  # its name is free at once


def test_tags_are_set_replaced_and_removed(yard: TestYard) -> None:
    open_bucket(yard)
    client = yard.client("cloudtrail")
    arn = client.create_trail(Name=NAME, S3BucketName=BUCKET)["TrailARN"]
    client.add_tags(ResourceId=arn, TagsList=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    client.add_tags(ResourceId=arn, TagsList=[{"Key": "a", "Value": "3"}])
    client.remove_tags(ResourceId=arn, TagsList=[{"Key": "b"}])
    assert client.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": str(n), "Value": "v"} for n in range(50)]
    _refused("TagsLimitExceededException", client.add_tags, ResourceId=arn, TagsList=many)
    _refused("ResourceNotFoundException", client.list_tags, ResourceIdList=[arn + "x"])


def test_what_no_trail_may_be_is_refused_by_its_own_exception(yard: TestYard) -> None:
    open_bucket(yard)
    create = yard.client("cloudtrail").create_trail
    _refused("InvalidTrailNameException", create, Name="a", S3BucketName=BUCKET)
    _refused("S3BucketDoesNotExistException", create, Name=NAME, S3BucketName="no-such-bucket")
    combination = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False}
    _refused("InvalidParameterCombinationException", create, Name=NAME, S3BucketName=BUCKET, **combination)
    _refused("KmsKeyNotFoundException", create, Name=NAME, S3BucketName=BUCKET, KmsKeyId="alias/mine")
    group = {"CloudWatchLogsLogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}
    _refused("InvalidCloudWatchLogsRoleArnException", create, Name=NAME, S3BucketName=BUCKET, **group)
    _refused("InsufficientSnsTopicPolicyException", create, Name=NAME, S3BucketName=BUCKET, SnsTopicName="none")
    create(Name=NAME, S3BucketName=BUCKET)
    _refused("TrailAlreadyExistsException", create, Name=NAME, S3BucketName=BUCKET)
    _refused("InsightNotEnabledException", yard.client("cloudtrail").get_insight_selectors, TrailName=NAME)
    insights = [{"InsightType": "ApiCallRateInsight"}]
    put = yard.client("cloudtrail").put_insight_selectors
    _refused("NotImplemented", put, TrailName=NAME, InsightSelectors=insights)


def test_a_bucket_whose_policy_names_another_trail_lets_none_in(yard: TestYard) -> None:
    open_bucket(yard, name="another")
    create = yard.client("cloudtrail").create_trail
    says = _refused("InsufficientS3BucketPolicyException", create, Name=NAME, S3BucketName=BUCKET)
    assert says == f"Incorrect S3 bucket policy is detected for bucket: {BUCKET}"
    assert create(Name="another", S3BucketName=BUCKET)["Name"] == "another"


def test_a_sixth_trail_in_a_region_is_refused(yard: TestYard) -> None:
    for n in range(5):
        open_bucket(yard, f"records-{n}", name=f"trail-{n}")
        yard.call("cloudtrail", "CreateTrail", {"Name": f"trail-{n}", "S3BucketName": f"records-{n}"})
    create = yard.client("cloudtrail").create_trail
    _refused("MaximumNumberOfTrailsExceededException", create, Name="trail-5", S3BucketName="records-0")


def test_every_record_is_delivered_once_as_lookup_events_shows_it(yard: TestYard) -> None:
    make_trail(yard)
    for n in range(2):
        act(yard, f"/p/{n}")
        pass_time(yard, 5)
    found = delivered(yard)
    assert sorted(parameters(found)) == ["/p/0", "/p/1"]
    assert len({one["eventID"] for one in found}) == len(found)
    shown = {record["eventID"]: record for record in yard.trail()}
    assert all(shown[one["eventID"]] == one for one in found)
    key = keys(yard, "CloudTrail")[0]
    assert key.startswith(f"AWSLogs/{yard.account}/CloudTrail/us-east-1/20")
    head = yard.call("s3", "HeadObject", {"Bucket": BUCKET, "Key": key})
    assert (head["ContentType"], head["ContentEncoding"]) == ("application/json", "gzip")
    status = yard.client("cloudtrail").get_trail_status(Name=NAME)
    assert status["IsLogging"] is True
    assert "LatestDeliveryError" not in status


def test_nothing_is_delivered_of_what_happens_after_stop_logging(yard: TestYard) -> None:
    make_trail(yard)
    act(yard, "/before")
    yard.call("cloudtrail", "StopLogging", {"Name": NAME})
    act(yard, "/after")
    pass_time(yard, 10)
    assert parameters(delivered(yard)) == ["/before"]
    last = content(yard, keys(yard, "CloudTrail-Digest")[-1])
    assert sorted(one["s3Object"] for one in last["logFiles"]) == keys(yard, "CloudTrail")
    yard.call("cloudtrail", "StartLogging", {"Name": NAME})
    act(yard, "/again")
    pass_time(yard, 65)
    assert content(yard, keys(yard, "CloudTrail-Digest")[-1])["previousDigestS3Object"] is None
    assert parameters(delivered(yard)) == ["/before", "/again"]


def test_a_deleted_trail_still_delivers_what_it_was_given(yard: TestYard) -> None:
    make_trail(yard)
    act(yard, "/before")
    yard.call("cloudtrail", "DeleteTrail", {"Name": NAME})
    pass_time(yard, 10)
    assert parameters(delivered(yard)) == ["/before"]


def test_a_bucket_that_closes_and_opens_again_gets_everything_once(yard: TestYard) -> None:
    make_trail(yard)
    policy = yard.call("s3", "GetBucketPolicy", {"Bucket": BUCKET})["Policy"]
    yard.call("s3", "DeleteBucketPolicy", {"Bucket": BUCKET})
    act(yard, "/closed")
    pass_time(yard, 10)
    status = yard.client("cloudtrail").get_trail_status(Name=NAME)
    assert (status["LatestDeliveryError"], delivered(yard)) == ("AccessDenied", [])
    yard.call("s3", "PutBucketPolicy", {"Bucket": BUCKET, "Policy": policy})
    pass_time(yard, 10)
    assert parameters(delivered(yard)) == ["/closed"]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("module", "point"),
    [(delivery, "ASSIGNED"), (delivery, "WRITTEN"), (digests, "MADE"), (digests, "WRITTEN")],
)
def test_a_delivery_that_is_cut_off_is_finished_with_nothing_lost_or_twice(
    yard: TestYard, monkeypatch: pytest.MonkeyPatch, module: Any, point: str
) -> None:
    arn = make_trail(yard)
    act(yard, "/one")
    pass_time(yard, 55)
    act(yard, "/two")

    def die(name: str) -> None:
        if name == getattr(module, point):
            raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(module, "crash_point", die)
        with pytest.raises(Killed):
            pass_time(yard, 5)
    act(yard, "/three")
    pass_time(yard, 70)
    assert sorted(parameters(delivered(yard))) == ["/one", "/three", "/two"]
    digested = [content(yard, key) for key in keys(yard, "CloudTrail-Digest")]
    assert sorted(file["s3Object"] for one in digested for file in one["logFiles"]) == keys(yard, "CloudTrail")
    links = [one["previousDigestS3Object"] for one in digested]
    assert links == [None, *[one["digestS3Object"] for one in digested[:-1]]]
    assert arn == trail_arn(yard)


def test_data_events_are_recorded_for_trails_that_select_them_alone(yard: TestYard) -> None:
    make_trail(yard)
    for bucket in ("watched", "unwatched"):
        yard.call("s3", "CreateBucket", {"Bucket": bucket})
    yard.call("s3", "PutObject", {"Bucket": "watched", "Key": "early", "Body": b"x"})
    objects = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}]
    chosen = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": objects}
    client = yard.client("cloudtrail")
    client.put_event_selectors(TrailName=NAME, EventSelectors=[chosen])
    assert client.get_event_selectors(TrailName=NAME)["EventSelectors"][0]["DataResources"] == objects
    assert client.get_trail(Name=NAME)["Trail"]["HasCustomEventSelectors"] is True
    for bucket in ("watched", "unwatched"):
        yard.call("s3", "PutObject", {"Bucket": bucket, "Key": "late", "Body": b"x"})
        yard.call("s3", "GetObject", {"Bucket": bucket, "Key": "late"})
    yard.yard.gateway.auditor.flush()
    pass_time(yard, 5)
    data = [one for one in delivered(yard) if one["eventCategory"] == "Data"]
    named = [(one["eventName"], one["requestParameters"]["bucket"], one["requestParameters"]["key"]) for one in data]
    assert sorted(named) == [("GetObject", "watched", "late"), ("PutObject", "watched", "late")]
    assert [one["managementEvent"] for one in data] == [False, False]
    assert not [one for one in yard.trail() if one["eventName"] in ("PutObject", "GetObject")]


def test_a_trail_of_one_region_gets_no_record_of_another(yard: TestYard) -> None:
    make_trail(yard)
    yard.client("ssm", region="eu-west-1").put_parameter(Name="/west", Value="v", Type="String")
    act(yard, "/east")
    yard.call("cloudtrail", "UpdateTrail", {"Name": NAME, "IsMultiRegionTrail": True})
    yard.client("ssm", region="eu-west-1").put_parameter(Name="/west/too", Value="v", Type="String")
    pass_time(yard, 5)
    assert sorted(parameters(delivered(yard))) == ["/east", "/west/too"]
    assert any("/CloudTrail/eu-west-1/" in key for key in keys(yard, "CloudTrail"))


def test_a_topic_hears_of_files_and_a_log_group_gets_their_records(yard: TestYard) -> None:
    topic = yard.call("sns", "CreateTopic", {"Name": "files"})["TopicArn"]
    allow = {"Effect": "Allow", "Principal": CLOUDTRAIL, "Action": "SNS:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    attribute = {"AttributeName": "Policy", "AttributeValue": policy}
    yard.call("sns", "SetTopicAttributes", {"TopicArn": topic, **attribute})
    yard.call("logs", "CreateLogGroup", {"logGroupName": "audit"})
    writes = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    role = yard.role("trail-logs", "cloudtrail.amazonaws.com", [writes])
    group = f"arn:aws:logs:us-east-1:{yard.account}:log-group:audit:*"
    make_trail(yard, SnsTopicName="files", CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
    act(yard, "/told")
    pass_time(yard, 5)
    stream = f"{yard.account}_CloudTrail_us-east-1"
    lines = yard.call("logs", "GetLogEvents", {"logGroupName": "audit", "logStreamName": stream})["events"]
    assert parameters([json.loads(one["message"]) for one in lines]) == ["/told"]
    status = yard.client("cloudtrail").get_trail_status(Name=NAME)
    assert "LatestNotificationTime" in status
    assert "LatestCloudWatchLogsDeliveryTime" in status
    yard.call("iam", "DeleteRolePolicy", {"RoleName": "trail-logs", "PolicyName": "inline"})
    act(yard, "/refused")
    pass_time(yard, 5)
    status = yard.client("cloudtrail").get_trail_status(Name=NAME)
    assert status["LatestCloudWatchLogsDeliveryError"] == "AccessDeniedException"
    assert parameters(delivered(yard)) == ["/told", "/refused"]  # the bucket has it all the same


def _listen(yard: TestYard, pattern: dict[str, Any]) -> None:
    """Let a rule bring what it hears to a log group."""
    yard.call("logs", "CreateLogGroup", {"logGroupName": "/aws/events/heard"})
    events = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*"}
    statement = {**events, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    yard.call("logs", "PutResourcePolicy", {"policyName": "events", "policyDocument": document})
    yard.call("events", "PutRule", {"Name": "heard", "EventPattern": json.dumps(pattern)})
    target = f"arn:aws:logs:us-east-1:{yard.account}:log-group:/aws/events/heard"
    yard.call("events", "PutTargets", {"Rule": "heard", "Targets": [{"Id": "1", "Arn": target}]})


def _heard(yard: TestYard) -> list[dict[str, Any]]:
    yard.settle()
    found = yard.call("logs", "FilterLogEvents", {"logGroupName": "/aws/events/heard"})["events"]
    return [json.loads(one["message"]) for one in found]


def test_rules_hear_of_calls_once_a_trail_logs(yard: TestYard) -> None:
    _listen(yard, {"detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": ["PutParameter"]}})
    act(yard, "/unheard")
    make_trail(yard)
    act(yard, "/heard")
    heard = [(one["source"], one["detail"]["requestParameters"]["name"]) for one in _heard(yard)]
    assert heard == [("aws.ssm", "/heard")]


def _console(yard: TestYard, path: str, cookie: str = "", **form: str) -> tuple[int, str]:
    """Post a form of the console as a browser does, a second later; the status and the cookie that is set."""
    yard.clock.advance(1)
    place = urlsplit(yard.endpoint)
    host = f"console.localhost:{place.port}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {"Host": host, "Origin": f"http://{host}", "Cookie": cookie, **kind}
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=30)
    connection.request("POST", path, urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, (answer.getheader("Set-Cookie") or "").partition(";")[0]


def _device(yard: TestYard, user: str) -> str:
    """Give a user a virtual MFA device; a code that it shows now."""
    iam = yard.client("iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
    seed, step = base64.b32decode(made["Base32StringSeed"]), totp.step_at(yard.clock.now())
    first, second, third = (totp.code_at(seed, step + off) for off in (-1, 0, 1))
    codes = {"AuthenticationCode1": first, "AuthenticationCode2": second}
    iam.enable_mfa_device(UserName=user, SerialNumber=made["SerialNumber"], **codes)
    return third


def test_signing_in_to_the_console_and_out_is_recorded_and_rules_hear_of_it(yard: TestYard) -> None:
    _listen(yard, {"detail-type": ["AWS Console Sign In via CloudTrail"]})
    make_trail(yard)
    iam = yard.client("iam")
    iam.create_user(UserName="ann")
    iam.create_login_profile(UserName="ann", Password="A-good-one-17")
    iam.create_account_alias(AccountAlias="the-yard")
    who = {"account": "the-yard", "user": "ann"}
    assert _console(yard, "/signin", **who, password="wrong")[0] == 403
    status, cookie = _console(yard, "/signin", **who, password="A-good-one-17")
    assert (status, bool(cookie)) == (303, True)
    assert _console(yard, "/signout", cookie)[0] == 303
    code = _device(yard, "ann")
    assert _console(yard, "/signin", **who, password="A-good-one-17")[0] == 403
    assert _console(yard, "/signin", **who, password="A-good-one-17", code=code)[0] == 303
    found = yard.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "signin.amazonaws.com"}]
    )["Events"]
    records = [json.loads(one["CloudTrailEvent"]) for one in reversed(found)]
    assert [one["Username"] for one in found] == ["ann"] * 5
    assert [(one["eventName"], one["responseElements"][one["eventName"]]) for one in records] == [
        ("ConsoleLogin", "Failure"),
        ("ConsoleLogin", "Success"),
        ("Logout", "Success"),
        ("ConsoleLogin", "Failure"),
        ("ConsoleLogin", "Success"),
    ]
    used = [one["additionalEventData"]["MFAUsed"] for one in records if one["eventName"] == "ConsoleLogin"]
    assert used == ["No", "No", "No", "Yes"]
    assert {one["recipientAccountId"] for one in records} == {yard.account}
    heard = _heard(yard)
    assert {one["source"] for one in heard} == {"aws.signin"}
    assert sorted(one["detail"]["eventID"] for one in heard) == sorted(one["eventID"] for one in records)


def test_public_keys_are_listed_for_the_time_they_were_in_use(yard: TestYard) -> None:
    client = yard.client("cloudtrail")
    found = client.list_public_keys()["PublicKeyList"]
    assert len(found) == 1
    assert len(found[0]["Value"]) == 270  # PKCS #1 DER of 2,048 bits
    later = found[0]["ValidityEndTime"].timestamp() + 1
    assert client.list_public_keys(StartTime=later, EndTime=later)["PublicKeyList"] == []
    _refused("InvalidTimeRangeException", client.list_public_keys, StartTime=later, EndTime=later - 10)
