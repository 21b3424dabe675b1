"""The operations, one by one: what they answer and what they refuse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.unit.services.codedeploy.world import ROLE, World, revision, user_arn

Refused = Callable[[str], Any]


def test_an_application_is_created_told_renamed_and_deleted(world: World, refused: Refused) -> None:
    made = world.call("CreateApplication", applicationName="web")
    told = world.call("GetApplication", applicationName="web")["application"]
    assert told["applicationId"] == made["applicationId"]
    assert told["computePlatform"] == "Server"
    assert told["linkedToGitHub"] is False
    with refused("ApplicationAlreadyExistsException"):
        world.call("CreateApplication", applicationName="web")
    world.call("UpdateApplication", applicationName="web", newApplicationName="site")
    with refused("ApplicationDoesNotExistException"):
        world.call("GetApplication", applicationName="web")
    assert world.call("ListApplications")["applications"] == ["site"]
    assert world.call("DeleteApplication", applicationName="site") == {}
    assert world.call("DeleteApplication", applicationName="site") == {}
    assert world.call("ListApplications")["applications"] == []


def test_an_application_cannot_take_anothers_name(world: World, refused: Refused) -> None:
    world.call("CreateApplication", applicationName="a")
    world.call("CreateApplication", applicationName="b")
    with refused("ApplicationAlreadyExistsException"):
        world.call("UpdateApplication", applicationName="a", newApplicationName="b")
    with refused("ApplicationNameRequiredException"):
        world.call("UpdateApplication", newApplicationName="b")


def test_batches_are_limited_and_name_what_is_missing(world: World, refused: Refused) -> None:
    world.call("CreateApplication", applicationName="a")
    found = world.call("BatchGetApplications", applicationNames=["a", "a"])["applicationsInfo"]
    assert [info["applicationName"] for info in found] == ["a"]
    with refused("BatchLimitExceededException"):
        world.call("BatchGetApplications", applicationNames=[f"n{i}" for i in range(101)])
    with refused("ApplicationNameRequiredException"):
        world.call("BatchGetApplications", applicationNames=[])
    with refused("ApplicationDoesNotExistException"):
        world.call("BatchGetApplications", applicationNames=["a", "b"])


def test_lists_come_in_pages_of_a_hundred(world: World, refused: Refused) -> None:
    names = [f"app{i:03d}" for i in range(205)]
    for name in names:
        world.call("CreateApplication", applicationName=name)
    seen, token = [], None
    for size in (100, 100, 5):
        page = world.call("ListApplications", **({"nextToken": token} if token else {}))
        assert len(page["applications"]) == size
        seen += page["applications"]
        token = page.get("nextToken")
    assert seen == names
    assert token is None
    for bad in ("x", "%%%", "MTIz", "é"):
        with refused("InvalidNextTokenException"):
            world.call("ListApplications", nextToken=bad)


def group(world: World, name: str = "fleet", **params: Any) -> Any:
    given = {"applicationName": "app", "deploymentGroupName": name, "serviceRoleArn": ROLE} | params
    return world.call("CreateDeploymentGroup", **given)


def test_a_group_is_created_with_defaults_changed_and_deleted(world: World, refused: Refused) -> None:
    world.call("CreateApplication", applicationName="app")
    made = group(world)
    told = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")["deploymentGroupInfo"]
    assert told["deploymentGroupId"] == made["deploymentGroupId"]
    assert told["deploymentConfigName"] == "CodeDeployDefault.OneAtATime"
    assert told["deploymentStyle"] == {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
    with refused("DeploymentGroupAlreadyExistsException"):
        group(world)
    filters = [{"Key": "a", "Type": "KEY_ONLY"}]
    change = {"newDeploymentGroupName": "crew", "onPremisesInstanceTagFilters": filters}
    world.call("UpdateDeploymentGroup", applicationName="app", currentDeploymentGroupName="fleet", **change)
    told = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="crew")["deploymentGroupInfo"]
    assert told["onPremisesInstanceTagFilters"] == filters
    assert told["serviceRoleArn"] == ROLE
    assert world.call("ListDeploymentGroups", applicationName="app")["deploymentGroups"] == ["crew"]
    world.call("DeleteDeploymentGroup", applicationName="app", deploymentGroupName="crew")
    with refused("DeploymentGroupDoesNotExistException"):
        world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="crew")


def test_a_group_needs_an_application_and_a_configuration(world: World, refused: Refused) -> None:
    with refused("ApplicationDoesNotExistException"):
        group(world)
    world.call("CreateApplication", applicationName="app")
    with refused("DeploymentConfigDoesNotExistException"):
        group(world, deploymentConfigName="nope")
    with refused("InvalidDeploymentConfigNameException"):
        group(world, deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"serviceRoleArn": "deploy"}, "InvalidRoleException"),
        ({"serviceRoleArn": "arn:aws:iam::1:user/x"}, "InvalidRoleException"),
        ({"onPremisesInstanceTagFilters": [{"Value": "x"}]}, "InvalidTagException"),
        ({"onPremisesInstanceTagFilters": [{"Key": "x"}] * 11}, "InvalidTagException"),
        ({"ec2TagFilters": [{"Key": "x", "Type": "KEY_AND_VALUE"}]}, "InvalidEC2TagException"),
        (
            {"ec2TagFilters": [{"Key": "x"}], "ec2TagSet": {"ec2TagSetList": [[{"Key": "x"}]]}},
            "InvalidEC2TagCombinationException",
        ),
        (
            {
                "onPremisesInstanceTagFilters": [{"Key": "x"}],
                "onPremisesTagSet": {"onPremisesTagSetList": [[{"Key": "x"}]]},
            },
            "InvalidOnPremisesTagCombinationException",
        ),
        (
            {"onPremisesTagSet": {"onPremisesTagSetList": [[{"Key": "x"}]] * 4}},
            "TagSetListLimitExceededException",
        ),
        ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException"),
        ({"alarmConfiguration": {"enabled": True}}, "InvalidAlarmConfigException"),
        ({"alarmConfiguration": {"alarms": [{"name": "a"}, {"name": "a"}]}}, "InvalidAlarmConfigException"),
        ({"alarmConfiguration": {"alarms": [{"name": str(i)} for i in range(11)]}}, "AlarmsLimitExceededException"),
        ({"triggerConfigurations": [{"triggerName": "t"}]}, "InvalidTriggerConfigException"),
        ({"triggerConfigurations": [{"triggerName": str(i)} for i in range(11)]}, "TriggerTargetsLimitExceeded"),
        ({"tags": [{"Key": "aws:x"}]}, "InvalidTagsToAddException"),
        # what is not built says so
        ({"alarmConfiguration": {"enabled": True, "alarms": [{"name": "a"}]}}, "NotImplemented"),
        ({"deploymentStyle": {"deploymentType": "BLUE_GREEN"}}, "NotImplemented"),
        ({"deploymentStyle": {"deploymentOption": "WITH_TRAFFIC_CONTROL"}}, "NotImplemented"),
        ({"loadBalancerInfo": {"elbInfoList": [{"name": "x"}]}}, "NotImplemented"),
        ({"autoScalingGroups": ["x"]}, "NotImplemented"),
        ({"ecsServices": [{"serviceName": "x"}]}, "NotImplemented"),
    ],
)
def test_what_a_group_cannot_be_made_of_is_refused(
    world: World, refused: Refused, params: dict[str, Any], code: str
) -> None:
    world.call("CreateApplication", applicationName="app")
    with refused(code):
        group(world, **params)
    group(world)
    given = {k: v for k, v in params.items() if k != "tags"}
    if given:
        with refused(code):
            world.call("UpdateDeploymentGroup", applicationName="app", currentDeploymentGroupName="fleet", **given)


def test_a_tag_set_replaces_tag_filters_and_the_other_way_round(world: World) -> None:
    world.call("CreateApplication", applicationName="app")
    group(world, onPremisesInstanceTagFilters=[{"Key": "a"}])
    where = {"applicationName": "app", "currentDeploymentGroupName": "fleet"}
    tag_set = {"onPremisesTagSetList": [[{"Key": "b"}]]}
    world.call("UpdateDeploymentGroup", **where, onPremisesTagSet=tag_set)
    told = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")["deploymentGroupInfo"]
    assert told["onPremisesTagSet"] == tag_set
    assert "onPremisesInstanceTagFilters" not in told
    world.call("UpdateDeploymentGroup", **where, onPremisesInstanceTagFilters=[{"Key": "c"}])
    told = world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")["deploymentGroupInfo"]
    assert "onPremisesTagSet" not in told


def test_groups_of_other_platforms_are_not_built(world: World, refused: Refused) -> None:
    world.call("CreateApplication", applicationName="app", computePlatform="Lambda")
    with refused("NotImplemented"):
        group(world)


def test_a_batch_of_groups_tells_what_is_missing(world: World) -> None:
    world.call("CreateApplication", applicationName="app")
    group(world)
    found = world.call("BatchGetDeploymentGroups", applicationName="app", deploymentGroupNames=["fleet", "none"])
    assert [info["deploymentGroupName"] for info in found["deploymentGroupsInfo"]] == ["fleet"]
    assert "none" in found["errorMessage"]


def test_the_predefined_configurations_are_there(world: World) -> None:
    names = world.call("ListDeploymentConfigs")["deploymentConfigsList"]
    assert len(names) == 17
    told = world.call("GetDeploymentConfig", deploymentConfigName="CodeDeployDefault.OneAtATime")
    assert told["deploymentConfigInfo"]["minimumHealthyHosts"] == {"type": "MOST_CONCURRENCY", "value": 1}
    canary = world.call("GetDeploymentConfig", deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent5Minutes")
    route = canary["deploymentConfigInfo"]["trafficRoutingConfig"]
    assert route == {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}}


def test_a_configuration_is_made_used_and_deleted(world: World, refused: Refused) -> None:
    rule = {"type": "FLEET_PERCENT", "value": 75}
    world.call("CreateDeploymentConfig", deploymentConfigName="most", minimumHealthyHosts=rule)
    told = world.call("GetDeploymentConfig", deploymentConfigName="most")["deploymentConfigInfo"]
    assert (told["minimumHealthyHosts"], told["computePlatform"]) == (rule, "Server")
    with refused("DeploymentConfigAlreadyExistsException"):
        world.call("CreateDeploymentConfig", deploymentConfigName="most", minimumHealthyHosts=rule)
    world.call("CreateApplication", applicationName="app")
    group(world, deploymentConfigName="most")
    with refused("DeploymentConfigInUseException"):
        world.call("DeleteDeploymentConfig", deploymentConfigName="most")
    world.call("DeleteDeploymentGroup", applicationName="app", deploymentGroupName="fleet")
    world.call("DeleteDeploymentConfig", deploymentConfigName="most")
    with refused("DeploymentConfigDoesNotExistException"):
        world.call("GetDeploymentConfig", deploymentConfigName="most")
    with refused("InvalidOperationException"):
        world.call("DeleteDeploymentConfig", deploymentConfigName="CodeDeployDefault.AllAtOnce")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "HOST_COUNT"}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "HOST_COUNT", "value": -1}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 101}}, "InvalidMinimumHealthyHostValueException"),
        ({"computePlatform": "ECS"}, "InvalidTrafficRoutingConfigurationException"),
        ({"zonalConfig": {"monitorDurationInSeconds": 1}}, "InvalidZonalDeploymentConfigurationException"),
        ({"deploymentConfigName": "CodeDeployDefault.Mine"}, "InvalidDeploymentConfigNameException"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    world: World, refused: Refused, params: dict[str, Any], code: str
) -> None:
    with refused(code):
        world.call("CreateDeploymentConfig", **({"deploymentConfigName": "mine"} | params))


def test_hosts_are_registered_tagged_listed_and_deregistered(world: World, refused: Refused) -> None:
    world.register("web-1", env="prod", tier="web")
    told = world.call("GetOnPremisesInstance", instanceName="web-1")["instanceInfo"]
    assert told["iamUserArn"] == user_arn("web-1")
    assert told["instanceArn"].startswith("arn:aws:codedeploy:us-east-1:123456789012:instance/web-1_")
    assert told["tags"] == [{"Key": "env", "Value": "prod"}, {"Key": "tier", "Value": "web"}]
    world.call("RemoveTagsFromOnPremisesInstances", instanceNames=["web-1"], tags=[{"Key": "tier", "Value": "web"}])
    listed = world.call("ListOnPremisesInstances", tagFilters=[{"Key": "env", "Value": "prod"}])
    assert listed["instanceNames"] == ["web-1"]
    assert world.call("ListOnPremisesInstances", tagFilters=[{"Key": "tier"}])["instanceNames"] == []
    world.call("DeregisterOnPremisesInstance", instanceName="web-1")
    assert world.call("ListOnPremisesInstances", registrationStatus="Registered")["instanceNames"] == []
    assert world.call("ListOnPremisesInstances", registrationStatus="Deregistered")["instanceNames"] == ["web-1"]
    assert "deregisterTime" in world.call("GetOnPremisesInstance", instanceName="web-1")["instanceInfo"]
    with refused("InstanceNotRegisteredException"):
        world.call("AddTagsToOnPremisesInstances", instanceNames=["web-1"], tags=[{"Key": "a", "Value": "b"}])
    world.register("web-1")
    assert world.call("DeregisterOnPremisesInstance", instanceName="never-there") == {}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "IamArnRequiredException"),
        ({"iamUserArn": user_arn("x"), "iamSessionArn": "arn:aws:sts::1:x"}, "MultipleIamArnsProvidedException"),
        ({"iamUserArn": "x"}, "InvalidIamUserArnException"),
        ({"iamUserArn": ROLE}, "InvalidIamUserArnException"),
        ({"iamSessionArn": user_arn("x")}, "InvalidIamSessionArnException"),
        ({"iamUserArn": user_arn("x"), "instanceName": "a b"}, "InvalidInstanceNameException"),
        ({"iamUserArn": user_arn("x"), "instanceName": "i-123"}, "InvalidInstanceNameException"),
        ({"iamUserArn": user_arn("x"), "instanceName": ""}, "InstanceNameRequiredException"),
        ({"iamUserArn": user_arn("x"), "instanceName": "taken"}, "InstanceNameAlreadyRegisteredException"),
        ({"iamUserArn": user_arn("taken")}, "IamUserArnAlreadyRegisteredException"),
    ],
)
def test_registrations_that_are_refused(world: World, refused: Refused, params: dict[str, Any], code: str) -> None:
    world.register("taken")
    with refused(code):
        world.call("RegisterOnPremisesInstance", **({"instanceName": "fresh"} | params))


def test_a_session_can_be_registered_once(world: World, refused: Refused) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/hosts/web-1"
    world.call("RegisterOnPremisesInstance", instanceName="a", iamSessionArn=session)
    with refused("IamSessionArnAlreadyRegisteredException"):
        world.call("RegisterOnPremisesInstance", instanceName="b", iamSessionArn=session)
    found = world.call("BatchGetOnPremisesInstances", instanceNames=["a", "none"])["instanceInfos"]
    assert [info["iamSessionArn"] for info in found] == [session]


def test_revisions_are_registered_found_and_listed(world: World, refused: Refused) -> None:
    world.call("CreateApplication", applicationName="app")
    for number, key in enumerate(("b/2.zip", "a/1.zip")):
        world.clock.advance(1)
        text = {"description": f"number {number}"}
        world.call("RegisterApplicationRevision", applicationName="app", revision=revision(key), **text)
    told = world.call("GetApplicationRevision", applicationName="app", revision=revision("a/1.zip"))
    assert told["revisionInfo"]["description"] == "number 1"
    assert told["revision"] == revision("a/1.zip")
    with refused("RevisionDoesNotExistException"):
        world.call("GetApplicationRevision", applicationName="app", revision=revision("c"))
    assert keys(world) == ["b/2.zip", "a/1.zip"]
    assert keys(world, sortOrder="descending") == ["a/1.zip", "b/2.zip"]
    assert keys(world, s3Bucket="bundles", s3KeyPrefix="a/") == ["a/1.zip"]
    assert keys(world, s3Bucket="other") == []
    assert keys(world, deployed="include") == []
    with refused("BucketNameFilterRequiredException"):
        keys(world, s3KeyPrefix="a/")
    found = world.call(
        "BatchGetApplicationRevisions", applicationName="app", revisions=[revision("a/1.zip"), revision("c")]
    )
    assert len(found["revisions"]) == 1
    assert "errorMessage" in found


def keys(world: World, **params: Any) -> list[str]:
    found = world.call("ListApplicationRevisions", applicationName="app", **params)["revisions"]
    return [location["s3Location"]["key"] for location in found]


def test_a_deployed_revision_is_listed_as_such_with_its_groups(world: World) -> None:
    world.fleet("a")
    world.create("one.zip")
    world.obey("a")
    assert keys(world, deployed="include") == ["one.zip"]
    assert keys(world, deployed="exclude") == []
    info = world.call("GetApplicationRevision", applicationName="app", revision=revision())["revisionInfo"]
    assert info["deploymentGroups"] == ["fleet"]
    assert info["firstUsedTime"] == info["lastUsedTime"]


@pytest.mark.parametrize(
    "location",
    [
        {"revisionType": "S3"},
        {"revisionType": "S3", "s3Location": {"bucket": "b"}},
        {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}},
        {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "JSON"}},
        {"revisionType": "GitHub", "gitHubLocation": {"repository": "x"}},
        {"revisionType": "String", "string": {"content": "x"}},
        {"revisionType": "AppSpecContent", "appSpecContent": {"content": "x"}},
    ],
)
def test_a_location_that_names_no_revision_is_refused(world: World, refused: Refused, location: dict[str, Any]) -> None:
    world.fleet("a")
    with refused("InvalidRevisionException"):
        world.call("RegisterApplicationRevision", applicationName="app", revision=location)
    with refused("InvalidRevisionException"):
        world.create(revision=location)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"deploymentGroupName": None}, "DeploymentGroupNameRequiredException"),
        ({"deploymentGroupName": "none"}, "DeploymentGroupDoesNotExistException"),
        ({"applicationName": "none"}, "ApplicationDoesNotExistException"),
        ({"deploymentConfigName": "none"}, "DeploymentConfigDoesNotExistException"),
        ({"deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce"}, "InvalidDeploymentConfigNameException"),
        ({"description": "x" * 1001}, "DescriptionTooLongException"),
        ({"targetInstances": {"tagFilters": [{"Key": "a"}]}}, "InvalidTargetInstancesException"),
        ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException"),
        ({"deploymentMode": "RESTART"}, "NotImplemented"),
        (
            {"revision": {"revisionType": "GitHub", "gitHubLocation": {"repository": "a/b", "commitId": "c"}}},
            "NotImplemented",
        ),
    ],
)
def test_deployments_that_are_refused(world: World, refused: Refused, params: dict[str, Any], code: str) -> None:
    world.fleet("a")
    given = {"applicationName": "app", "deploymentGroupName": "fleet", "revision": revision()} | params
    with refused(code):
        world.call("CreateDeployment", **given)


def test_deployments_are_listed_newest_first_by_status_and_time(world: World, refused: Refused) -> None:
    world.fleet("a")
    first = world.create()
    world.obey("a")
    world.clock.advance(10)
    second = world.create()
    assert world.call("ListDeployments")["deployments"] == [second, first]
    where = {"applicationName": "app", "deploymentGroupName": "fleet"}
    assert world.call("ListDeployments", **where, includeOnlyStatuses=["Succeeded"])["deployments"] == [first]
    made = world.deployment(second)["createTime"]
    late, never = {"start": made}, {"end": made - dt.timedelta(seconds=100)}
    assert world.call("ListDeployments", createTimeRange=late)["deployments"] == [second]
    assert world.call("ListDeployments", createTimeRange=never)["deployments"] == []
    with refused("InvalidTimeRangeException"):
        world.call("ListDeployments", createTimeRange={"start": made, "end": never["end"]})
    with refused("DeploymentGroupNameRequiredException"):
        world.call("ListDeployments", applicationName="app")
    with refused("ApplicationNameRequiredException"):
        world.call("ListDeployments", deploymentGroupName="fleet")
    with refused("DeploymentGroupDoesNotExistException"):
        world.call("ListDeployments", applicationName="app", deploymentGroupName="none")


def test_many_deployments_come_in_pages(world: World, refused: Refused) -> None:
    world.fleet()
    made = [world.create() for _ in range(101)]
    page = world.call("ListDeployments")
    rest = world.call("ListDeployments", nextToken=page["nextToken"])
    assert sorted(page["deployments"] + rest["deployments"]) == sorted(made)
    assert "nextToken" not in rest
    with refused("InvalidNextTokenException"):
        world.call("ListDeployments", nextToken="MTpub25zZW5zZQ==")


def test_deployment_ids_are_checked(world: World, refused: Refused) -> None:
    with refused("DeploymentDoesNotExistException"):
        world.deployment("d-ABCDEF123")
    for bad in ("x", "d-", "d-a b", "d-é"):
        with refused("InvalidDeploymentIdException"):
            world.deployment(bad)
    assert world.call("BatchGetDeployments", deploymentIds=["d-ABCDEF123"])["deploymentsInfo"] == []


def test_hosts_of_a_deployment_are_told_under_both_names(world: World, refused: Refused) -> None:
    world.fleet("a", "b", config="CodeDeployDefault.OneAtATime")
    made = world.create()
    world.obey("a")
    assert world.call("ListDeploymentInstances", deploymentId=made)["instancesList"] == ["a", "b"]
    done = world.call("ListDeploymentInstances", deploymentId=made, instanceStatusFilter=["Succeeded"])
    assert done["instancesList"] == ["a"]
    active = world.call("ListDeploymentTargets", deploymentId=made, targetFilters={"TargetStatus": ["InProgress"]})
    assert active["targetIds"] == ["b"]
    arn = world.call("GetOnPremisesInstance", instanceName="a")["instanceInfo"]["instanceArn"]
    for name in ("a", arn):
        summary = world.call("GetDeploymentInstance", deploymentId=made, instanceId=name)["instanceSummary"]
        assert (summary["instanceId"], summary["status"]) == (arn, "Succeeded")
    target = world.target(made, "b")
    assert (target["targetId"], target["status"]) == ("b", "InProgress")
    found = world.call("BatchGetDeploymentInstances", deploymentId=made, instanceIds=["a", "none"])
    assert len(found["instancesSummary"]) == 1
    assert "none" in found["errorMessage"]
    both = world.call("BatchGetDeploymentTargets", deploymentId=made, targetIds=["a", "b"])["deploymentTargets"]
    assert [one["deploymentTargetType"] for one in both] == ["InstanceTarget"] * 2
    with refused("InstanceDoesNotExistException"):
        world.call("GetDeploymentInstance", deploymentId=made, instanceId="none")
    with refused("DeploymentTargetDoesNotExistException"):
        world.call("GetDeploymentTarget", deploymentId=made, targetId="none")
    with refused("InvalidDeploymentInstanceTypeException"):
        world.call("ListDeploymentInstances", deploymentId=made, instanceTypeFilter=["Blue"])


def test_a_deployment_that_has_not_begun_has_no_hosts_yet(world: World, refused: Refused) -> None:
    world.fleet("a")
    made = world.call("CreateDeployment", applicationName="app", deploymentGroupName="fleet", revision=revision())[
        "deploymentId"
    ]
    assert world.deployment(made)["status"] == "Created"
    with refused("DeploymentNotStartedException"):
        world.call("ListDeploymentTargets", deploymentId=made)


def test_resources_are_tagged_and_tags_follow_a_new_name(world: World, refused: Refused) -> None:
    arn = "arn:aws:codedeploy:us-east-1:123456789012:"
    world.call("CreateApplication", applicationName="app", tags=[{"Key": "a", "Value": "1"}])
    group(world, tags=[{"Key": "b", "Value": "2"}])
    world.call("TagResource", ResourceArn=arn + "application:app", Tags=[{"Key": "c", "Value": "3"}])
    world.call("UntagResource", ResourceArn=arn + "application:app", TagKeys=["a", "never"])
    world.call("UpdateApplication", applicationName="app", newApplicationName="new")
    assert world.call("ListTagsForResource", ResourceArn=arn + "application:new")["Tags"] == [
        {"Key": "c", "Value": "3"}
    ]
    assert world.call("ListTagsForResource", ResourceArn=arn + "deploymentgroup:new/fleet")["Tags"] == [
        {"Key": "b", "Value": "2"}
    ]
    for bad, code in (
        ("nonsense", "InvalidArnException"),
        ("arn:aws:codedeploy:us-east-1:999999999999:application:app", "InvalidArnException"),
        (arn + "application:none", "ApplicationDoesNotExistException"),
        (arn + "deploymentgroup:new/none", "DeploymentGroupDoesNotExistException"),
        (arn + "instance:x", "ArnNotSupportedException"),
    ):
        with refused(code):
            world.call("ListTagsForResource", ResourceArn=bad)
    with refused("InvalidTagsToAddException"):
        world.call("TagResource", ResourceArn=arn + "application:new", Tags=[{"Key": "", "Value": "x"}])
    with pytest.raises(AwsError):
        world.call("UntagResource", ResourceArn=arn + "application:new", TagKeys=[])
