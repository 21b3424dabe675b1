"""What may be registered, and what the tables say of operations."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError, Part, anywhere
from codeyard.gateway import Registry
from codeyard.gateway.rules import CHEAP, DATA_EVENTS, LONG_POLLS, NEEDS_NO_PERMISSION, is_cheap, is_read
from codeyard.wire.models import Models
from codeyard.wire.services import ENABLED
from tests.unit.gateway.house import error_for


class Api:
    """Two operations, a door, and what is nobody's business."""

    setting = 3

    def get_repository(self, ctx: Any, req: Any) -> dict[str, Any]:
        return {}

    def git_pull(self, ctx: Any, req: Any) -> dict[str, Any]:
        return {}

    def _private(self) -> None:
        """Not an operation."""


def part(*names: str, doors: frozenset[str] = frozenset({"GitPull"})) -> Part:
    """The service with access entries of those names."""
    access = dict.fromkeys(names, anywhere("codecommit:GetRepository"))
    return Part("codecommit", Api(), access, error_for, doors=doors)


@pytest.fixture(scope="module")
def models() -> Models:
    """Every enabled service's models."""
    return Models(ENABLED)


def test_a_method_without_an_access_entry_stops_the_program(models: Models) -> None:
    with pytest.raises(RuntimeError, match="git_pull"):
        Registry([part("GetRepository")], models)
    Registry([part("GetRepository", "GitPull")], models)


def test_an_operation_is_found_with_all_that_the_chain_needs(models: Models) -> None:
    found = Registry([part("GetRepository", "GitPull")], models).find("codecommit", "GetRepository")
    assert (found.host, found.read_only, found.exempt) == ("codecommit.amazonaws.com", True, False)
    assert found.shapes is not None


def test_a_door_needs_no_model_and_is_built(models: Models) -> None:
    registry = Registry([part("GetRepository", "GitPull")], models)
    assert registry.find("codecommit", "GitPull").shapes is None
    assert registry.built("codecommit") == ["GetRepository", "GitPull"]


def test_a_method_that_is_neither_in_the_model_nor_a_door_cannot_be_called(models: Models) -> None:
    registry = Registry([part("GetRepository", "GitPull", doors=frozenset())], models)
    with pytest.raises(AwsError) as refused:
        registry.find("codecommit", "GitPull")
    assert refused.value.code == "UnknownOperationException"


@pytest.mark.parametrize("service", ["sagemaker", "", "codebuild"])
def test_a_service_that_is_not_there_is_not_implemented(models: Models, service: str) -> None:
    with pytest.raises(AwsError) as refused:
        Registry([part("GetRepository", "GitPull")], models).find(service, "StartBuild")
    assert refused.value.status == 501


@pytest.mark.parametrize(
    ("service", "operation", "read"),
    [
        ("codecommit", "GetRepository", True),
        ("codecommit", "BatchGetRepositories", True),
        ("codecommit", "GitPull", True),
        ("codecommit", "GitPush", False),
        ("codecommit", "CreateCommit", False),
        ("iam", "GenerateCredentialReport", False),
        ("iam", "SimulatePrincipalPolicy", True),
        ("s3", "HeadObject", True),
        ("codepipeline", "PollForJobs", True),
        ("codepipeline", "PutJobSuccessResult", False),
    ],
)
def test_reads_are_known_by_name(service: str, operation: str, read: bool) -> None:
    assert is_read(service, operation) is read


def test_every_operation_that_a_table_names_is_in_its_services_model(models: Models) -> None:
    named = {*NEEDS_NO_PERMISSION, *LONG_POLLS, *CHEAP}
    named |= {(service, operation) for service, names in DATA_EVENTS.items() for operation in names}
    named -= {("sns", "PublishOnce")}  # a door beside the model: Publish, for services of this program
    named -= {("codepipeline", "StartPipelineExecutionFromWebhook")}  # a door too, for requests that nobody signs
    missing = [
        f"{s}:{o}" for s, o in sorted(named) if s in models.services and o not in models.service(s).operation_names
    ]
    assert missing == []


def test_what_waits_for_work_does_not_run_on_the_loops_thread() -> None:
    assert not CHEAP & LONG_POLLS
    assert not is_cheap("codepipeline", "PollForJobs")
