"""The action types that Codeyard can run, in the form that ListActionTypes shows. Any other type is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Property:
    """One configuration key of an action type."""

    name: str
    description: str
    required: bool = False
    secret: bool = False
    key: bool = True
    queryable: bool = False
    type: str = "String"


@dataclass(frozen=True, slots=True)
class ActionType:
    """One action type: what it takes and gives, and how long it may run (microseconds)."""

    category: str
    provider: str
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    properties: tuple[Property, ...]
    timeout: int
    variables: tuple[str, ...] | None = ()
    owner: str = "AWS"
    version: str = "1"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """category, owner, provider, version."""
        return (self.category, self.owner, self.provider, self.version)

    @property
    def queryable(self) -> Property | None:
        """The property that job workers may ask for jobs by, if there is one."""
        return next((p for p in self.properties if p.queryable), None)

    def shape(self) -> dict[str, Any]:
        """The ActionType shape of the API."""
        category, owner, provider, version = self.key
        return {
            "id": {"category": category, "owner": owner, "provider": provider, "version": version},
            **({"settings": dict(self.settings)} if self.settings else {}),
            "actionConfigurationProperties": [_property(p) for p in self.properties],
            "inputArtifactDetails": {"minimumCount": self.inputs[0], "maximumCount": self.inputs[1]},
            "outputArtifactDetails": {"minimumCount": self.outputs[0], "maximumCount": self.outputs[1]},
        }


def _property(p: Property) -> dict[str, Any]:
    return {
        "name": p.name,
        "required": p.required,
        "key": p.key,
        "secret": p.secret,
        "queryable": p.queryable,
        "description": p.description,
        "type": p.type,
    }


_POLL = Property("PollForSourceChanges", "Whether a change of the source starts the pipeline without a rule")

_CODECOMMIT = ActionType(
    "Source",
    "CodeCommit",
    (0, 0),
    (1, 1),
    (
        Property("RepositoryName", "The repository to take the source from", required=True),
        Property("BranchName", "The branch whose head is taken", required=True),
        _POLL,
        Property("OutputArtifactFormat", "CODE_ZIP: the source as a zip archive"),
    ),
    HOUR,
    ("RepositoryName", "BranchName", "CommitId", "CommitMessage", "AuthorDate", "CommitterDate"),
)
_S3_SOURCE = ActionType(
    "Source",
    "S3",
    (0, 0),
    (1, 1),
    (
        Property("S3Bucket", "The versioned bucket to take the source from", required=True),
        Property("S3ObjectKey", "The key of the zip archive", required=True),
        _POLL,
        Property("AllowOverrideForS3ObjectKey", "Whether a start of the pipeline may name another key"),
    ),
    HOUR,
    ("VersionId", "ETag", "BucketName", "ObjectKey"),
)
_CODEBUILD = (
    Property("ProjectName", "The build project to run", required=True),
    Property("PrimarySource", "The input artifact that holds the buildspec, where there are several"),
    Property("EnvironmentVariables", "A JSON list of name, value and type for the build's environment"),
)
_CODEDEPLOY = ActionType(
    "Deploy",
    "CodeDeploy",
    (1, 1),
    (0, 0),
    (
        Property("ApplicationName", "The application to deploy", required=True),
        Property("DeploymentGroupName", "The deployment group to deploy to", required=True),
    ),
    5 * DAY,
)
_S3_DEPLOY = ActionType(
    "Deploy",
    "S3",
    (1, 1),
    (0, 0),
    (
        Property("BucketName", "The bucket to deploy to", required=True),
        Property("Extract", "Whether the artifact is unpacked before it is deployed", required=True),
        Property("ObjectKey", "The key to deploy to, or the folder when it is unpacked"),
        Property("CannedACL", "The canned ACL of the deployed objects"),
        Property("CacheControl", "The Cache-Control header of the deployed objects"),
        Property("KMSEncryptionKeyARN", "The KMS key that the deployed objects are encrypted under"),
    ),
    90 * MINUTE,
)
_MANUAL = ActionType(
    "Approval",
    "Manual",
    (0, 0),
    (0, 0),
    (
        Property("NotificationArn", "The SNS topic that is told of the pending approval"),
        Property("CustomData", "Words for the approver"),
        Property("ExternalEntityLink", "What the approver should look at"),
    ),
    7 * DAY,
)

ACTION_TYPES: Mapping[tuple[str, str, str, str], ActionType] = {
    t.key: t
    for t in (
        _CODECOMMIT,
        _S3_SOURCE,
        ActionType("Build", "CodeBuild", (1, 5), (0, 5), _CODEBUILD, 36 * HOUR, None),
        ActionType("Test", "CodeBuild", (1, 5), (0, 5), _CODEBUILD, 36 * HOUR, None),
        _CODEDEPLOY,
        _S3_DEPLOY,
        _MANUAL,
    )
}

# What AWS has and Codeyard has not built: (provider) of AWS-owned types, so that the refusal can say so.
UNBUILT_PROVIDERS = frozenset(
    {
        "ECR",
        "CodeStarSourceConnection",
        "Commands",
        "ECRBuildAndPublish",
        "DeviceFarm",
        "CodeDeployToECS",
        "ECS",
        "ElasticBeanstalk",
        "CloudFormation",
        "CloudFormationStackSet",
        "CloudFormationStackInstances",
        "EC2",
        "EKS",
        "Lambda",
        "AppConfig",
        "ServiceCatalog",
        "OpsWorks",
        "StepFunctions",
        "CodePipeline",
        "InspectorScan",
        "GitHub",
    }
)


Kinds = Callable[[Mapping[str, str]], ActionType | None]  # an actionTypeId's type; None where there is none


def find(kind: Mapping[str, str]) -> ActionType | None:
    """The built type behind an actionTypeId, or None."""
    return ACTION_TYPES.get((kind["category"], kind["owner"], kind["provider"], kind["version"]))
