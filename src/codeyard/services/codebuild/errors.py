"""CodeBuild says InvalidInputException for every broken constraint of its model."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """The exception for a violated constraint."""
    return AwsError("InvalidInputException", f"1 validation error detected: {violation.message}")
