"""The one way in, step by step."""

from __future__ import annotations

import logging
import threading

import pytest

from codeyard.contract import AwsError, Origin, Violation
from tests.unit.gateway.house import House

BAD = Violation(("repositoryName",), "pattern", "RepositoryName", "the name is not valid")


def refusal(house: House, operation: str, **more: object) -> AwsError:
    """The error that a call ends with."""
    with pytest.raises(AwsError) as refused:
        house.call(operation, **more)  # type: ignore[arg-type]
    return refused.value


def test_a_call_passes_and_its_answer_comes_back(house: House) -> None:
    assert house.call("GetRepository") == {"repositoryMetadata": {"repositoryName": "app"}}
    assert house.door.checks[0].resource == "arn:aws:codecommit:us-east-1:123456789012:app"


def test_a_stranger_with_bad_parameters_is_denied_and_learns_nothing(house: House) -> None:
    house.door.allows, house.validator.found = False, BAD
    house.api.raises = AwsError("RepositoryDoesNotExistException", "app does not exist")
    error = refusal(house, "GetRepository", params={"repositoryName": "!!"})
    assert (error.code, error.status) == ("AccessDeniedException", 403)
    assert house.validator.asked == 0
    assert house.trail() == [("GetRepository", "AccessDeniedException")]


def test_a_refusal_is_on_the_trail_before_it_is_told(house: House) -> None:
    house.door.allows = False
    refusal(house, "CreateRepository")
    assert [r["error"].code for r in house.store.records] == ["AccessDeniedException"]
    assert house.store.rows == []


def test_no_checks_at_all_is_a_refusal(house: House) -> None:
    assert refusal(house, "DeleteRepository").code == "AccessDeniedException"


def test_a_broken_constraint_is_the_services_own_error_and_no_operation_runs(house: House) -> None:
    house.validator.found = BAD
    error = refusal(house, "CreateRepository")
    assert (error.code, error.message) == ("InvalidRepositoryNameException", "the name is not valid")
    assert house.store.rows == []
    assert house.trail() == [("CreateRepository", "InvalidRepositoryNameException")]


def test_a_mutation_and_its_record_are_one_write(house: House) -> None:
    house.call("CreateRepository")
    [(rows, records)] = house.store.writes
    assert rows == ["app"]
    assert records[0]["response"] == {"repositoryMetadata": {"repositoryName": "app"}}
    assert records[0]["read_only"] is False


def test_a_mutation_that_fails_leaves_no_row_and_a_record_of_its_failure(house: House) -> None:
    house.api.raises = AwsError("RepositoryNameExistsException", "app exists")
    assert refusal(house, "CreateRepository").code == "RepositoryNameExistsException"
    assert house.store.rows == []
    assert house.trail() == [("CreateRepository", "RepositoryNameExistsException")]


def test_a_second_write_of_one_call_is_a_fault(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.api.twice = True
    with caplog.at_level(logging.ERROR):
        assert refusal(house, "CreateRepository").code == "InternalFailure"
    assert "writes twice" in caplog.text
    assert house.store.rows == ["app"]


def test_a_fault_is_told_by_its_request_id_alone_and_logged_with_its_trace(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.api.raises = ZeroDivisionError("the secret is 42")
    with caplog.at_level(logging.ERROR):
        error = refusal(house, "GetRepository")
    assert (error.code, error.status) == ("InternalFailure", 500)
    assert "req-1" in error.message
    assert "42" not in error.message
    assert "req-1" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert house.trail() == [("GetRepository", "InternalFailure")]


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("codecommit", "GetBranch", "NotImplemented", 501),
        ("codecommit", "MakeCoffee", "UnknownOperationException", 404),
        ("codebuild", "StartBuild", "NotImplemented", 501),
    ],
)
def test_what_is_not_built_says_so(house: House, service: str, operation: str, code: str, status: int) -> None:
    with pytest.raises(AwsError) as refused:
        house.gateway.client(house.invocation("x").principal, "123456789012", "us-east-1").call(service, operation)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_policies_see_where_a_call_comes_from(house: House) -> None:
    house.call("GetRepository", origin=Origin("10.1.2.3", "boto3", secure=False, referer="r"), via=("a.b", "c.d"))
    keys = house.door.keys
    assert (keys["aws:SourceIp"], keys["aws:UserAgent"], keys["aws:Referer"]) == ("10.1.2.3", "boto3", "r")
    assert (keys["aws:SecureTransport"], keys["aws:RequestedRegion"]) == ("false", "us-east-1")
    assert (keys["aws:CalledViaFirst"], keys["aws:CalledViaLast"]) == ("a.b", "c.d")


def test_a_call_from_inside_has_no_address_to_be_allowed_by(house: House) -> None:
    house.call("GetRepository", source_arn="arn:aws:events:us-east-1:111122223333:rule/r")
    assert "aws:SourceIp" not in house.door.keys
    assert house.door.keys["aws:SourceAccount"] == "111122223333"


def test_calls_from_many_threads_each_get_their_own_record(house: House) -> None:
    threads = [threading.Thread(target=house.call, args=("GetRepository",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert house.trail() == [("GetRepository", "")] * 8
    assert len({r["event_id"] for r in house.store.records}) == 8
