"""From a broken constraint to CloudTrail's own exception."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """The exception that CloudTrail has for the member, else ValidationException."""
    member = violation.path[-1] if violation.path else ""
    if operation == "LookupEvents":
        if member == "MaxResults":
            return AwsError("InvalidMaxResultsException", violation.message)
        if member == "EventCategory":
            return AwsError("InvalidEventCategoryException", violation.message)
        if "LookupAttributes" in violation.path:
            return AwsError("InvalidLookupAttributesException", violation.message)
    return AwsError("ValidationException", violation.message, status=400)
