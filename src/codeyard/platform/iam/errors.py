"""IAM's refusals, by the names of its model and in its words."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """IAM has one name for every broken constraint."""
    return AwsError("ValidationError", violation.message, status=400)


def no_such(message: str) -> AwsError:
    """What was named is not there."""
    return AwsError("NoSuchEntityException", message)


def no_such_policy(arn: str) -> AwsError:
    """A managed policy is not there."""
    return no_such(f"Policy {arn} does not exist or is not attachable.")


def exists(message: str) -> AwsError:
    """The name is taken."""
    return AwsError("EntityAlreadyExistsException", message)


def conflict(message: str) -> AwsError:
    """It cannot go while something hangs on it."""
    return AwsError("DeleteConflictException", message)


def limit(quota: str, value: int) -> AwsError:
    """A quota is used up."""
    return AwsError("LimitExceededException", f"Cannot exceed quota for {quota}: {value}")


def invalid(message: str) -> AwsError:
    """The input makes no sense."""
    return AwsError("InvalidInputException", message)


def validation(message: str) -> AwsError:
    """A parameter that the model cannot judge is wrong."""
    return AwsError("ValidationError", message, status=400)
