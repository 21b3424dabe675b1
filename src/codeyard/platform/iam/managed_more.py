"""More of AWS's managed policies, each with the version that was published when it was written down here.

The texts are AWS's: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/NAME.html, checked against the
GetPolicyVersion answers that the archive github.com/zoph-io/MAMIP keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

Statement = dict[str, Any]


def _allow(service: str, names: str, resource: Any = "*", **condition: Any) -> Statement:
    found: Statement = {"Effect": "Allow", "Action": [f"{service}:{name}" for name in names.split()]}
    return found | {"Resource": resource} | ({"Condition": condition} if condition else {})


def _together(*statements: Statement) -> Statement:
    """One statement of several services' actions."""
    return statements[0] | {"Action": [action for one in statements for action in one["Action"]]}


def _role(path: str) -> str:
    return f"arn:aws:iam::*:role/aws-service-role/{path}"


_BEARER = _allow("sts", "GetServiceBearerToken", StringEquals={"sts:AWSServiceName": "codeartifact.amazonaws.com"})
_SSM_ROLE = _role("ssm.amazonaws.com/AWSServiceRoleForAmazonSSM*")
_CHANNELS = _allow("ssmmessages", "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel")
_TASK_SETS = _allow("ecs", "DescribeServices CreateTaskSet UpdateServicePrimaryTaskSet DeleteTaskSet")
_BALANCERS = _allow(
    "elasticloadbalancing", "DescribeTargetGroups DescribeListeners ModifyListener DescribeRules ModifyRule"
)
_ALARMS = _allow("cloudwatch", "DescribeAlarms")
_TO_TASKS: dict[str, Any] = {"StringLike": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}
_MARKED: dict[str, Any] = {"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}}
_HOOKS = _allow("lambda", "InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*")
_OBJECTS = "GetObject GetObjectVersion"


def _pass_to(service: str) -> Statement:
    return _allow(
        "iam", "PassRole", "arn:aws:iam::*:role/*", StringLike={"iam:PassedToService": f"{service}.amazonaws.com"}
    )


def _linked(service: str, resource: str, operator: str = "StringEquals") -> Statement:
    return _allow("iam", "CreateServiceLinkedRole", resource, **{operator: {"iam:AWSServiceName": service}})


# By name: (path, published version, statements).
MORE: Mapping[str, tuple[str, str, Iterable[Statement]]] = MappingProxyType(
    {
        "AWSCodeArtifactAdminAccess": ("/", "v1", [_allow("codeartifact", "*"), _BEARER]),
        "AWSCodeArtifactReadOnlyAccess": (
            "/",
            "v1",
            [_allow("codeartifact", "Describe* Get* List* ReadFromRepository"), _BEARER],
        ),
        "AWSCodeDeployRoleForECS": (
            "/",
            "v3",
            [
                _together(
                    _TASK_SETS,
                    _BALANCERS,
                    _allow("lambda", "InvokeFunction"),
                    _ALARMS,
                    _allow("sns", "Publish"),
                    _allow("s3", _OBJECTS),
                ),
                _allow("iam", "PassRole", **_TO_TASKS),
            ],
        ),
        "AWSCodeDeployRoleForECSLimited": (
            "/",
            "v3",
            [
                _together(_TASK_SETS, _ALARMS),
                _allow("sns", "Publish", "arn:aws:sns:*:*:CodeDeployTopic_*"),
                _BALANCERS,
                _HOOKS,
                _allow("s3", _OBJECTS, **_MARKED),
                _allow(
                    "iam",
                    "PassRole",
                    ["arn:aws:iam::*:role/ecsTaskExecutionRole", "arn:aws:iam::*:role/ECSTaskExecution*"],
                    **_TO_TASKS,
                ),
            ],
        ),
        "AWSCodeDeployRoleForLambda": (
            "/service-role/",
            "v3",
            [
                _together(
                    _ALARMS,
                    _allow("lambda", "UpdateAlias GetAlias GetProvisionedConcurrencyConfig"),
                    _allow("sns", "Publish"),
                ),
                _allow("s3", _OBJECTS, "arn:aws:s3:::*/CodeDeploy/*"),
                _allow("s3", _OBJECTS, **_MARKED),
                _HOOKS,
            ],
        ),
        "AWSCodeDeployRole": (
            "/service-role/",
            "v11",
            [
                _together(
                    _allow(
                        "autoscaling",
                        "CompleteLifecycleAction DeleteLifecycleHook DescribeAutoScalingGroups DescribeLifecycleHooks "
                        "PutLifecycleHook RecordLifecycleActionHeartbeat CreateAutoScalingGroup CreateOrUpdateTags "
                        "UpdateAutoScalingGroup EnableMetricsCollection DescribePolicies DescribeScheduledActions "
                        "DescribeNotificationConfigurations SuspendProcesses ResumeProcesses AttachLoadBalancers "
                        "AttachLoadBalancerTargetGroups PutScalingPolicy PutScheduledUpdateGroupAction "
                        "PutNotificationConfiguration PutWarmPool DescribeScalingActivities DeleteAutoScalingGroup",
                    ),
                    _allow("ec2", "DescribeInstances DescribeInstanceStatus TerminateInstances"),
                    _allow("tag", "GetResources"),
                    _allow("sns", "Publish"),
                    _allow("cloudwatch", "DescribeAlarms PutMetricAlarm"),
                    _allow(
                        "elasticloadbalancing",
                        "DescribeLoadBalancerAttributes DescribeTargetGroupAttributes DescribeLoadBalancers "
                        "DescribeInstanceHealth RegisterInstancesWithLoadBalancer "
                        "DeregisterInstancesFromLoadBalancer DescribeTargetGroups DescribeTargetHealth "
                        "RegisterTargets DeregisterTargets",
                    ),
                )
            ],
        ),
        "AWSKeyManagementServicePowerUser": (
            "/",
            "v2",
            [
                _together(
                    _allow(
                        "kms",
                        "CreateAlias CreateKey DeleteAlias Describe* GenerateRandom Get* List* TagResource "
                        "UntagResource",
                    ),
                    _allow("iam", "ListGroups ListRoles ListUsers"),
                )
            ],
        ),
        "CloudWatchLogsFullAccess": (
            "/",
            "v3",
            [_together(_allow("logs", "*"), _allow("cloudwatch", "GenerateQuery GenerateQueryResultsSummary"))],
        ),
        "AmazonSSMFullAccess": (
            "/",
            "v4",
            [
                _together(
                    _allow("cloudwatch", "PutMetricData"),
                    _allow("ds", "CreateComputer DescribeDirectories"),
                    _allow("ec2", "DescribeInstanceStatus"),
                    _allow("logs", "*"),
                    _allow("ssm", "*"),
                    _allow("ec2messages", "*"),
                ),
                _linked("ssm.amazonaws.com", _SSM_ROLE, "StringLike"),
                _allow("iam", "DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus", _SSM_ROLE),
                _CHANNELS,
            ],
        ),
        "AmazonSSMManagedInstanceCore": (
            "/",
            "v2",
            [
                _allow(
                    "ssm",
                    "DescribeAssociation GetDeployablePatchSnapshotForInstance GetDocument DescribeDocument "
                    "GetManifest GetParameter GetParameters ListAssociations ListInstanceAssociations PutInventory "
                    "PutComplianceItems PutConfigurePackageResult UpdateAssociationStatus "
                    "UpdateInstanceAssociationStatus UpdateInstanceInformation",
                ),
                _CHANNELS,
                _allow("ec2messages", "AcknowledgeMessage DeleteMessage FailMessage GetEndpoint GetMessages SendReply"),
            ],
        ),
        "AWSCloudTrail_FullAccess": (
            "/",
            "v3",
            [
                _allow(
                    "sns",
                    "AddPermission CreateTopic SetTopicAttributes GetTopicAttributes",
                    ["arn:aws:sns:*:*:aws-cloudtrail-logs*"],
                ),
                _allow("sns", "ListTopics"),
                _allow(
                    "s3",
                    "CreateBucket PutBucketPolicy PutBucketPublicAccessBlock",
                    ["arn:aws:s3:::aws-cloudtrail-logs*"],
                ),
                _allow("s3", "ListAllMyBuckets GetBucketLocation GetBucketPolicy"),
                _allow("cloudtrail", "*"),
                _allow("logs", "CreateLogGroup", ["arn:aws:logs:*:*:log-group:aws-cloudtrail-logs*"]),
                _allow("iam", "ListRoles GetRolePolicy GetUser"),
                _allow("iam", "PassRole", StringEquals={"iam:PassedToService": "cloudtrail.amazonaws.com"}),
                _allow("kms", "CreateKey CreateAlias ListKeys ListAliases"),
                _allow("lambda", "ListFunctions"),
                _allow("dynamodb", "ListGlobalTables ListTables"),
            ],
        ),
        "AmazonEventBridgeFullAccess": (
            "/",
            "v4",
            [
                _together(*(_allow(one, "*") for one in ("events", "schemas", "scheduler", "pipes"))),
                _linked(
                    "apidestinations.events.amazonaws.com", _role("AmazonEventBridgeApiDestinationsServiceRolePolicy")
                ),
                _linked("schemas.amazonaws.com", _role("schemas.amazonaws.com/AWSServiceRoleForSchemas")),
                _allow(
                    "secretsmanager",
                    "CreateSecret UpdateSecret DeleteSecret GetSecretValue PutSecretValue",
                    "arn:aws:secretsmanager:*:*:secret:events!*",
                ),
                *(_pass_to(one) for one in ("events", "scheduler", "pipes")),
            ],
        ),
        "AmazonCodeGuruReviewerReadOnlyAccess": (
            "/",
            "v2",
            [_together(_allow("codeguru", "Get*"), _allow("codeguru-reviewer", "List* Describe* Get*"))],
        ),
        "AmazonCodeGuruProfilerAgentAccess": (
            "/",
            "v3",
            [
                _allow(
                    "codeguru-profiler",
                    "ConfigureAgent CreateProfilingGroup PostAgentProfile",
                    "arn:aws:codeguru-profiler:*:*:profilingGroup/*",
                )
            ],
        ),
    }
)
