"""The gateway's tables: what needs no permission, is a read, is no management event, waits long, or is cheap."""

from __future__ import annotations

import re

# Operations that a caller may always make. Each with its source in AWS's documentation.
NEEDS_NO_PERMISSION: dict[tuple[str, str], str] = {
    (
        "sts",
        "GetCallerIdentity",
    ): "STS API reference: no permissions are required, an explicit deny has no effect",
    ("sts", "GetSessionToken"): "IAM user guide: no policy can grant or restrict getting a session token",
    (
        "codepipeline",
        "StartPipelineExecutionFromWebhook",
    ): "CodePipeline API reference, PutWebhook: what passes its authentication and filters starts the pipeline",
    ("sts", "GetAccessKeyInfo"): "STS API reference: answers only the account id that the key itself encodes",
}

# Operations on many things at once that judge each for itself, by `Context.refusal`, and answer for each.
JUDGES_ITSELF: dict[tuple[str, str], str] = {
    ("s3", "DeleteObjects"): "S3 API reference: the answer names each key that was refused",
}

# Operations that nobody signs: the token that they carry says who calls, and its proof is theirs to fail by.
BEARS_TOKEN: dict[tuple[str, str], str] = {
    (
        "sts",
        "AssumeRoleWithWebIdentity",
    ): "STS API reference: calling it requires no AWS credentials, the web identity token proves the caller",
}

_READ = re.compile(
    r"(Get|List|Describe|BatchGet|BatchDescribe|Head|Lookup|Filter|Test|Simulate|Evaluate|Select|Search|"
    r"StartQuery|StopQuery|Poll|Claim)"
)
# Reads by name that change something, or the other way round.
_NOT_READ = {("iam", "GenerateCredentialReport")}
_ALSO_READ = {
    ("sts", "DecodeAuthorizationMessage"),
    ("codecommit", "GitPull"),
    ("codecommit", "UploadArchive"),
    *(("kms", name) for name in ("Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify", "GenerateMac", "VerifyMac")),
    *(("kms", name) for name in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair")),
    *(("kms", name) for name in ("GenerateDataKeyPairWithoutPlaintext", "GenerateRandom", "DeriveSharedSecret")),
    *(("kms", name) for name in ("Encapsulate", "Decapsulate")),
}

# High-volume data operations: CloudTrail's user guide lists them as data events, or does not log them at all.
DATA_EVENTS: dict[str, frozenset[str]] = {
    "s3": frozenset(
        {
            "GetObject",
            "HeadObject",
            "PutObject",
            "DeleteObject",
            "DeleteObjects",
            "CopyObject",
            "CreateMultipartUpload",
            "UploadPart",
            "UploadPartCopy",
            "CompleteMultipartUpload",
            "AbortMultipartUpload",
            "ListParts",
            "GetObjectAttributes",
            "GetObjectTagging",
            "PutObjectTagging",
            "DeleteObjectTagging",
            "GetObjectAcl",
            "PutObjectAcl",
            "ListObjects",
            "ListObjectsV2",
            "ListObjectVersions",
            "ListMultipartUploads",
        }
    ),
    "logs": frozenset({"PutLogEvents", "GetLogEvents", "FilterLogEvents", "StartLiveTail"}),
    "sns": frozenset({"Publish", "PublishBatch", "PublishOnce"}),
    "events": frozenset({"PutEvents"}),
    "codedeploy-commands": frozenset({"PollHostCommand", "PostHostCommandUpdate", "GetDeploymentSpecification"}),
    "codeyard-runner": frozenset({"ClaimJob", "Heartbeat", "PutLogs"}),
    "codepipeline": frozenset({"PollForJobs", "PollForThirdPartyJobs"}),
}

# Operations that wait for work to come: they have threads of their own, so that no read stands behind them.
LONG_POLLS: frozenset[tuple[str, str]] = frozenset(
    {
        ("codeyard-runner", "ClaimJob"),
        ("codeyard-runner", "Heartbeat"),
        ("codedeploy-commands", "PollHostCommand"),
        ("codepipeline", "PollForJobs"),
        ("codepipeline", "PollForThirdPartyJobs"),
    }
)

# Reads and writes of a few rows, without a git object, a blob, a file or another service: run on the event loop's
# thread, which costs less than handing them to another.
CHEAP: frozenset[tuple[str, str]] = frozenset(
    {
        ("sts", "GetCallerIdentity"),
        ("codecommit", "GetRepository"),
        ("codecommit", "BatchGetRepositories"),
        ("codebuild", "BatchGetProjects"),
        ("codepipeline", "GetPipeline"),
        ("codedeploy", "GetApplication"),
        ("codedeploy", "GetDeploymentGroup"),
        ("codedeploy", "GetDeployment"),
        ("events", "DescribeRule"),
        ("sns", "GetTopicAttributes"),
        ("ssm", "GetParameter"),
        ("iam", "GetUser"),
        ("iam", "GetRole"),
        ("s3", "HeadBucket"),
        ("s3", "HeadObject"),
        ("ssm", "PutParameter"),
        ("events", "PutEvents"),
        ("logs", "PutLogEvents"),
        ("sns", "Publish"),
    }
)


def is_read(service: str, operation: str) -> bool:
    """Whether the trail calls the operation readOnly."""
    if (service, operation) in _ALSO_READ:
        return True
    return _READ.match(operation) is not None and (service, operation) not in _NOT_READ


def is_data_event(service: str, operation: str) -> bool:
    """Whether a success of the operation stays off the trail of management events."""
    return operation in DATA_EVENTS.get(service, ())


def is_long_poll(service: str, operation: str) -> bool:
    """Whether the operation waits for something to come."""
    return (service, operation) in LONG_POLLS


def is_cheap(service: str, operation: str) -> bool:
    """Whether the operation may run where nothing may wait but its own write: on the event loop's thread."""
    return (service, operation) in CHEAP
