"""From a broken constraint to the exception, and the refusals that several operations share."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation

_PAGED = ("ListEventTypes", "ListNotificationRules", "ListTargets")


def error_for(operation: str, violation: Violation) -> AwsError:
    """ValidationException, save for a page token that cannot be one."""
    if operation in _PAGED and violation.path[:1] == ("NextToken",):
        return bad_token()
    return invalid(violation.message)


def invalid(message: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", message)


def bad_token() -> AwsError:
    """InvalidNextTokenException."""
    return AwsError(
        "InvalidNextTokenException", "The value for the enumeration token used in the request is not valid."
    )


def no_rule(arn: str) -> AwsError:
    """ResourceNotFoundException for a notification rule."""
    return AwsError("ResourceNotFoundException", f"The notification rule {arn} could not be found.")


def unsupported(kind: str) -> AwsError:
    """ConfigurationException for a target that nothing here could deliver to."""
    text = f"Targets of the type {kind} are not supported: there is no chat client here. Use an SNS topic (type SNS)."
    return AwsError("ConfigurationException", text)


def limit(message: str) -> AwsError:
    """LimitExceededException."""
    return AwsError("LimitExceededException", message)
