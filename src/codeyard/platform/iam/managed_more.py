"""More of AWS's managed policies, each with the version that was published when it was written down here.

The texts are AWS's: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/NAME.html, checked against the
GetPolicyVersion answers that the archive github.com/zoph-io/MAMIP keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

Statement = dict[str, Any]


def allow(service: str, names: str, resource: Any = "*", **condition: Any) -> Statement:
    """What lets a service's actions be done, their names divided by spaces; conditions by operator."""
    found: Statement = {"Effect": "Allow", "Action": [f"{service}:{name}" for name in names.split()]}
    return found | {"Resource": resource} | ({"Condition": condition} if condition else {})


def together(*statements: Statement) -> Statement:
    """One statement of several services' actions."""
    return statements[0] | {"Action": [action for one in statements for action in one["Action"]]}


def _role(path: str) -> str:
    return f"arn:aws:iam::*:role/aws-service-role/{path}"


_BEARER = allow("sts", "GetServiceBearerToken", StringEquals={"sts:AWSServiceName": "codeartifact.amazonaws.com"})
_SSM_ROLE = _role("ssm.amazonaws.com/AWSServiceRoleForAmazonSSM*")
_CHANNELS = allow("ssmmessages", "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel")
_TASK_SETS = allow("ecs", "DescribeServices CreateTaskSet UpdateServicePrimaryTaskSet DeleteTaskSet")
_BALANCERS = allow(
    "elasticloadbalancing", "DescribeTargetGroups DescribeListeners ModifyListener DescribeRules ModifyRule"
)
_ALARMS = allow("cloudwatch", "DescribeAlarms")
_TO_TASKS: dict[str, Any] = {"StringLike": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}
_MARKED: dict[str, Any] = {"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}}
_HOOKS = allow("lambda", "InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*")
_OBJECTS = "GetObject GetObjectVersion"


def _pass_to(service: str) -> Statement:
    return allow(
        "iam", "PassRole", "arn:aws:iam::*:role/*", StringLike={"iam:PassedToService": f"{service}.amazonaws.com"}
    )


def linked(service: str, resource: str, operator: str = "StringEquals") -> Statement:
    """What lets a service's own role be made."""
    return allow("iam", "CreateServiceLinkedRole", resource, **{operator: {"iam:AWSServiceName": service}})


# By name: (path, published version, statements).
MORE: Mapping[str, tuple[str, str, Iterable[Statement]]] = MappingProxyType(
    {
        "AWSCodeArtifactAdminAccess": ("/", "v1", [allow("codeartifact", "*"), _BEARER]),
        "AWSCodeArtifactReadOnlyAccess": (
            "/",
            "v1",
            [allow("codeartifact", "Describe* Get* List* ReadFromRepository"), _BEARER],
        ),
        "AWSCodeDeployRoleForECS": (
            "/",
            "v3",
            [
                together(
                    _TASK_SETS,
                    _BALANCERS,
                    allow("lambda", "InvokeFunction"),
                    _ALARMS,
                    allow("sns", "Publish"),
                    allow("s3", _OBJECTS),
                ),
                allow("iam", "PassRole", **_TO_TASKS),
            ],
        ),
        "AWSCodeDeployRoleForECSLimited": (
            "/",
            "v3",
            [
                together(_TASK_SETS, _ALARMS),
                allow("sns", "Publish", "arn:aws:sns:*:*:CodeDeployTopic_*"),
                _BALANCERS,
                _HOOKS,
                allow("s3", _OBJECTS, **_MARKED),
                allow(
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
                together(
                    _ALARMS,
                    allow("lambda", "UpdateAlias GetAlias GetProvisionedConcurrencyConfig"),
                    allow("sns", "Publish"),
                ),
                allow("s3", _OBJECTS, "arn:aws:s3:::*/CodeDeploy/*"),
                allow("s3", _OBJECTS, **_MARKED),
                _HOOKS,
            ],
        ),
        "AWSCodeDeployRole": (
            "/service-role/",
            "v11",
            [
                together(
                    allow(
                        "autoscaling",
                        "CompleteLifecycleAction DeleteLifecycleHook DescribeAutoScalingGroups DescribeLifecycleHooks "
                        "PutLifecycleHook RecordLifecycleActionHeartbeat CreateAutoScalingGroup CreateOrUpdateTags "
                        "UpdateAutoScalingGroup EnableMetricsCollection DescribePolicies DescribeScheduledActions "
                        "DescribeNotificationConfigurations SuspendProcesses ResumeProcesses AttachLoadBalancers "
                        "AttachLoadBalancerTargetGroups PutScalingPolicy PutScheduledUpdateGroupAction "
                        "PutNotificationConfiguration PutWarmPool DescribeScalingActivities DeleteAutoScalingGroup",
                    ),
                    allow("ec2", "DescribeInstances DescribeInstanceStatus TerminateInstances"),
                    allow("tag", "GetResources"),
                    allow("sns", "Publish"),
                    allow("cloudwatch", "DescribeAlarms PutMetricAlarm"),
                    allow(
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
                together(
                    allow(
                        "kms",
                        "CreateAlias CreateKey DeleteAlias Describe* GenerateRandom Get* List* TagResource "
                        "UntagResource",
                    ),
                    allow("iam", "ListGroups ListRoles ListUsers"),
                )
            ],
        ),
        "CloudWatchLogsFullAccess": (
            "/",
            "v3",
            [together(allow("logs", "*"), allow("cloudwatch", "GenerateQuery GenerateQueryResultsSummary"))],
        ),
        "AmazonSSMFullAccess": (
            "/",
            "v4",
            [
                together(
                    allow("cloudwatch", "PutMetricData"),
                    allow("ds", "CreateComputer DescribeDirectories"),
                    allow("ec2", "DescribeInstanceStatus"),
                    allow("logs", "*"),
                    allow("ssm", "*"),
                    allow("ec2messages", "*"),
                ),
                linked("ssm.amazonaws.com", _SSM_ROLE, "StringLike"),
                allow("iam", "DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus", _SSM_ROLE),
                _CHANNELS,
            ],
        ),
        "AmazonSSMManagedInstanceCore": (
            "/",
            "v2",
            [
                allow(
                    "ssm",
                    "DescribeAssociation GetDeployablePatchSnapshotForInstance GetDocument DescribeDocument "
                    "GetManifest GetParameter GetParameters ListAssociations ListInstanceAssociations PutInventory "
                    "PutComplianceItems PutConfigurePackageResult UpdateAssociationStatus "
                    "UpdateInstanceAssociationStatus UpdateInstanceInformation",
                ),
                _CHANNELS,
                allow("ec2messages", "AcknowledgeMessage DeleteMessage FailMessage GetEndpoint GetMessages SendReply"),
            ],
        ),
        "AWSCloudTrail_FullAccess": (
            "/",
            "v3",
            [
                allow(
                    "sns",
                    "AddPermission CreateTopic SetTopicAttributes GetTopicAttributes",
                    ["arn:aws:sns:*:*:aws-cloudtrail-logs*"],
                ),
                allow("sns", "ListTopics"),
                allow(
                    "s3",
                    "CreateBucket PutBucketPolicy PutBucketPublicAccessBlock",
                    ["arn:aws:s3:::aws-cloudtrail-logs*"],
                ),
                allow("s3", "ListAllMyBuckets GetBucketLocation GetBucketPolicy"),
                allow("cloudtrail", "*"),
                allow("logs", "CreateLogGroup", ["arn:aws:logs:*:*:log-group:aws-cloudtrail-logs*"]),
                allow("iam", "ListRoles GetRolePolicy GetUser"),
                allow("iam", "PassRole", StringEquals={"iam:PassedToService": "cloudtrail.amazonaws.com"}),
                allow("kms", "CreateKey CreateAlias ListKeys ListAliases"),
                allow("lambda", "ListFunctions"),
                allow("dynamodb", "ListGlobalTables ListTables"),
            ],
        ),
        "AmazonEventBridgeFullAccess": (
            "/",
            "v4",
            [
                together(*(allow(one, "*") for one in ("events", "schemas", "scheduler", "pipes"))),
                linked(
                    "apidestinations.events.amazonaws.com", _role("AmazonEventBridgeApiDestinationsServiceRolePolicy")
                ),
                linked("schemas.amazonaws.com", _role("schemas.amazonaws.com/AWSServiceRoleForSchemas")),
                allow(
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
            [together(allow("codeguru", "Get*"), allow("codeguru-reviewer", "List* Describe* Get*"))],
        ),
        "AmazonCodeGuruProfilerAgentAccess": (
            "/",
            "v3",
            [
                allow(
                    "codeguru-profiler",
                    "ConfigureAgent CreateProfilingGroup PostAgentProfile",
                    "arn:aws:codeguru-profiler:*:*:profilingGroup/*",
                )
            ],
        ),
    }
)
