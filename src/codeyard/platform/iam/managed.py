"""AWS's own managed policies that the suite's users attach, by name, with what they grant.

Only grants that are known are written down here; a policy of AWS's that is not in this table does not exist in
Codeyard, rather than existing with made-up content.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from codeyard.platform.iam.managed_more import MORE
from codeyard.platform.iam.model import ManagedPolicy, arn
from codeyard.storage import dumps

_MADE = 1_423_180_800_000_000  # 2015-02-06T00:00:00Z: the date that most of AWS's own carry
Statement = dict[str, Any]


def _allow(actions: Iterable[str], resource: Any = "*", **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


_REPOSITORY_EVENTS = _allow(
    [
        "events:DeleteRule",
        "events:DescribeRule",
        "events:DisableRule",
        "events:EnableRule",
        "events:PutRule",
        "events:PutTargets",
        "events:RemoveTargets",
        "events:ListTargetsByRule",
    ],
    "arn:aws:events:*:*:rule/codecommit*",
)
_TOPICS = _allow(
    ["sns:CreateTopic", "sns:DeleteTopic", "sns:Subscribe", "sns:Unsubscribe", "sns:SetTopicAttributes"],
    "arn:aws:sns:*:*:codecommit*",
)
_LOOK_AT_TOPICS = _allow(["sns:ListTopics", "sns:ListSubscriptionsByTopic", "sns:GetTopicAttributes"])
_LOOK_AT_IAM = _allow(["iam:ListUsers"])
_OWN = "arn:aws:iam::*:user/${aws:username}"
_OWN_KEYS = _allow(
    [
        "iam:DeleteSSHPublicKey",
        "iam:GetSSHPublicKey",
        "iam:ListSSHPublicKeys",
        "iam:UpdateSSHPublicKey",
        "iam:UploadSSHPublicKey",
    ],
    _OWN,
)
_OWN_ACCESS_KEYS = _allow(["iam:ListAccessKeys"], _OWN)
_OWN_CREDENTIALS = _allow(
    [
        "iam:CreateServiceSpecificCredential",
        "iam:UpdateServiceSpecificCredential",
        "iam:DeleteServiceSpecificCredential",
        "iam:ResetServiceSpecificCredential",
        "iam:ListServiceSpecificCredentials",
    ],
    _OWN,
)
_COMMIT_READ = ["BatchGet*", "BatchDescribe*", "Describe*", "EvaluatePullRequestApprovalRules", "Get*", "List*"]
_COMMIT_POWER = [
    "AssociateApprovalRuleTemplateWithRepository",
    "BatchAssociateApprovalRuleTemplateWithRepositories",
    "BatchDisassociateApprovalRuleTemplateFromRepositories",
    "BatchGet*",
    "BatchDescribe*",
    "Create*",
    "DeleteBranch",
    "DeleteFile",
    "Describe*",
    "DisassociateApprovalRuleTemplateFromRepository",
    "EvaluatePullRequestApprovalRules",
    "Get*",
    "List*",
    "Merge*",
    "OverridePullRequestApprovalRules",
    "Put*",
    "Post*",
    "TagResource",
    "Test*",
    "UntagResource",
    "Update*",
    "GitPull",
    "GitPush",
]
_BUILD_READ = ["BatchGet*", "GetResourcePolicy", "List*", "DescribeTestCases", "DescribeCodeCoverages"]
_BUILD_LOGS = [
    _allow(["logs:GetLogEvents"], "arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*"),
    _allow(["events:DescribeRule", "events:ListTargetsByRule", "events:ListRuleNamesByTarget"]),
    _allow(["codecommit:GetBranch", "codecommit:GetCommit", "codecommit:GetRepository"]),
]
_DEPLOY_READ = ["Batch*", "Get*", "List*"]
_PIPELINE_READ = [
    "GetPipeline",
    "GetPipelineState",
    "GetPipelineExecution",
    "ListPipelineExecutions",
    "ListActionExecutions",
    "ListActionTypes",
    "ListPipelines",
    "ListTagsForResource",
]


def _of(service: str, names: Iterable[str]) -> list[str]:
    return [f"{service}:{name}" for name in names]


def _pass(*services: str) -> Statement:
    return _allow(["iam:PassRole"], "*", Condition={"StringEqualsIfExists": {"iam:PassedToService": list(services)}})


_PIPELINE_NEEDS = [
    _allow(["codepipeline:*"]),
    _allow(["cloudtrail:DescribeTrails", "codebuild:BatchGetProjects", "codebuild:ListProjects"]),
    _allow(["codecommit:GetBranch", "codecommit:ListBranches", "codecommit:ListRepositories"]),
    _allow(["codedeploy:GetApplication", "codedeploy:GetDeploymentGroup"]),
    _allow(["codedeploy:ListApplications", "codedeploy:ListDeploymentGroups"]),
    _allow(["events:ListRules", "events:ListTargetsByRule", "iam:ListRoles", "iam:GetRole", "sns:ListTopics"]),
    _allow(["s3:ListAllMyBuckets", "s3:GetBucketLocation", "s3:ListBucket", "s3:GetBucketPolicy"]),
    _allow(["s3:GetBucketVersioning", "s3:GetObjectVersion", "s3:GetObject", "s3:CreateBucket", "s3:PutBucketPolicy"],
           "arn:aws:s3::*:codepipeline-*"),
    _pass("codepipeline.amazonaws.com", "events.amazonaws.com"),
    _allow(["events:PutRule", "events:PutTargets", "events:DeleteRule", "events:DisableRule", "events:RemoveTargets"],
           "arn:aws:events:*:*:rule/codepipeline-*"),
]  # fmt: skip

_TABLE: Mapping[str, tuple[str, list[Statement]]] = MappingProxyType(
    {
        "AdministratorAccess": ("/", [_allow(["*"])]),
        "PowerUserAccess": (
            "/",
            [
                {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
                _allow(
                    [
                        "iam:CreateServiceLinkedRole",
                        "iam:DeleteServiceLinkedRole",
                        "iam:ListRoles",
                        "organizations:DescribeOrganization",
                        "organizations:DescribeEffectivePolicy",
                        "account:ListRegions",
                        "account:GetAccountInformation",
                        "account:GetGovCloudAccountInformation",
                        "account:GetPrimaryEmail",
                    ]
                ),
            ],
        ),
        "IAMFullAccess": (
            "/",
            [
                _allow(
                    [
                        "iam:*",
                        "organizations:DescribeAccount",
                        "organizations:DescribeOrganization",
                        "organizations:DescribeOrganizationalUnit",
                        "organizations:DescribePolicy",
                        "organizations:ListChildren",
                        "organizations:ListParents",
                        "organizations:ListPoliciesForTarget",
                        "organizations:ListRoots",
                        "organizations:ListPolicies",
                        "organizations:ListTargetsForPolicy",
                    ]
                )
            ],
        ),
        "IAMReadOnlyAccess": (
            "/",
            [
                _allow(
                    [
                        "iam:GenerateCredentialReport",
                        "iam:GenerateServiceLastAccessedDetails",
                        "iam:Get*",
                        "iam:List*",
                        "iam:SimulateCustomPolicy",
                        "iam:SimulatePrincipalPolicy",
                    ]
                )
            ],
        ),
        "IAMUserChangePassword": (
            "/",
            [
                _allow(["iam:ChangePassword"], [_OWN]),
                _allow(["iam:GetAccountPasswordPolicy"]),
            ],
        ),
        "IAMUserSSHKeys": ("/", [_OWN_KEYS]),
        "IAMSelfManageServiceSpecificCredentials": ("/", [_OWN_CREDENTIALS]),
        "AWSCodeCommitFullAccess": (
            "/",
            [
                _allow(["codecommit:*"]),
                _REPOSITORY_EVENTS,
                _TOPICS,
                _LOOK_AT_TOPICS,
                _LOOK_AT_IAM,
                _OWN_ACCESS_KEYS,
                _OWN_KEYS,
                _OWN_CREDENTIALS,
            ],
        ),
        "AWSCodeCommitPowerUser": (
            "/",
            [
                _allow(_of("codecommit", _COMMIT_POWER)),
                _REPOSITORY_EVENTS,
                _TOPICS,
                _LOOK_AT_TOPICS,
                _LOOK_AT_IAM,
                _OWN_ACCESS_KEYS,
                _OWN_KEYS,
                _OWN_CREDENTIALS,
            ],
        ),
        "AWSCodeCommitReadOnly": (
            "/",
            [
                _allow(_of("codecommit", [*_COMMIT_READ, "GitPull"])),
                _allow(
                    ["events:DescribeRule", "events:ListTargetsByRule"],
                    "arn:aws:events:*:*:rule/codecommit*",
                ),
                _LOOK_AT_TOPICS,
                _LOOK_AT_IAM,
                _OWN_ACCESS_KEYS,
                _allow(["iam:ListSSHPublicKeys", "iam:ListServiceSpecificCredentials", "iam:GetSSHPublicKey"], _OWN),
            ],
        ),
        "AWSCodePipeline_FullAccess": ("/", _PIPELINE_NEEDS),
        "AWSCodePipeline_ReadOnlyAccess": (
            "/",
            [
                _allow(_of("codepipeline", _PIPELINE_READ)),
                _allow(["s3:ListBucket", "s3:GetBucketPolicy"], "arn:aws:s3::*:codepipeline-*"),
            ],
        ),
        "AWSCodePipelineApproverAccess": (
            "/",
            [
                _allow(
                    [
                        "codepipeline:GetPipeline",
                        "codepipeline:GetPipelineState",
                        "codepipeline:GetPipelineExecution",
                        "codepipeline:ListPipelineExecutions",
                        "codepipeline:ListPipelines",
                        "codepipeline:PutApprovalResult",
                    ]
                )
            ],
        ),
        "AWSCodePipelineCustomActionAccess": (
            "/",
            [
                _allow(
                    [
                        "codepipeline:AcknowledgeJob",
                        "codepipeline:GetJobDetails",
                        "codepipeline:PollForJobs",
                        "codepipeline:PutJobFailureResult",
                        "codepipeline:PutJobSuccessResult",
                    ]
                )
            ],
        ),
        "AWSCodeBuildAdminAccess": (
            "/",
            [
                _allow(["codebuild:*", "codecommit:GetBranch", "codecommit:GetCommit", "codecommit:GetRepository"]),
                _allow(["codecommit:ListBranches", "codecommit:ListRepositories", "cloudwatch:GetMetricStatistics"]),
                _allow(["ecr:DescribeRepositories", "ecr:ListImages", "events:DeleteRule", "events:DescribeRule"]),
                _allow(["events:DisableRule", "events:EnableRule", "events:ListTargetsByRule"]),
                _allow(["events:ListRuleNamesByTarget", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]),
                _allow(["logs:GetLogEvents", "s3:GetBucketLocation", "s3:ListAllMyBuckets"]),
                _allow(["logs:DeleteLogGroup"], "arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*"),
                _allow(["ssm:PutParameter"], "arn:aws:ssm:*:*:parameter/CodeBuild/*"),
            ],
        ),
        "AWSCodeBuildDeveloperAccess": (
            "/",
            [
                _allow(
                    _of("codebuild", [*_BUILD_READ, "StartBuild", "StopBuild", "StartBuildBatch", "StopBuildBatch"])
                    + _of("codebuild", ["RetryBuild", "RetryBuildBatch"])
                ),
                *_BUILD_LOGS,
                _allow(["codecommit:ListBranches", "s3:GetBucketLocation", "s3:ListAllMyBuckets"]),
                _allow(["ssm:PutParameter"], "arn:aws:ssm:*:*:parameter/CodeBuild/*"),
            ],
        ),
        "AWSCodeBuildReadOnlyAccess": ("/", [_allow(_of("codebuild", _BUILD_READ)), *_BUILD_LOGS]),
        "AWSCodeDeployFullAccess": ("/", [_allow(["codedeploy:*"])]),
        "AWSCodeDeployDeployerAccess": (
            "/",
            [_allow(_of("codedeploy", ["Batch*", "CreateDeployment", "Get*", "List*", "RegisterApplicationRevision"]))],
        ),
        "AWSCodeDeployReadOnlyAccess": ("/", [_allow(_of("codedeploy", _DEPLOY_READ))]),
        "AmazonS3FullAccess": ("/", [_allow(["s3:*", "s3-object-lambda:*"])]),
        "AmazonS3ReadOnlyAccess": (
            "/",
            [_allow(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"])],
        ),
        "AmazonSNSFullAccess": ("/", [_allow(["sns:*"])]),
        "AmazonSNSReadOnlyAccess": ("/", [_allow(["sns:GetTopicAttributes", "sns:List*"])]),
        "AmazonEventBridgeReadOnlyAccess": (
            "/",
            [_allow(["events:Describe*", "events:List*", "events:TestEventPattern"])],
        ),
        "CloudWatchLogsReadOnlyAccess": (
            "/",
            [
                _allow(["logs:Describe*", "logs:Get*", "logs:List*", "logs:StartQuery", "logs:StopQuery"]),
                _allow(["logs:TestMetricFilter", "logs:FilterLogEvents", "logs:StartLiveTail", "logs:StopLiveTail"]),
            ],
        ),
        "AmazonSSMReadOnlyAccess": ("/", [_allow(["ssm:Describe*", "ssm:Get*", "ssm:List*"])]),
        "AWSCloudTrail_ReadOnlyAccess": (
            "/",
            [_allow(["cloudtrail:Get*", "cloudtrail:Describe*", "cloudtrail:List*", "cloudtrail:LookupEvents"])],
        ),
    }
)


class AwsManaged:
    """AWS's managed policies by ARN."""

    def __init__(self) -> None:
        table = {**_TABLE, **{name: (path, list(told)) for name, (path, _, told) in MORE.items()}}
        made = [self._policy(name, path) for name, (path, _) in sorted(table.items())]
        self.policies: Mapping[str, ManagedPolicy] = {policy.arn: policy for policy in made}
        self._documents = {
            policy.arn: dumps({"Version": "2012-10-17", "Statement": table[policy.name][1]}) for policy in made
        }

    def document(self, policy_arn: str) -> str | None:
        """The document of an AWS managed policy, None when it is not one."""
        return self._documents.get(policy_arn)

    @staticmethod
    def _policy(name: str, path: str) -> ManagedPolicy:
        unique = "ANPA" + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
        return ManagedPolicy(unique, "aws", name, path, arn("policy", "aws", path, name), "", 1, _MADE, _MADE)
