"""Notification rules through boto3 and the aws command: kept, refused, judged, and told to topics once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from awscli.clidriver import create_clidriver
from botocore.exceptions import ClientError

from codeyard.contract import Event
from codeyard.engine import ManualClock
from tests.contract.test_sns_links import Endpoint
from tests.support.yard import TestYard

HOST = "codestar-notifications.amazonaws.com"
ALL = [
    "comments-on-commits",
    "comments-on-pull-requests",
    "approvals-status-changed",
    "approvals-rule-override",
    "pull-request-created",
    "pull-request-source-updated",
    "pull-request-status-changed",
    "pull-request-merged",
    "branches-and-tags-created",
    "branches-and-tags-deleted",
    "branches-and-tags-updated",
]
CREATED = "codecommit-repository-branches-and-tags-created"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestYard]:
    clock = ManualClock(time.time_ns() // 1000)
    served = TestYard(tmp_path_factory.mktemp("notes") / "data", clock=clock, allow_private_outbound=True)
    yield served
    served.close()


@pytest.fixture(scope="module")
def client(yard: TestYard) -> Any:
    return yard.client("codestar-notifications")


class Topic:
    """A topic that lets the notification service in, with an endpoint that listens to it."""

    def __init__(self, yard: TestYard, name: str) -> None:
        self.yard, self.endpoint = yard, Endpoint()
        self.arn: str = yard.call("sns", "CreateTopic", {"Name": name})["TopicArn"]
        self.open_to(HOST)
        yard.call("sns", "Subscribe", {"TopicArn": self.arn, "Protocol": "http", "Endpoint": self.endpoint.url})
        yard.settle()
        token = self.endpoint.messages.pop()["Token"]
        yard.call("sns", "ConfirmSubscription", {"TopicArn": self.arn, "Token": token})

    def open_to(self, host: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": host},
            "Action": "SNS:Publish",
            "Resource": self.arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": self.yard.account}},
        }
        policy = json.dumps({"Version": "2008-10-17", "Statement": [statement]})
        asked = {"TopicArn": self.arn, "AttributeName": "Policy", "AttributeValue": policy}
        self.yard.call("sns", "SetTopicAttributes", asked)

    def heard(self) -> list[dict[str, Any]]:
        self.yard.settle()
        found = [json.loads(one["Message"]) for one in self.endpoint.messages]
        self.endpoint.messages.clear()
        return found


@pytest.fixture(scope="module")
def topic(yard: TestYard) -> Iterator[Topic]:
    made = Topic(yard, "told")
    yield made
    made.endpoint.close()


@pytest.fixture
def repository(yard: TestYard, request: pytest.FixtureRequest) -> str:
    name = request.node.name[:90].partition("[")[0]
    yard.call("codecommit", "CreateRepository", {"repositoryName": name})
    return f"arn:aws:codecommit:us-east-1:{yard.account}:{name}"


def rule(resource: str, *topics: str, **more: Any) -> dict[str, Any]:
    return {
        "Name": "r-" + resource.rpartition(":")[2][:60],
        "EventTypeIds": [CREATED],
        "Resource": resource,
        "Targets": [{"TargetType": "SNS", "TargetAddress": one} for one in topics],
        "DetailType": "BASIC",
        **more,
    }


def refused(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"])


def test_a_rule_is_described_changed_and_deleted(client: Any, yard: TestYard, repository: str, topic: Topic) -> None:
    arn = client.create_notification_rule(**rule(repository, topic.arn, Tags={"team": "a"}))["Arn"]
    found = client.describe_notification_rule(Arn=arn)
    assert found["CreatedTimestamp"] == found["LastModifiedTimestamp"]
    shown = {name: found[name] for name in ("Arn", "EventTypes", "Resource", "Targets", "DetailType", "Status", "Tags")}
    assert shown == {
        "Arn": arn,
        "EventTypes": [
            {
                "EventTypeId": CREATED,
                "ServiceName": "CodeCommit",
                "EventTypeName": "Branches and tags: Created",
                "ResourceType": "Repository",
            }
        ],
        "Resource": repository,
        "Targets": [{"TargetAddress": topic.arn, "TargetType": "SNS", "TargetStatus": "PENDING"}],
        "DetailType": "BASIC",
        "Status": "ENABLED",
        "Tags": {"team": "a"},
    }
    assert found["CreatedBy"] == yard.caller().call("sts", "GetCallerIdentity")["Arn"]
    yard.clock.advance(1)
    new = ["codecommit-repository-pull-request-merged"]
    client.update_notification_rule(
        Arn=arn, Name="other", Status="DISABLED", EventTypeIds=new, DetailType="FULL", Targets=[]
    )
    found = client.describe_notification_rule(Arn=arn)
    assert (found["Name"], found["Status"], found["DetailType"], found["Targets"]) == ("other", "DISABLED", "FULL", [])
    assert [one["EventTypeId"] for one in found["EventTypes"]] == new
    assert found["CreatedTimestamp"] < found["LastModifiedTimestamp"]
    assert client.delete_notification_rule(Arn=arn)["Arn"] == arn
    assert client.delete_notification_rule(Arn=arn)["Arn"] == arn
    assert refused(client.describe_notification_rule, Arn=arn) == "ResourceNotFoundException"


def test_the_same_token_is_the_same_rule_and_not_another_request(client: Any, repository: str, topic: Topic) -> None:
    asked = rule(repository, topic.arn, ClientRequestToken="once")
    first = client.create_notification_rule(**asked)["Arn"]
    assert client.create_notification_rule(**asked)["Arn"] == first
    assert refused(client.create_notification_rule, **{**asked, "Status": "DISABLED"}) == "ValidationException"
    again = {**asked, "ClientRequestToken": "twice"}
    assert refused(client.create_notification_rule, **again) == "ResourceAlreadyExistsException"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"EventTypeIds": []}, "ValidationException"),
        ({"EventTypeIds": ["codecommit-repository-nonsense"]}, "ValidationException"),
        ({"EventTypeIds": ["codebuild-project-build-state-failed"]}, "ValidationException"),
        ({"Name": "no/slash"}, "ValidationException"),
        ({"DetailType": "SOME"}, "ValidationException"),
        ({"Tags": {"aws:x": "1"}}, "ValidationException"),
        ({"Tags": {f"k{n}": "1" for n in range(51)}}, "LimitExceededException"),
        ({"Resource": "arn:aws:s3:us-east-1:123456789012:bucket"}, "ValidationException"),
        ({"Resource": "arn:aws:codecommit:us-east-1:123456789012:away"}, "ValidationException"),
        ({"Resource": "arn:aws:codepipeline:us-east-1:123456789012:away"}, "ValidationException"),
        ({"Resource": "arn:aws:codebuild:us-east-1:123456789012:project/away"}, "ValidationException"),
        ({"Resource": "arn:aws:codebuild:us-east-1:123456789012:away"}, "ValidationException"),
        ({"Resource": "arn:aws:codedeploy:us-east-1:123456789012:application:away"}, "ValidationException"),
        ({"Resource": "arn:aws:codecommit:us-east-1:210987654321:theirs"}, "ValidationException"),
        ({"Resource": "arn:aws-cn:codecommit:us-east-1:123456789012:refusals"}, "ValidationException"),
        ({"Resource": "arn:aws:codecommit:us-east-1:123456789012:*"}, "ValidationException"),
        ({"Targets": [{"TargetType": "SNS"}]}, "ValidationException"),
        ({"Targets": [{"TargetType": "SNS", "TargetAddress": "not-an-arn"}]}, "ValidationException"),
        ({"Targets": [{"TargetType": "Pigeon", "TargetAddress": "a:b"}]}, "ValidationException"),
        (
            {"Targets": [{"TargetType": "SNS", "TargetAddress": "arn:aws:sns:eu-west-1:123456789012:t"}]},
            "ValidationException",
        ),
        ({"Targets": [{"TargetType": "AWSChatbotSlack", "TargetAddress": "arn:x"}]}, "ConfigurationException"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(
    client: Any, yard: TestYard, topic: Topic, change: dict[str, Any], code: str
) -> None:
    name = "refusals"
    arn = f"arn:aws:codecommit:us-east-1:{yard.account}:{name}"
    if refused_or_none(yard, name):
        yard.call("codecommit", "CreateRepository", {"repositoryName": name})
    assert refused(client.create_notification_rule, **{**rule(arn, topic.arn), **change}) == code
    assert client.list_notification_rules(Filters=[{"Name": "RESOURCE", "Value": arn}])["NotificationRules"] == []


def refused_or_none(yard: TestYard, name: str) -> bool:
    listed = yard.call("codecommit", "ListRepositories", {})["repositories"]
    return all(one["repositoryName"] != name for one in listed)


def test_a_resource_has_ten_rules_and_pages_lead_through_them(client: Any, repository: str, topic: Topic) -> None:
    made = {client.create_notification_rule(**rule(repository, topic.arn, Name=f"ten {n}"))["Arn"] for n in range(10)}
    one_more = rule(repository, topic.arn, Name="ten 10")
    assert refused(client.create_notification_rule, **one_more) == "LimitExceededException"
    filters = [{"Name": "RESOURCE", "Value": repository}]
    pages = client.get_paginator("list_notification_rules").paginate(Filters=filters, PaginationConfig={"PageSize": 3})
    found = [one for page in pages for one in page["NotificationRules"]]
    assert [len(found), {one["Arn"] for one in found}] == [10, made]
    assert all(one["Arn"].endswith("/" + one["Id"]) for one in found)
    taken = client.list_notification_rules(Filters=filters, MaxResults=3)["NextToken"]
    assert refused(client.list_notification_rules, NextToken=taken) == "InvalidNextTokenException"
    for call in (client.list_notification_rules, client.list_targets, client.list_event_types):
        assert refused(call, NextToken="bm90") == "InvalidNextTokenException"
        assert refused(call, NextToken="!") == "InvalidNextTokenException"
        assert refused(call, MaxResults=101) == "ValidationException"


def test_filters_of_one_name_are_alternatives_and_of_two_names_both_hold(
    client: Any, repository: str, topic: Topic
) -> None:
    arn = client.create_notification_rule(**rule(repository, topic.arn))["Arn"]

    def listed(*filters: tuple[str, str]) -> list[str]:
        given = [{"Name": name, "Value": value} for name, value in filters]
        return [one["Arn"] for one in client.list_notification_rules(Filters=given)["NotificationRules"]]

    mine = ("RESOURCE", repository)
    assert listed(mine, ("RESOURCE", "arn:none"), ("EVENT_TYPE_ID", CREATED), ("TARGET_ADDRESS", topic.arn)) == [arn]
    assert listed(mine, ("CREATED_BY", client.describe_notification_rule(Arn=arn)["CreatedBy"])) == [arn]
    assert listed(mine, ("TARGET_ADDRESS", "arn:none")) == listed(mine, ("EVENT_TYPE_ID", "x")) == []
    types = client.list_event_types(Filters=[{"Name": "SERVICE_NAME", "Value": "CodeDeploy"}])["EventTypes"]
    assert [one["EventTypeName"] for one in types] == [
        "Deployment: Failed",
        "Deployment: Started",
        "Deployment: Succeeded",
    ]
    pages = client.get_paginator("list_event_types").paginate(PaginationConfig={"PageSize": 7})
    assert len({one["EventTypeId"] for page in pages for one in page["EventTypes"]}) == 38
    known = [{"Name": "TARGET_ADDRESS", "Value": topic.arn}, {"Name": "TARGET_TYPE", "Value": "SNS"}]
    assert len(client.list_targets(Filters=known)["Targets"]) == 1
    assert client.list_targets(Filters=[*known, {"Name": "TARGET_STATUS", "Value": "DEACTIVATED"}])["Targets"] == []


def test_targets_are_added_taken_away_and_forgotten(client: Any, yard: TestYard, repository: str, topic: Topic) -> None:
    extra = f"arn:aws:sns:us-east-1:{yard.account}:extra"
    arn = client.create_notification_rule(**rule(repository))["Arn"]
    target = {"TargetType": "SNS", "TargetAddress": extra}
    for _ in range(2):
        assert client.subscribe(Arn=arn, Target=target, ClientRequestToken="sub")["Arn"] == arn
    other = {**target, "TargetAddress": topic.arn}
    assert refused(client.subscribe, Arn=arn, Target=other, ClientRequestToken="sub") == "ValidationException"
    chat = {"TargetType": "AWSChatbotMicrosoftTeams", "TargetAddress": "arn:x"}
    assert refused(client.subscribe, Arn=arn, Target=chat) == "ConfigurationException"
    assert refused(client.update_notification_rule, Arn=arn, Targets=[chat]) == "ConfigurationException"
    assert refused(client.delete_target, TargetAddress=extra) == "ValidationException"
    client.unsubscribe(Arn=arn, TargetAddress=extra)
    assert client.describe_notification_rule(Arn=arn)["Targets"] == []
    client.subscribe(Arn=arn, Target=target)
    client.delete_target(TargetAddress=extra, ForceUnsubscribeAll=True)
    assert client.describe_notification_rule(Arn=arn)["Targets"] == []
    assert refused(client.delete_target, TargetAddress=extra) == "ValidationException"
    for number in range(10):
        client.subscribe(Arn=arn, Target={**target, "TargetAddress": f"{extra}{number}"})
    assert refused(client.subscribe, Arn=arn, Target=target) == "ValidationException"


def test_tags_and_what_is_not_there(client: Any, repository: str) -> None:
    arn = client.create_notification_rule(**rule(repository))["Arn"]
    assert client.tag_resource(Arn=arn, Tags={"a": "1", "b": "2"})["Tags"] == {"a": "1", "b": "2"}
    client.untag_resource(Arn=arn, TagKeys=["a", "never"])
    assert client.list_tags_for_resource(Arn=arn)["Tags"] == {"b": "2"}
    many = {f"k{n}": "" for n in range(50)}
    assert refused(client.tag_resource, Arn=arn, Tags=many) == "LimitExceededException"
    away = arn[:-4] + "away"
    assert refused(client.tag_resource, Arn=away, Tags={"a": ""}) == "ResourceNotFoundException"
    assert refused(client.untag_resource, Arn=away, TagKeys=["a"]) == "ResourceNotFoundException"
    assert refused(client.list_tags_for_resource, Arn=away) == "ResourceNotFoundException"
    assert refused(client.update_notification_rule, Arn=away, Name="x") == "ResourceNotFoundException"
    target = {"TargetType": "SNS", "TargetAddress": "arn:aws:sns:us-east-1:123456789012:t"}
    assert refused(client.subscribe, Arn=away, Target=target) == "ResourceNotFoundException"
    assert refused(client.unsubscribe, Arn=away, TargetAddress="t") == "ValidationException"
    assert refused(client.describe_notification_rule, Arn="nonsense") == "ValidationException"


def test_every_event_type_of_a_repository_reaches_the_topic_once(yard: TestYard, repository: str, topic: Topic) -> None:
    name, git = repository.rpartition(":")[2], yard.client("codecommit")
    ids = [f"codecommit-repository-{one}" for one in ALL]
    made = rule(repository, topic.arn, EventTypeIds=ids, DetailType="FULL")
    arn = yard.client("codestar-notifications").create_notification_rule(**made)["Arn"]
    assert topic.heard() == []

    def put(branch: str, text: bytes, **more: Any) -> str:
        return str(
            git.put_file(repositoryName=name, branchName=branch, filePath="f", fileContent=text, **more)["commitId"]
        )

    first = put("main", b"1")
    (told,) = topic.heard()
    assert list(told) == [
        *("account", "detailType", "region", "source", "time", "notificationRuleArn", "detail", "resources"),
        "additionalAttributes",
    ]
    assert told["detailType"] == "CodeCommit Repository State Change"
    assert (told["notificationRuleArn"], told["source"], told["account"]) == (arn, "aws.codecommit", yard.account)
    assert (told["detail"]["event"], told["detail"]["commitId"]) == ("referenceCreated", first)
    assert (told["resources"], told["additionalAttributes"]) == ([repository], {})

    git.create_branch(repositoryName=name, branchName="side", commitId=first)
    second = put("side", b"2", parentCommitId=first)
    places = [{"repositoryName": name, "sourceReference": "side", "destinationReference": "main"}]
    pull = git.create_pull_request(title="t", targets=places)["pullRequest"]
    put("side", b"3", parentCommitId=second)
    revision = git.get_pull_request(pullRequestId=pull["pullRequestId"])["pullRequest"]["revisionId"]
    asked = {"pullRequestId": pull["pullRequestId"], "revisionId": revision}
    git.override_pull_request_approval_rules(**asked, overrideStatus="OVERRIDE")
    # An author does not approve: someone else does.
    allow = [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]
    yard.client("codecommit", keys=yard.user("reviewer", allow)).update_pull_request_approval_state(
        **asked, approvalState="APPROVE"
    )
    tip = git.get_branch(repositoryName=name, branchName="side")["branch"]["commitId"]
    on = {"repositoryName": name, "beforeCommitId": first, "afterCommitId": tip}
    git.post_comment_for_pull_request(pullRequestId=pull["pullRequestId"], **on, content="c")
    git.post_comment_for_compared_commit(**on, content="c")
    git.merge_pull_request_by_fast_forward(pullRequestId=pull["pullRequestId"], repositoryName=name)
    git.delete_branch(repositoryName=name, branchName="side")
    git.create_branch(repositoryName=name, branchName="other", commitId=first)
    put("other", b"4", parentCommitId=first)
    places[0]["sourceReference"] = "other"
    closed = git.create_pull_request(title="t", targets=places)["pullRequest"]["pullRequestId"]
    git.update_pull_request_status(pullRequestId=closed, pullRequestStatus="CLOSED")
    names = [one["detail"]["event"] for one in topic.heard()]
    assert {one for one in names if names.count(one) == 1} == {
        *("pullRequestSourceBranchUpdated", "pullRequestApprovalRuleOverridden", "pullRequestApprovalStateChanged"),
        *("commentOnPullRequestCreated", "commentOnCommitCreated", "pullRequestMergeStatusUpdated"),
        *("referenceDeleted", "pullRequestStatusChanged"),
    }
    assert names.count("pullRequestCreated") == names.count("referenceCreated") == 2
    yard.client("codestar-notifications").update_notification_rule(Arn=arn, Status="DISABLED")
    git.create_branch(repositoryName=name, branchName="quiet", commitId=first)
    assert topic.heard() == []


def test_what_a_delivery_shows_is_the_targets_state(client: Any, yard: TestYard, repository: str, topic: Topic) -> None:
    arn = client.create_notification_rule(**rule(repository, topic.arn))["Arn"]
    name = repository.rpartition(":")[2]

    def state() -> str:
        return str(client.describe_notification_rule(Arn=arn)["Targets"][0]["TargetStatus"])

    topic.open_to("events.amazonaws.com")
    put = {"repositoryName": name, "filePath": "f", "fileContent": b"1"}
    first = yard.call("codecommit", "PutFile", {**put, "branchName": "one"})["commitId"]
    assert (topic.heard(), state()) == ([], "UNREACHABLE")
    topic.open_to(HOST)
    yard.call("codecommit", "CreateBranch", {"repositoryName": name, "branchName": "two", "commitId": first})
    assert (len(topic.heard()), state()) == (1, "ACTIVE")


def test_a_publication_that_is_asked_for_twice_reaches_the_subscriber_once(yard: TestYard, topic: Topic) -> None:
    source = f"arn:aws:codestar-notifications:us-east-1:{yard.account}:notificationrule/1"
    service = yard.yard.kit.clients.as_service(HOST, account=yard.account, region="us-east-1", source_arn=source)
    asked = {"TopicArn": topic.arn, "Message": '"once"', "Token": "the crash came between"}
    ids = {service.call("sns", "PublishOnce", asked)["MessageId"] for _ in range(2)}
    assert (len(ids), topic.heard()) == (1, ["once"])


def test_a_pipelines_failed_approval_is_one_notification_and_full_says_why(
    client: Any, yard: TestYard, topic: Topic
) -> None:
    bucket = yard.call("s3", "CreateBucket", {"Bucket": "notes-artifacts"}) and "notes-artifacts"
    role = yard.role("pipes", "codepipeline.amazonaws.com", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    kind = {"owner": "AWS", "version": "1"}
    source = {
        "name": "Source",
        "actionTypeId": {**kind, "category": "Source", "provider": "CodeCommit"},
        "configuration": {"RepositoryName": "away", "BranchName": "main"},
        "outputArtifacts": [{"name": "s"}],
    }
    approve = {"name": "Ask", "actionTypeId": {**kind, "category": "Approval", "provider": "Manual"}}
    stages = [{"name": "Source", "actions": [source]}, {"name": "Ask", "actions": [approve]}]
    store = {"type": "S3", "location": bucket}
    pipeline = {"name": "failing", "roleArn": role, "artifactStore": store, "stages": stages}
    yard.client("codepipeline").create_pipeline(pipeline=pipeline)
    arn = f"arn:aws:codepipeline:us-east-1:{yard.account}:failing"
    ids = [f"codepipeline-pipeline-{one}" for one in ("pipeline-execution-failed", "action-execution-failed")]
    client.create_notification_rule(**rule(arn, topic.arn, EventTypeIds=ids, DetailType="FULL"))
    told = topic.heard()  # the source repository is not there: the first execution fails
    assert sorted(one["detailType"] for one in told) == [
        "CodePipeline Action Execution State Change",
        "CodePipeline Pipeline Execution State Change",
    ]
    (action,) = (one for one in told if "action" in one["detail"])
    why = action["detail"]["execution-result"]["external-execution-summary"]
    assert action["additionalAttributes"] == {"additionalInformation": why}
    ids = [f"codepipeline-pipeline-{one}" for one in ("manual-approval-failed", "action-execution-failed")]
    client.create_notification_rule(**rule(arn, topic.arn, Name="both", EventTypeIds=ids))
    detail = {"pipeline": "failing", "state": "FAILED", "type": {"category": "Approval"}}
    event = ("aws.codepipeline", "CodePipeline Action Execution State Change", detail)
    yard.yard.db.write(lambda tx: tx.emit(Event(*event, yard.account, "us-east-1", yard.clock.now(), (arn,))))
    both = [one for one in topic.heard() if one["additionalAttributes"] == {} and "execution-id" not in one["detail"]]
    assert len({one["notificationRuleArn"] for one in both}) == len(both) == 2


def test_iam_judges_by_the_resource_that_a_rule_is_bound_to(
    client: Any, yard: TestYard, repository: str, topic: Topic
) -> None:
    read = {"Effect": "Allow", "Action": "codecommit:GetRepository", "Resource": "*"}
    like = {"StringLike": {"codestar-notifications:NotificationsForResource": repository}}
    allow = {"Effect": "Allow", "Action": "codestar-notifications:*", "Resource": "*"}
    mine = yard.client("codestar-notifications", keys=yard.user("mine", [{**allow, "Condition": like}, read]))
    blind = yard.client("codestar-notifications", keys=yard.user("blind", [allow]))
    none = yard.client("codestar-notifications", keys=yard.user("none", [read]))
    assert refused(blind.create_notification_rule, **rule(repository)) == "AccessDeniedException"
    assert refused(none.create_notification_rule, **rule(repository)) == "AccessDeniedException"
    yard.call("codecommit", "CreateRepository", {"repositoryName": "not-mine"})
    theirs = repository.rpartition(":")[0] + ":not-mine"
    assert refused(mine.create_notification_rule, **rule(theirs)) == "AccessDeniedException"
    other = client.create_notification_rule(**rule(theirs))["Arn"]
    arn = mine.create_notification_rule(**rule(repository))["Arn"]
    assert mine.describe_notification_rule(Arn=arn)["Resource"] == repository
    for call in (mine.describe_notification_rule, mine.delete_notification_rule, mine.list_tags_for_resource):
        assert refused(call, Arn=other) == "AccessDeniedException"
    assert refused(none.list_event_types) == "AccessDeniedException"
    records = [one for one in yard.trail() if one["eventSource"] == HOST]
    (made,) = [
        one
        for one in records
        if one["eventName"] == "CreateNotificationRule" and (one.get("responseElements") or {}).get("arn") == arn
    ]
    assert (made["userIdentity"]["userName"], made["readOnly"]) == ("mine", False)
    assert (
        next(one["errorCode"] for one in records if one["userIdentity"].get("userName") == "none")
        == "AccessDeniedException"
    )


def test_the_managed_policies_of_a_service_reach_as_far_as_its_resources(
    client: Any, yard: TestYard, repository: str
) -> None:
    def bearer(policy: str) -> Any:
        keys = yard.user(policy)
        yard.call("iam", "AttachUserPolicy", {"UserName": policy, "PolicyArn": f"arn:aws:iam::aws:policy/{policy}"})
        return yard.client("codestar-notifications", keys=keys)

    arn = bearer("AWSCodeCommitPowerUser").create_notification_rule(**rule(repository))["Arn"]
    reader = bearer("AWSCodeCommitReadOnly")
    assert reader.describe_notification_rule(Arn=arn)["Resource"] == repository
    assert refused(reader.delete_notification_rule, Arn=arn) == "AccessDeniedException"
    assert refused(bearer("AWSCodeDeployFullAccess").delete_notification_rule, Arn=arn) == "AccessDeniedException"
    assert bearer("AWSCodeCommitFullAccess").delete_notification_rule(Arn=arn)["Arn"] == arn


def test_the_aws_command_knows_every_operation(
    yard: TestYard,
    repository: str,
    topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in yard.environment().items():
        monkeypatch.setenv(name, value)
    driver = create_clidriver()  # the command itself, without a process for each call

    def aws(*words: str) -> Any:
        status = driver.main(["codestar-notifications", *words, "--output", "json"])
        told = capsys.readouterr()
        assert status == 0, told.err
        return json.loads(told.out or "{}")

    words = ["--name", "by hand", "--resource", repository, "--detail-type", "FULL", "--event-type-ids", CREATED]
    target = f"TargetType=SNS,TargetAddress={topic.arn}"
    arn = aws("create-notification-rule", *words, "--targets", target)["Arn"]
    rule_id = arn.rpartition("/")[2]
    assert aws("describe-notification-rule", "--arn", arn)["Name"] == "by hand"
    assert aws("tag-resource", "--arn", arn, "--tags", "Team=Li") == {"Tags": {"Team": "Li"}}
    aws("untag-resource", "--arn", arn, "--tag-keys", "Team")
    assert aws("list-tags-for-resource", "--arn", arn) == {"Tags": {}}
    assert aws("list-event-types", "--filters", "Name=RESOURCE_TYPE,Value=Repository")["EventTypes"][0]
    mine = aws("list-notification-rules", "--filters", f"Name=RESOURCE,Value={repository}")
    assert mine == {"NotificationRules": [{"Id": rule_id, "Arn": arn}]}
    assert aws("unsubscribe", "--arn", arn, "--target-address", topic.arn) == {"Arn": arn}
    extra = topic.arn + "-by-hand"
    assert aws("subscribe", "--arn", arn, "--target", f"TargetType=SNS,TargetAddress={extra}") == {"Arn": arn}
    aws("update-notification-rule", "--arn", arn, "--status", "DISABLED")
    found = aws("list-targets", "--filters", f"Name=TARGET_ADDRESS,Value={extra}")
    assert found["Targets"] == [{"TargetAddress": extra, "TargetType": "SNS", "TargetStatus": "PENDING"}]
    aws("delete-target", "--target-address", extra, "--force-unsubscribe-all")
    assert aws("describe-notification-rule", "--arn", arn)["Targets"] == []
    assert aws("delete-notification-rule", "--arn", arn) == {"Arn": arn}
