"""The modelled exceptions that cannot arise here, each with its reason; every other one has a test that provokes it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ENCRYPTION = frozenset(
    f"Encryption{what}Exception"
    for what in ("IntegrityChecksFailed", "KeyAccessDenied", "KeyDisabled", "KeyNotFound", "KeyUnavailable")
)
# A repository's files are under its key, its row is not: so that who looks can see which key it was.
_ROWS_ALONE = frozenset(
    {
        "GetRepository",
        "BatchGetRepositories",
        "UpdateRepositoryDescription",
        "DeleteRepository",
        "GetRepositoryTriggers",
        "PutRepositoryTriggers",
    }
)

_NO_TAG_POLICIES = "Organizations has no tag policies here."
_ONE_NAME = "The target is the branch that the destination names, so that there is always a name."
_FORWARD = "Moving forward compares no trees: histories of any length are looked at."
_BOOLEAN = "keepEmptyFolders is a boolean, and each bad path has an exception of its own."

UNRAISED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("CreateRepository", "EncryptionIntegrityChecksFailedException"): "Its secret is made anew.",
        ("CreateRepository", "OperationNotAllowedException"): "Every account may have repositories.",
        ("CreateRepository", "TagPolicyException"): _NO_TAG_POLICIES,
        ("TagResource", "TagPolicyException"): _NO_TAG_POLICIES,
        ("UntagResource", "TagPolicyException"): _NO_TAG_POLICIES,
        ("UntagResource", "TooManyTagsException"): "Taking tags away never makes too many.",
        ("CreateCommit", "InvalidDeletionParameterException"): _BOOLEAN,
        ("PutFile", "InvalidDeletionParameterException"): "PutFile deletes nothing.",
        ("GetDifferences", "InvalidCommitIdException"): "Its commits are specifiers: InvalidCommitException is said.",
        (
            "GetMergeConflicts",
            "InvalidCommitException",
        ): "The exceptions of the source and of the destination are said.",
        ("ListFileCommitHistory", "CommitRequiredException"): "Without a commit the default branch's is taken.",
        ("ListFileCommitHistory", "TipsDivergenceExceededException"): "One commit's history is listed: no two diverge.",
        ("MergeBranchesByFastForward", "TipsDivergenceExceededException"): _FORWARD,
        **{
            (f"MergeBranchesBy{way}", "BranchNameRequiredException"): _ONE_NAME
            for way in ("FastForward", "Squash", "ThreeWay")
        },
    }
)


def reason(operation: str, exception: str) -> str | None:
    """Why an operation never raises an exception of its model; None where it does."""
    if exception in _ENCRYPTION and operation in _ROWS_ALONE:
        return "It opens no file of the repository, and only these are under the key."
    return UNRAISED.get((operation, exception))
