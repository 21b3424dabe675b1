"""From a broken constraint to the exception, and the refusals that several operations share."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """InvalidParameterException, whatever was wrong."""
    return invalid(violation.path[-1] if violation.path else operation, violation.message)


def invalid(parameter: str, reason: str = "") -> AwsError:
    """InvalidParameterException in SNS's wording."""
    return AwsError(
        "InvalidParameterException", f"Invalid parameter: {parameter}" + (f" Reason: {reason}" if reason else "")
    )


def no_topic() -> AwsError:
    """NotFoundException for a topic."""
    return AwsError("NotFoundException", "Topic does not exist")


def no_subscription() -> AwsError:
    """NotFoundException for a subscription."""
    return AwsError("NotFoundException", "Subscription does not exist")
