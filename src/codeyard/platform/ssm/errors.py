"""From a broken constraint to the exception: Systems Manager answers ValidationException for all of them."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """ValidationException in the wording of the model's check."""
    return invalid(violation.message)


def invalid(message: str) -> AwsError:
    """ValidationException, which the model does not list but the service answers."""
    return AwsError("ValidationException", message, status=400)


def not_found(name: str = "") -> AwsError:
    """ParameterNotFound; AWS does not repeat the name."""
    return AwsError("ParameterNotFound", f"Parameter {name} not found." if name else "")
