"""Errors as botocore reads them, in every protocol."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import parsers
from botocore.compat import HTTPHeaders

from codeyard.contract import AwsError
from codeyard.wire.codec import Wire
from codeyard.wire.http import HttpAnswer
from codeyard.wire.models import Models
from codeyard.wire.routing import Route
from codeyard.wire.services import ENABLED

MODELS = Models(ENABLED)
WIRE = Wire(MODELS)


def _read(route: Route, answer: HttpAnswer, shape: Any = None) -> Any:
    response = {
        "status_code": answer.status,
        "headers": HTTPHeaders.from_pairs(answer.headers),
        "body": answer.body,
        "context": {},
    }
    return parsers.create_parser(route.protocol).parse(response, shape)


@pytest.mark.parametrize(
    ("route", "code", "status"),
    [
        (Route("codecommit", "GetBranch", "json"), "BranchDoesNotExistException", 400),
        (Route("codepipeline", "GetPipeline", "smithy-rpc-v2-cbor"), "PipelineNotFoundException", 400),
        (Route("codeartifact", "DescribeDomain", "rest-json"), "ResourceNotFoundException", 404),
        (Route("codestar-notifications", "Subscribe", "rest-json"), "ResourceNotFoundException", 404),
        (Route("iam", "GetUser", "query"), "NoSuchEntity", 404),
        (Route("s3", "GetObject", "rest-xml"), "NoSuchKey", 404),
        (Route("nothing", None, "json"), "UnknownOperationException", 400),
        (Route("nothing", None, "rest-json"), "UnknownOperationException", 400),
    ],
)
def test_an_error_has_its_code_message_status_and_request_id(route: Route, code: str, status: int) -> None:
    answer = WIRE.error(route, AwsError(code, 'It <is> & "é" gone'), "request-1")
    parsed = _read(route, answer)
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == 'It <is> & "é" gone'
    assert parsed["ResponseMetadata"]["RequestId"] == "request-1"
    assert answer.status == status


def test_an_errors_own_status_wins_over_the_models() -> None:
    route = Route("codecommit", "GetBranch", "json")
    assert WIRE.error(route, AwsError("BranchDoesNotExistException", "", status=418), "r").status == 418


def test_an_exception_is_known_by_its_shapes_name_and_sent_by_its_error_code() -> None:
    route = Route("iam", "GetUser", "query")
    parsed = _read(route, WIRE.error(route, AwsError("NoSuchEntityException", "x"), "r"))
    assert parsed["Error"]["Code"] == "NoSuchEntity"
    assert parsed["Error"]["Type"] == "Sender"


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_modelled_members_are_read_back(protocol: Any) -> None:
    route = Route("codeconnections", "CreateConnection", "json")
    error = AwsError("InvalidInputException", "m")
    shape = MODELS.service("codeconnections").shape_for("InvalidInputException")
    route = Route("codeconnections", "CreateConnection", protocol)
    assert _read(route, WIRE.error(route, error, "r"), shape)["Message"] == "m"
    route = Route("codeartifact", "DescribeDomain", "rest-json")
    error = AwsError("ResourceNotFoundException", "m", resourceId="i", resourceType="domain")
    shape = MODELS.service("codeartifact").shape_for("ResourceNotFoundException")
    parsed = _read(route, WIRE.error(route, error, "r"), shape)
    assert parsed == {"message": "m", "resourceId": "i", "resourceType": "domain"}


def test_a_query_compatible_service_names_the_former_code_too() -> None:
    route = Route("cloudwatch", "GetDashboard", "json")
    answer = WIRE.error(route, AwsError("DashboardNotFoundError", "m"), "r")
    assert dict(answer.headers)["x-amzn-query-error"] == "ResourceNotFound;Sender"
    assert _read(route, answer)["Error"]["Code"] == "ResourceNotFound"


def test_s3_errors_are_bare_and_have_no_body_where_http_forbids_one() -> None:
    route = Route("s3", "GetObject", "rest-xml", method="GET", path="/b/k")
    answer = WIRE.error(route, AwsError("NoSuchKey", "m", status=404, Key="k"), "r")
    assert isinstance(answer.body, bytes)
    assert b"<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key><Resource>/b/k</Resource>" in answer.body
    head = Route("s3", "HeadObject", "rest-xml", method="HEAD")
    assert WIRE.error(head, AwsError("NoSuchKey", "m", status=404), "r").body == b""
    assert WIRE.error(route, AwsError("NotModified", "m", status=304), "r").body == b""


def test_a_refusal_has_the_word_of_its_protocols_services() -> None:
    refusal = AwsError("AccessDeniedException", "no", status=403)
    for route, code in (
        (Route("s3", "GetObject", "rest-xml"), "AccessDenied"),
        (Route("sts", "AssumeRole", "query"), "AccessDenied"),
        (Route("codecommit", "GetBranch", "json"), "AccessDeniedException"),
    ):
        assert _read(route, WIRE.error(route, refusal, "r"))["Error"]["Code"] == code
