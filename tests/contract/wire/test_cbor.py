"""rpc-v2-cbor against the running server, with botocore's own serializer and parser."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore import parsers, serialize
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel

from tests.support.yard import TestYard

PROTOCOL = "smithy-rpc-v2-cbor"


def _call(yard: TestYard, service: str, operation: str, params: dict[str, Any], secret: str = "") -> Any:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(operation)
    made = serialize.create_serializer(PROTOCOL).serialize_to_request(params, model)
    request = AWSRequest(
        method="POST", url=yard.endpoint + made["url_path"], data=made["body"], headers=made["headers"]
    )
    credentials = Credentials(yard.facts["access_key_id"], secret or yard.facts["secret_access_key"])
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, made["body"], dict(request.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(sent) as response:
            return _parsed(response.status, response.headers, response.read(), model.output_shape)
    except urllib.error.HTTPError as error:
        return _parsed(error.code, error.headers, error.read(), model.output_shape)


def _parsed(status: int, headers: Any, body: bytes, shape: Any) -> Any:
    assert headers["smithy-protocol"] == "rpc-v2-cbor"
    assert headers["content-type"] == "application/cbor"
    given = {"status_code": status, "headers": HTTPHeaders.from_pairs(headers.items()), "body": body, "context": {}}
    return parsers.create_parser(PROTOCOL).parse(given, shape)


def test_an_answer_comes_back_as_json_gives_it(module_yard: TestYard) -> None:
    application = _call(module_yard, "codedeploy", "CreateApplication", {"applicationName": "cbor"})
    by_json = module_yard.client("codedeploy").get_application(applicationName="cbor")["application"]
    by_cbor = _call(module_yard, "codedeploy", "GetApplication", {"applicationName": "cbor"})["application"]
    assert application["applicationId"] == by_cbor["applicationId"]
    assert by_cbor == by_json


def test_an_empty_answer_and_an_empty_request_are_fine(module_yard: TestYard) -> None:
    assert _call(module_yard, "codepipeline", "ListPipelines", {})["pipelines"] == []


@pytest.mark.parametrize(
    ("operation", "params", "secret", "code"),
    [
        ("GetPipeline", {"name": "none"}, "", "PipelineNotFoundException"),
        ("GetPipeline", {"name": "a b"}, "", "ValidationException"),
        ("ListPipelines", {}, "wrong", "InvalidSignatureException"),
    ],
)
def test_an_error_has_its_code_in_cbor(
    module_yard: TestYard, operation: str, params: dict[str, Any], secret: str, code: str
) -> None:
    assert _call(module_yard, "codepipeline", operation, params, secret)["Error"]["Code"] == code
