"""STS's refusals."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """STS has one name for every broken constraint."""
    return validation(violation.message)


def validation(message: str) -> AwsError:
    """A parameter is wrong."""
    return AwsError("ValidationError", message, status=400)
