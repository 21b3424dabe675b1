"""The modelled exceptions that cannot arise here, each with its reason; every other one has a test that provokes it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Repositories are not kept under KMS keys yet, so that no operation meets one, but for a key that is being named.
ENCRYPTION = frozenset(
    f"Encryption{what}Exception"
    for what in ("IntegrityChecksFailed", "KeyAccessDenied", "KeyDisabled", "KeyNotFound", "KeyUnavailable")
)
ENCRYPTION_REASON = "Repositories are not encrypted under KMS keys."

_NO_TAG_POLICIES = "Organizations has no tag policies here."
_ONE_NAME = "The target is the branch that the destination names, so that there is always a name."
_FORWARD = "Moving forward compares no trees: histories of any length are looked at."
_BOOLEAN = "keepEmptyFolders is a boolean, and each bad path has an exception of its own."

UNRAISED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("CreateRepository", "EncryptionIntegrityChecksFailedException"): ENCRYPTION_REASON,
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
    if exception in ENCRYPTION and operation != "CreateRepository":
        return ENCRYPTION_REASON
    return UNRAISED.get((operation, exception))
