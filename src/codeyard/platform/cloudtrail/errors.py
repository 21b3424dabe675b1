"""From a broken constraint to CloudTrail's own exception."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """The exception that CloudTrail has for the member, else ValidationException."""
    code = _code(operation, violation)
    return AwsError(code, violation.message, status=400 if code == "ValidationException" else None)


def _code(operation: str, violation: Violation) -> str:
    path = violation.path
    if operation == "LookupEvents":
        if "LookupAttributes" in path:
            return "InvalidLookupAttributesException"
        named = {"MaxResults": "InvalidMaxResultsException", "EventCategory": "InvalidEventCategoryException"}
        return named.get(path[-1] if path else "", "ValidationException")
    if operation == "PutEventSelectors" and path and path[0] in ("EventSelectors", "AdvancedEventSelectors"):
        return "InvalidEventSelectorsException"
    if operation == "PutInsightSelectors" and "InsightSelectors" in path:
        return "InvalidInsightSelectorsException"
    if "TagsList" in path and operation in ("CreateTrail", "AddTags", "RemoveTags"):
        return "InvalidTagParameterException"
    return "ValidationException"
