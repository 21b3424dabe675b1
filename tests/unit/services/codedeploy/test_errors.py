"""Every constraint of the model has an exception that its operation declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from codeyard.contract import Violation
from codeyard.services.codedeploy.errors import error_for

# Members for which the model declares no exception of its own.
_GENERIC = {
    ("StopDeployment", "autoRollbackEnabled"),
    ("ListTagsForResource", "NextToken"),
    ("ListDeployments", "nextToken"),
}


def model() -> Any:
    return botocore.session.get_session().get_service_model("codedeploy")


def violations() -> Iterator[tuple[str, Violation, set[str]]]:
    for name in model().operation_names:
        operation = model().operation_model(name)
        declared = {shape.name for shape in operation.error_shapes}
        for member, shape in (operation.input_shape.members if operation.input_shape else {}).items():
            kinds = ["required"] if member in operation.input_shape.required_members else []
            leaf = shape
            while leaf.type_name == "list":
                leaf = leaf.member
            kinds += [kind for kind in ("min", "max", "pattern") if kind in leaf.metadata or kind in shape.metadata]
            kinds += ["enum"] if leaf.metadata.get("enum") else []
            for kind in kinds:
                yield name, Violation((member,), kind, shape.name, "broken"), declared


def test_every_constraint_names_an_exception_that_the_operation_declares() -> None:
    wrong = []
    for operation, violation, declared in violations():
        code = error_for(operation, violation).code
        if code not in declared and (operation, violation.path[0]) not in _GENERIC:
            wrong.append((operation, violation.path[0], violation.kind, code))
    assert [row for row in wrong if row[0] not in _UNBUILT] == []


# Operations that Codeyard has not built: they answer 501 before any constraint is looked at.
_UNBUILT = {
    "ContinueDeployment",
    "DeleteGitHubAccountToken",
    "DeleteResourcesByExternalId",
    "ListGitHubAccountTokenNames",
    "PutLifecycleEventHookExecutionStatus",
    "SkipWaitTimeForInstanceTermination",
}


@pytest.mark.parametrize(
    ("operation", "member", "kind", "code"),
    [
        ("CreateApplication", "applicationName", "required", "ApplicationNameRequiredException"),
        ("CreateApplication", "applicationName", "min", "ApplicationNameRequiredException"),
        ("CreateApplication", "applicationName", "pattern", "InvalidApplicationNameException"),
        ("CreateApplication", "applicationName", "max", "InvalidApplicationNameException"),
        ("CreateDeploymentGroup", "serviceRoleArn", "required", "RoleRequiredException"),
        ("CreateDeploymentGroup", "deploymentConfigName", "min", "InvalidDeploymentConfigNameException"),
        ("GetDeploymentConfig", "deploymentConfigName", "required", "DeploymentConfigNameRequiredException"),
        ("AddTagsToOnPremisesInstances", "tags", "required", "TagRequiredException"),
        ("CreateApplication", "tags", "type", "InvalidTagsToAddException"),
        ("GetDeployment", "deploymentId", "required", "DeploymentIdRequiredException"),
        ("CreateDeployment", "fileExistsBehavior", "enum", "InvalidFileExistsBehaviorException"),
        ("ListApplications", "nextToken", "type", "InvalidNextTokenException"),
    ],
)
def test_exceptions_by_member_and_kind(operation: str, member: str, kind: str, code: str) -> None:
    assert error_for(operation, Violation((member,), kind, "X", "m")).code == code


def test_a_constraint_inside_a_member_is_that_members_exception() -> None:
    violation = Violation(("revision", "s3Location", "bundleType"), "enum", "BundleType", "m")
    assert error_for("CreateDeployment", violation).code == "InvalidRevisionException"


def test_a_member_without_an_exception_is_a_validation_exception() -> None:
    error = error_for("StopDeployment", Violation(("autoRollbackEnabled",), "type", "NullableBoolean", "m"))
    assert (error.code, error.status) == ("ValidationException", 400)
