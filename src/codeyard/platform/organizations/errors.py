"""Organizations' refusals."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """Organizations says InvalidInput for every broken constraint."""
    return invalid(violation.message, "INVALID_PATTERN" if violation.kind == "pattern" else "INPUT_REQUIRED")


def invalid(message: str, reason: str) -> AwsError:
    """The input makes no sense."""
    return AwsError("InvalidInputException", message, Reason=reason)


def not_in_use() -> AwsError:
    """The account belongs to no organization."""
    return AwsError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")


def not_yours() -> AwsError:
    """Only the management account may."""
    return AwsError("AccessDeniedException", "You don't have permissions to access this resource.")


def constraint(message: str, reason: str) -> AwsError:
    """A rule or a quota of organizations stands against it."""
    return AwsError("ConstraintViolationException", message, Reason=reason)
