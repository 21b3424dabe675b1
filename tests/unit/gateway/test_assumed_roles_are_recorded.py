"""A service that takes a role leaves its AssumeRole on the trail, once a session; a refusal too."""

from __future__ import annotations

import pytest

from codeyard.contract import AwsError
from tests.support.yard import TestYard

NOTHING = [{"Effect": "Deny", "Action": "*", "Resource": "*"}]


def test_a_service_that_assumes_a_role_is_on_the_trail_once_for_a_session(module_yard: TestYard) -> None:
    role = module_yard.role("taken", "codebuild.amazonaws.com", NOTHING)
    for _ in range(3):
        module_yard.yard.kit.clients.as_role(
            role, service="codebuild.amazonaws.com", region="us-east-1", session_name="s"
        )

    found = [r for r in module_yard.trail() if r["eventName"] == "AssumeRole"]
    assert [r["requestParameters"]["roleArn"] for r in found] == [role]
    assert found[0]["userIdentity"]["invokedBy"] == "codebuild.amazonaws.com"


def test_a_refused_assumption_is_on_the_trail_with_its_error(module_yard: TestYard) -> None:
    role = module_yard.role("closed", "codedeploy.amazonaws.com", NOTHING)
    with pytest.raises(AwsError):
        module_yard.yard.kit.clients.as_role(
            role, service="codebuild.amazonaws.com", region="us-east-1", session_name="s"
        )

    found = [r for r in module_yard.trail() if r["eventName"] == "AssumeRole" and r.get("errorCode")]
    assert [r["requestParameters"]["roleArn"] for r in found] == [role]
