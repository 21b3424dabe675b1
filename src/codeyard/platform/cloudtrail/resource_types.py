"""The CloudFormation type of what an ARN names, by which the trail can be searched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

# Service of the ARN -> (beginning of its last part, type); the first that fits counts.
_TYPES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "codecommit": (("", "AWS::CodeCommit::Repository"),),
        "codepipeline": (("webhook:", "AWS::CodePipeline::Webhook"), ("", "AWS::CodePipeline::Pipeline")),
        "codebuild": (("project/", "AWS::CodeBuild::Project"), ("report-group/", "AWS::CodeBuild::ReportGroup")),
        "codedeploy": (
            ("application:", "AWS::CodeDeploy::Application"),
            ("deploymentgroup:", "AWS::CodeDeploy::DeploymentGroup"),
            ("deploymentconfig:", "AWS::CodeDeploy::DeploymentConfig"),
        ),
        "iam": (
            ("user/", "AWS::IAM::User"),
            ("role/", "AWS::IAM::Role"),
            ("group/", "AWS::IAM::Group"),
            ("policy/", "AWS::IAM::ManagedPolicy"),
        ),
        "kms": (("key/", "AWS::KMS::Key"), ("alias/", "AWS::KMS::Alias")),
        "events": (("rule/", "AWS::Events::Rule"), ("event-bus/", "AWS::Events::EventBus")),
        "logs": (("log-group:", "AWS::Logs::LogGroup"),),
        "sns": (("", "AWS::SNS::Topic"),),
        "ssm": (("parameter/", "AWS::SSM::Parameter"),),
        "secretsmanager": (("secret:", "AWS::SecretsManager::Secret"),),
        "cloudtrail": (("trail/", "AWS::CloudTrail::Trail"),),
    }
)


@lru_cache(maxsize=4096)
def resource_type(arn: str) -> str:
    """The type of the resource, or an empty string where none is known."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return ""
    service, last = parts[2], parts[5]
    if service == "s3":
        return "AWS::S3::Object" if "/" in last else "AWS::S3::Bucket"
    for beginning, kind in _TYPES.get(service, ()):
        if last.startswith(beginning):
            return kind
    return ""
