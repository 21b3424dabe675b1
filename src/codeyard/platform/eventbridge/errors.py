"""From a broken constraint to the exception: EventBridge answers ValidationException."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """ValidationException in the wording of the model's check."""
    return AwsError("ValidationException", violation.message, status=400)


def no_bus(name: str) -> AwsError:
    """ResourceNotFoundException for a bus."""
    return AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")


def no_rule(name: str, bus: str) -> AwsError:
    """ResourceNotFoundException for a rule."""
    return AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")
