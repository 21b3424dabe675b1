"""From a broken constraint to the exception, and the refusals that several operations share."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """InvalidParameterException, or ValidationException where the operation has none."""
    member = violation.path[-1] if violation.path else ""
    if member == "NextToken" and operation in ("ListSecrets", "ListSecretVersionIds", "BatchGetSecretValue"):
        return AwsError("InvalidNextTokenException", violation.message)
    return invalid(violation.message)


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError("InvalidParameterException", message)


def no_secret() -> AwsError:
    """ResourceNotFoundException for a secret."""
    return AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def no_value(what: str) -> AwsError:
    """ResourceNotFoundException for a version."""
    return AwsError("ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {what}")


def marked_for_deletion() -> AwsError:
    """InvalidRequestException for a secret in its recovery window."""
    return AwsError(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
