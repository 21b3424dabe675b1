"""From a broken constraint to CodeCommit's own exception: it has one per field, so the model's names are the rule.

A missing member asks for `<Field>RequiredException`, any other violation for `Invalid<Field>Exception`, where the
field is called as the member is, or as its shape is. Only names that the operation's model lists are answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import botocore.session

from codeyard.contract import AwsError, Violation

# Members and shapes whose exceptions are named otherwise.
_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CommitName": ("Commit",),
        "CommitIds": ("CommitIdsList",),
        "NextToken": ("ContinuationToken",),
        "Tags": ("TagsMap",),
        "TagKeys": ("TagKeysList",),
        "TargetBranch": ("TargetBranch", "BranchName"),
        "PutFiles": ("FileEntry",),
        "Triggers": ("RepositoryTriggersList",),
        "Name": ("RepositoryTriggerName",),
        "DestinationArn": ("RepositoryTriggerDestinationArn",),
        "CustomData": ("RepositoryTriggerCustomData",),
        "Branches": ("RepositoryTriggerBranchName", "RepositoryTriggerBranchNameList"),
        "Events": ("RepositoryTriggerEventsList", "RepositoryTriggerEvents"),
        "Content": ("CommentContent",),
        "Location": ("FileLocation",),
        "SourceCommitId": ("CommitId",),
        "BeforeBlobId": ("BlobId",),
        "AfterBlobId": ("BlobId",),
        "KmsKeyId": ("EncryptionKey", "EncryptionKeyInvalidId"),
    }
)
_TOO_LONG: Mapping[str, str] = MappingProxyType(
    {
        "FileContent": "FileContentSizeLimitExceededException",
        "Name": "NameLengthExceededException",
        "AuthorName": "NameLengthExceededException",
        "CommitMessage": "CommitMessageLengthExceededException",
    }
)
# Where CodeCommit has words of its own.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "InvalidRepositoryNameException": (
            "The repository name is not valid. Repository names can be any valid combination of letters, numbers, "
            "periods, underscores, and dashes between 1 and 100 characters in length. Names are case sensitive. For "
            "more information, see Limits in the AWS CodeCommit User Guide. "
        )
    }
)


def error_for(operation: str, violation: Violation) -> AwsError:
    """The exception of the operation's model for the violation; ValidationException where it has none."""
    listed = exceptions_of(operation)
    for name in _candidates(violation):
        if name in listed:
            return AwsError(name, _WORDS.get(name, violation.message))
    return AwsError("ValidationException", violation.message, status=400)


@cache
def exceptions_of(operation: str) -> frozenset[str]:
    """The names of the exceptions that the model lists for the operation."""
    session = botocore.session.get_session()
    model = session.get_service_model("codecommit").operation_model(operation)
    return frozenset(shape.name for shape in model.error_shapes)


def _candidates(violation: Violation) -> Iterator[str]:
    for field in _fields(violation):
        if violation.kind == "max" and field in _TOO_LONG:
            yield _TOO_LONG[field]
        if violation.kind == "required":
            yield f"{field}RequiredException"
        yield f"Invalid{field}Exception"
        yield f"{field}Exception"


def _fields(violation: Violation) -> Iterator[str]:
    members = [member[:1].upper() + member[1:] for member in reversed(violation.path)]
    for name in (*members[:1], violation.shape, *members[1:]):
        yield from _ALIASES.get(name, ())
        yield name
