"""From a broken constraint to the exception, and the refusals that several operations share."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """InvalidParameterException, whatever was wrong."""
    return invalid(violation.message)


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError("InvalidParameterException", message, status=400)


def no_group() -> AwsError:
    """ResourceNotFoundException for a group."""
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> AwsError:
    """ResourceNotFoundException for a stream."""
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
