"""The services whose models are enabled, and how a request names them without a model having to be loaded.

The tables are checked against the models by a test, so that routing costs no model.
"""

from __future__ import annotations

ENABLED: tuple[str, ...] = (
    "codecommit",
    "codepipeline",
    "codebuild",
    "codedeploy",
    "codeartifact",
    "codeguru-reviewer",
    "codeguruprofiler",
    "codeguru-security",
    "codestar-notifications",
    "codeconnections",
    "codestar-connections",
    "events",
    "iam",
    "sts",
    "cloudtrail",
    "kms",
    "s3",
    "sns",
    "sqs",
    "logs",
    "secretsmanager",
    "ssm",
    "cloudwatch",
    "scheduler",
    "organizations",
    "resourcegroupstaggingapi",
    "ecr",
    "lambda",
    "stepfunctions",
    "ecs",
    "elasticbeanstalk",
    "cloudformation",
    "devicefarm",
)

# X-Amz-Target and /service/<prefix>/operation/… : target prefix -> service id.
TARGETS: dict[str, str] = {
    "CodeCommit_20150413": "codecommit",
    "CodePipeline_20150709": "codepipeline",
    "CodeBuild_20161006": "codebuild",
    "CodeDeploy_20141006": "codedeploy",
    "com.amazonaws.codeconnections.CodeConnections_20231201": "codeconnections",
    "com.amazonaws.codestar.connections.CodeStar_connections_20191201": "codestar-connections",
    "AWSEvents": "events",
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": "cloudtrail",
    "TrentService": "kms",
    "AmazonSQS": "sqs",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSOrganizationsV20161128": "organizations",
    "ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AWSStepFunctions": "stepfunctions",
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "DeviceFarm_20150623": "devicefarm",
}

# Credential scope and first host label: signing name or endpoint prefix -> service id, where it is not the id itself.
SIGNING: dict[str, str] = {
    "codeguru-profiler": "codeguruprofiler",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "api.ecr": "ecr",
    "states": "stepfunctions",
}
