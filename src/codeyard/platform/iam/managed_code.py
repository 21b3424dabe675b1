"""AWS's managed policies for those who use the Code services, each with the version that was published.

The texts are AWS's: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/NAME.html, checked against the
GetPolicyVersion answers that the archive github.com/zoph-io/MAMIP keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from codeyard.platform.iam.managed_more import Statement, allow, linked, together

_OWN = "arn:aws:iam::*:user/${aws:username}"
_RULES = "arn:aws:events:*:*:rule/codecommit*"
_REVIEWER = "codeguru-reviewer.amazonaws.com"
_REVIEWS = (
    "AssociateRepository DescribeRepositoryAssociation ListRepositoryAssociations DisassociateRepository "
    "DescribeCodeReview ListCodeReviews"
)
_CONNECTIONS = "arn:aws:codestar-connections:*:*:connection/*"
_BOTH_CONNECTIONS = [_CONNECTIONS, "arn:aws:codeconnections:*:*:connection/*"]
_LOOK_AT_CONNECTION = "ListConnections GetConnection"
_LISTS = "ListNotificationRules ListTargets ListTagsforResource ListEventTypes"
_READ_LISTS = "ListNotificationRules ListEventTypes ListTargets"
_RULE_NAMES = "CreateNotificationRule DescribeNotificationRule UpdateNotificationRule"


def _notify(names: str, resource: str, operator: str = "StringLike") -> Statement:
    key = {"codestar-notifications:NotificationsForResource": resource}
    return allow("codestar-notifications", names, **{operator: key})


def _own_rules(resource: str, operator: str = "StringLike", *, delete: bool = False) -> Statement:
    gone = " DeleteNotificationRule" if delete else ""
    return _notify(f"{_RULE_NAMES}{gone} Subscribe Unsubscribe", resource, operator)


_SEE_RULES = allow("codestar-notifications", _LISTS)
_READ_RULES = allow("codestar-notifications", _READ_LISTS)
_MAKE_TOPICS = allow("sns", "CreateTopic SetTopicAttributes", "arn:aws:sns:*:*:codestar-notifications*")
_CHATS = allow("chatbot", "DescribeSlackChannelConfigurations ListMicrosoftTeamsChannelConfigurations")
_SLACK = allow("chatbot", "DescribeSlackChannelConfigurations")
_LOOK_AT_TOPICS = allow("sns", "ListTopics ListSubscriptionsByTopic GetTopicAttributes")
_FUNCTIONS = allow("lambda", "ListFunctions")
_USERS = allow("iam", "ListUsers")
_COMMIT_EVENTS = allow(
    "events",
    "DeleteRule DescribeRule DisableRule EnableRule PutRule PutTargets RemoveTargets ListTargetsByRule",
    _RULES,
)
_OWN_LISTS = allow("iam", "ListAccessKeys ListSSHPublicKeys ListServiceSpecificCredentials", _OWN)
_OWN_KEYS = allow(
    "iam", "DeleteSSHPublicKey GetSSHPublicKey ListSSHPublicKeys UpdateSSHPublicKey UploadSSHPublicKey", _OWN
)
_CREDENTIALS = "CreateServiceSpecificCredential UpdateServiceSpecificCredential DeleteServiceSpecificCredential"
_OWN_CREDENTIALS = allow("iam", f"{_CREDENTIALS} ResetServiceSpecificCredential", _OWN)
_REVIEWING = [
    allow("codeguru-reviewer", _REVIEWS),
    linked(
        _REVIEWER,
        f"arn:aws:iam::*:role/aws-service-role/{_REVIEWER}/AWSServiceRoleForAmazonCodeGuruReviewer",
        "StringLike",
    ),
    allow("events", "PutRule PutTargets DeleteRule RemoveTargets", StringEquals={"events:ManagedBy": _REVIEWER}),
]
_SEE_CONNECTIONS = allow("codestar-connections", _LOOK_AT_CONNECTION, _CONNECTIONS)
_BUILD_CONNECTIONS = allow("codestar-connections", _LOOK_AT_CONNECTION, _BOTH_CONNECTIONS)
_COMMIT_POWER = (
    "AssociateApprovalRuleTemplateWithRepository BatchAssociateApprovalRuleTemplateWithRepositories "
    "BatchDisassociateApprovalRuleTemplateFromRepositories BatchGet* BatchDescribe* Create* DeleteBranch DeleteFile "
    "Describe* DisassociateApprovalRuleTemplateFromRepository EvaluatePullRequestApprovalRules Get* List* Merge* "
    "OverridePullRequestApprovalRules Put* Post* TagResource Test* UntagResource Update* GitPull GitPush"
)
_COMMIT_READ = "BatchGet* BatchDescribe* Describe* EvaluatePullRequestApprovalRules Get* List* GitPull"
_AUTHORING = together(
    allow("codepipeline", "*"),
    allow("cloudformation", "DescribeStacks ListStacks ListChangeSets"),
    allow("cloudtrail", "DescribeTrails"),
    allow("codebuild", "BatchGetProjects CreateProject ListCuratedEnvironmentImages ListProjects"),
    allow("codecommit", "ListBranches GetReferences ListRepositories"),
    allow("codedeploy", "BatchGetDeploymentGroups ListApplications ListDeploymentGroups"),
    allow("ec2", "DescribeSecurityGroups DescribeSubnets DescribeVpcs"),
    allow("ecr", "DescribeRepositories ListImages"),
    allow("ecs", "ListClusters ListServices"),
    allow("elasticbeanstalk", "DescribeApplications DescribeEnvironments"),
    allow("iam", "ListRoles GetRole"),
    _FUNCTIONS,
    allow("events", "ListRules ListTargetsByRule DescribeRule"),
    allow("opsworks", "DescribeApps DescribeLayers DescribeStacks"),
    allow("s3", "ListAllMyBuckets"),
    allow("sns", "ListTopics"),
    _SEE_RULES,
    allow("states", "ListStateMachines"),
)
_ARTIFACTS = "arn:aws:s3::*:codepipeline-*"
_PASSED = "iam:PassedToService"
_BUILD_READ = "BatchGet* GetResourcePolicy List* DescribeTestCases DescribeCodeCoverages"
_BUILD_RUN = "StartBuild StopBuild StartBuildBatch StopBuildBatch RetryBuild RetryBuildBatch"
_SEE_BUILD_RULES = allow("events", "DescribeRule ListTargetsByRule ListRuleNamesByTarget")
_METRICS, _LOG = allow("cloudwatch", "GetMetricStatistics"), allow("logs", "GetLogEvents")
_BUCKETS = allow("s3", "GetBucketLocation ListAllMyBuckets")
_BUILD_PARAMETERS = allow("ssm", "PutParameter", "arn:aws:ssm:*:*:parameter/CodeBuild/*")
_BUILD_SESSIONS = allow("ssm", "StartSession", "arn:aws:ecs:*:*:task/*/*")
_BUILD_TOPICS = allow("sns", "ListTopics GetTopicAttributes")

# By name: (path, published version, statements).
CODE: Mapping[str, tuple[str, str, Iterable[dict[str, Any]]]] = MappingProxyType(
    {
        "AWSCodeCommitFullAccess": (
            "/",
            "v10",
            [
                allow("codecommit", "*"),
                _COMMIT_EVENTS,
                allow(
                    "sns",
                    "CreateTopic DeleteTopic Subscribe Unsubscribe SetTopicAttributes",
                    "arn:aws:sns:*:*:codecommit*",
                ),
                *(_LOOK_AT_TOPICS, _FUNCTIONS, _USERS, _OWN_LISTS, _OWN_KEYS, _OWN_CREDENTIALS),
                _own_rules("arn:aws:codecommit:*", delete=True),
                *(_SEE_RULES, _MAKE_TOPICS, *_REVIEWING, _CHATS, _SEE_CONNECTIONS),
            ],
        ),
        "AWSCodeCommitPowerUser": (
            "/",
            "v17",
            [
                allow("codecommit", _COMMIT_POWER),
                _COMMIT_EVENTS,
                allow("sns", "Subscribe Unsubscribe", "arn:aws:sns:*:*:codecommit*"),
                *(_LOOK_AT_TOPICS, _FUNCTIONS, _USERS, _OWN_LISTS, _OWN_KEYS, _OWN_CREDENTIALS),
                _own_rules("arn:aws:codecommit:*:*:*", "ArnLike"),
                *(_SEE_RULES, *_REVIEWING, _CHATS, _SEE_CONNECTIONS),
            ],
        ),
        "AWSCodeCommitReadOnly": (
            "/",
            "v11",
            [
                allow("codecommit", _COMMIT_READ),
                allow("events", "DescribeRule ListTargetsByRule", _RULES),
                *(_LOOK_AT_TOPICS, _FUNCTIONS, _USERS),
                allow(
                    "iam",
                    "ListSSHPublicKeys ListServiceSpecificCredentials ListAccessKeys GetSSHPublicKey",
                    _OWN,
                ),
                _SEE_CONNECTIONS,
                _notify("DescribeNotificationRule", "arn:aws:codecommit:*"),
                _READ_RULES,
                allow(
                    "codeguru-reviewer",
                    "DescribeRepositoryAssociation ListRepositoryAssociations DescribeCodeReview ListCodeReviews",
                ),
            ],
        ),
        "AWSCodePipeline_FullAccess": (
            "/",
            "v3",
            [
                _AUTHORING,
                allow(
                    "s3",
                    "GetObject ListBucket GetBucketPolicy GetBucketVersioning GetObjectVersion CreateBucket "
                    "PutBucketPolicy",
                    _ARTIFACTS,
                ),
                allow(
                    "cloudtrail",
                    "PutEventSelectors CreateTrail GetEventSelectors StartLogging",
                    "arn:aws:cloudtrail:*:*:trail/codepipeline-source-trail",
                ),
                allow(
                    "iam",
                    "PassRole",
                    ["arn:aws:iam::*:role/service-role/cwe-role-*"],
                    StringEquals={_PASSED: ["events.amazonaws.com"]},
                ),
                allow("iam", "PassRole", StringEquals={_PASSED: ["codepipeline.amazonaws.com"]}),
                allow(
                    "events",
                    "PutRule PutTargets DeleteRule DisableRule RemoveTargets",
                    ["arn:aws:events:*:*:rule/codepipeline-*"],
                ),
                _own_rules("arn:aws:codepipeline:*", delete=True),
                *(_MAKE_TOPICS, _CHATS),
            ],
        ),
        "AWSCodePipeline_ReadOnlyAccess": (
            "/",
            "v1",
            [
                together(
                    allow(
                        "codepipeline",
                        "GetPipeline GetPipelineState GetPipelineExecution ListPipelineExecutions "
                        "ListActionExecutions ListActionTypes ListPipelines ListTagsForResource",
                    ),
                    allow("s3", "ListAllMyBuckets"),
                    _READ_RULES,
                ),
                allow("s3", "GetObject ListBucket GetBucketPolicy", _ARTIFACTS),
                _notify("DescribeNotificationRule", "arn:aws:codepipeline:*"),
            ],
        ),
        "AWSCodePipelineApproverAccess": (
            "/",
            "v3",
            [
                allow(
                    "codepipeline",
                    "GetPipeline GetPipelineState GetPipelineExecution ListPipelineExecutions ListPipelines "
                    "PutApprovalResult",
                )
            ],
        ),
        "AWSCodePipelineCustomActionAccess": (
            "/",
            "v1",
            [
                allow(
                    "codepipeline",
                    "AcknowledgeJob GetJobDetails PollForJobs PutJobFailureResult PutJobSuccessResult",
                )
            ],
        ),
        "AWSCodeBuildAdminAccess": (
            "/",
            "v14",
            [
                together(
                    allow("codebuild", "*"),
                    allow("codecommit", "GetBranch GetCommit GetRepository ListBranches ListRepositories"),
                    _METRICS,
                    allow("ec2", "DescribeVpcs DescribeSecurityGroups DescribeSubnets"),
                    allow("ecr", "DescribeRepositories ListImages"),
                    allow("elasticfilesystem", "DescribeFileSystems"),
                    allow(
                        "events",
                        "DeleteRule DescribeRule DisableRule EnableRule ListTargetsByRule ListRuleNamesByTarget "
                        "PutRule PutTargets RemoveTargets",
                    ),
                    _LOG,
                    _BUCKETS,
                ),
                allow("logs", "DeleteLogGroup", "arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*"),
                *(_BUILD_PARAMETERS, _BUILD_SESSIONS),
                allow(
                    "codestar-connections",
                    "CreateConnection DeleteConnection UpdateConnectionInstallation TagResource UntagResource "
                    "ListConnections ListInstallationTargets ListTagsForResource GetConnection "
                    "GetIndividualAccessToken GetInstallationUrl PassConnection StartOAuthHandshake UseConnection",
                    _BOTH_CONNECTIONS,
                ),
                _own_rules("arn:aws:codebuild:*", delete=True),
                *(_SEE_RULES, _MAKE_TOPICS, _BUILD_TOPICS, _CHATS),
            ],
        ),
        "AWSCodeBuildDeveloperAccess": (
            "/",
            "v15",
            [
                together(
                    allow("codebuild", f"{_BUILD_RUN} {_BUILD_READ}"),
                    allow("codecommit", "GetBranch GetCommit GetRepository ListBranches"),
                    *(_METRICS, _SEE_BUILD_RULES, _LOG, _BUCKETS),
                ),
                *(_BUILD_PARAMETERS, _BUILD_SESSIONS, _BUILD_CONNECTIONS),
                _own_rules("arn:aws:codebuild:*"),
                *(_SEE_RULES, _BUILD_TOPICS, _CHATS),
            ],
        ),
        "AWSCodeBuildReadOnlyAccess": (
            "/",
            "v12",
            [
                together(
                    allow("codebuild", _BUILD_READ),
                    allow("codecommit", "GetBranch GetCommit GetRepository"),
                    *(_METRICS, _SEE_BUILD_RULES, _LOG),
                ),
                _BUILD_CONNECTIONS,
                _notify("DescribeNotificationRule", "arn:aws:codebuild:*"),
                _READ_RULES,
            ],
        ),
        "AWSCodeDeployFullAccess": (
            "/",
            "v3",
            [
                allow("codedeploy", "*"),
                _own_rules("arn:aws:codedeploy:*", delete=True),
                *(_SEE_RULES, _MAKE_TOPICS, _SLACK, allow("sns", "ListTopics")),
            ],
        ),
        "AWSCodeDeployDeployerAccess": (
            "/",
            "v3",
            [
                allow("codedeploy", "Batch* CreateDeployment Get* List* RegisterApplicationRevision"),
                _own_rules("arn:aws:codedeploy:*"),
                *(_SEE_RULES, _SLACK, allow("sns", "ListTopics")),
            ],
        ),
        "AWSCodeDeployReadOnlyAccess": (
            "/",
            "v5",
            [
                allow("codedeploy", "Batch* Get* List*"),
                _notify("DescribeNotificationRule", "arn:aws:codedeploy:*:*:application:*", "ArnLike"),
                _READ_RULES,
            ],
        ),
    }
)
