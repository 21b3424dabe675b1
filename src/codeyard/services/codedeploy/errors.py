"""Which exception of the CodeDeploy model names which broken constraint: one per member, by the model's names."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation

# member at the top of the input -> (missing or empty, malformed); an empty first part: the member is optional
_NAMES: dict[str, tuple[str, str]] = {
    "applicationName": ("ApplicationNameRequired", "InvalidApplicationName"),
    "applicationNames": ("ApplicationNameRequired", "InvalidApplicationName"),
    "newApplicationName": ("", "InvalidApplicationName"),
    "deploymentGroupName": ("DeploymentGroupNameRequired", "InvalidDeploymentGroupName"),
    "deploymentGroupNames": ("DeploymentGroupNameRequired", "InvalidDeploymentGroupName"),
    "currentDeploymentGroupName": ("DeploymentGroupNameRequired", "InvalidDeploymentGroupName"),
    "newDeploymentGroupName": ("", "InvalidDeploymentGroupName"),
    "deploymentConfigName": ("DeploymentConfigNameRequired", "InvalidDeploymentConfigName"),
    "deploymentId": ("DeploymentIdRequired", "InvalidDeploymentId"),
    "deploymentIds": ("DeploymentIdRequired", "InvalidDeploymentId"),
    "instanceName": ("InstanceNameRequired", "InvalidInstanceName"),
    "instanceNames": ("InstanceNameRequired", "InvalidInstanceName"),
    "instanceId": ("InstanceIdRequired", "InvalidInstanceName"),
    "instanceIds": ("InstanceIdRequired", "InvalidInstanceName"),
    "targetId": ("DeploymentTargetIdRequired", "InvalidDeploymentTargetId"),
    "targetIds": ("DeploymentTargetIdRequired", "InvalidDeploymentTargetId"),
    "ResourceArn": ("ResourceArnRequired", "InvalidArn"),
    "Tags": ("TagRequired", "InvalidTagsToAdd"),
    "TagKeys": ("TagRequired", "InvalidTagsToAdd"),
    "revision": ("RevisionRequired", "InvalidRevision"),
    "revisions": ("RevisionRequired", "InvalidRevision"),
    "serviceRoleArn": ("RoleRequired", "InvalidRole"),
    "description": ("", "DescriptionTooLong"),
    "computePlatform": ("", "InvalidComputePlatform"),
    "minimumHealthyHosts": ("", "InvalidMinimumHealthyHostValue"),
    "trafficRoutingConfig": ("", "InvalidTrafficRoutingConfiguration"),
    "zonalConfig": ("", "InvalidZonalDeploymentConfiguration"),
    "ec2TagFilters": ("", "InvalidEC2Tag"),
    "ec2TagSet": ("", "InvalidEC2Tag"),
    "onPremisesInstanceTagFilters": ("", "InvalidTag"),
    "onPremisesTagSet": ("", "InvalidTag"),
    "autoScalingGroups": ("", "InvalidAutoScalingGroup"),
    "triggerConfigurations": ("", "InvalidTriggerConfig"),
    "alarmConfiguration": ("", "InvalidAlarmConfig"),
    "overrideAlarmConfiguration": ("", "InvalidAlarmConfig"),
    "autoRollbackConfiguration": ("", "InvalidAutoRollbackConfig"),
    "deploymentStyle": ("", "InvalidDeploymentStyle"),
    "blueGreenDeploymentConfiguration": ("", "InvalidBlueGreenDeploymentConfiguration"),
    "loadBalancerInfo": ("", "InvalidLoadBalancerInfo"),
    "ecsServices": ("", "InvalidECSService"),
    "ec2DeploymentOptions": ("", "InvalidAutoScalingGroupProcessToSuspend"),
    "outdatedInstancesStrategy": ("", "InvalidInput"),
    "terminationHookEnabled": ("", "InvalidInput"),
    "targetInstances": ("", "InvalidTargetInstances"),
    "fileExistsBehavior": ("", "InvalidFileExistsBehavior"),
    "updateOutdatedInstancesOnly": ("", "InvalidUpdateOutdatedInstancesOnlyValue"),
    "ignoreApplicationStopFailures": ("", "InvalidIgnoreApplicationStopFailuresValue"),
    "deploymentMode": ("", "InvalidInput"),
    "nextToken": ("", "InvalidNextToken"),
    "sortBy": ("", "InvalidSortBy"),
    "sortOrder": ("", "InvalidSortOrder"),
    "s3Bucket": ("", "InvalidBucketNameFilter"),
    "s3KeyPrefix": ("", "InvalidKeyPrefixFilter"),
    "deployed": ("", "InvalidDeployedStateFilter"),
    "registrationStatus": ("", "InvalidRegistrationStatus"),
    "tagFilters": ("", "InvalidTagFilter"),
    "instanceStatusFilter": ("", "InvalidInstanceStatus"),
    "instanceTypeFilter": ("", "InvalidInstanceType"),
    "targetFilters": ("", "InvalidTargetFilterName"),
    "includeOnlyStatuses": ("", "InvalidDeploymentStatus"),
    "createTimeRange": ("", "InvalidTimeRange"),
    "externalId": ("", "InvalidExternalId"),
    "iamUserArn": ("IamUserArnRequired", "InvalidIamUserArn"),
    "iamSessionArn": ("IamArnRequired", "InvalidIamSessionArn"),
    "deploymentWaitType": ("", "InvalidDeploymentWaitType"),
    "tokenName": ("GitHubAccountTokenNameRequired", "InvalidGitHubAccountTokenName"),
}
_CONFIG_OPERATIONS = ("CreateDeploymentConfig", "GetDeploymentConfig", "DeleteDeploymentConfig")
_ON_PREMISES_TAGS = ("AddTagsToOnPremisesInstances", "RemoveTagsFromOnPremisesInstances")


def error_for(operation: str, violation: Violation) -> AwsError:
    """The modelled exception of a broken constraint; ValidationException where the model names none."""
    member = violation.path[0] if violation.path else ""
    missing, invalid = _pair(operation, member)
    absent = len(violation.path) == 1 and violation.kind in ("required", "min")
    name = (missing if absent and missing else invalid) or ""
    if not name:
        return AwsError("ValidationException", violation.message, status=400)
    return AwsError(f"{name}Exception", violation.message)


def _pair(operation: str, member: str) -> tuple[str, str]:
    if member == "tags":
        return ("TagRequired", "InvalidTag") if operation in _ON_PREMISES_TAGS else ("", "InvalidTagsToAdd")
    if member == "deploymentConfigName" and operation not in _CONFIG_OPERATIONS:
        return ("", "InvalidDeploymentConfigName")
    if member == "nextToken" or member == "NextToken":
        return ("", "") if operation == "ListTagsForResource" else ("", "InvalidNextToken")
    return _NAMES.get(member, ("", ""))
