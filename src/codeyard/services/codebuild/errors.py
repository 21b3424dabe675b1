"""CodeBuild says InvalidInputException for every broken constraint."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """The modelled error of a constraint of the model."""
    return AwsError("InvalidInputException", violation.message)


def invalid(message: str) -> AwsError:
    """Input that the model allows and CodeBuild does not."""
    return AwsError("InvalidInputException", message)


def no_project(arn: str) -> AwsError:
    """The project does not exist."""
    return AwsError("ResourceNotFoundException", f"Project cannot be found: {arn}")


def no_build(build_id: str) -> AwsError:
    """The build does not exist."""
    return AwsError("ResourceNotFoundException", f"Build {build_id} cannot be found")
