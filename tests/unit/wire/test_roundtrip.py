"""Every operation of every enabled service, in every protocol of its model, against botocore's own two directions."""

from __future__ import annotations

import io
import os
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore import parsers, serialize
from botocore.awsrequest import prepare_request_dict
from botocore.compat import HTTPHeaders
from botocore.handlers import parse_get_bucket_location

from codeyard.wire.codec import Wire
from codeyard.wire.http import Head
from codeyard.wire.models import Models
from codeyard.wire.routing import Route, Router
from codeyard.wire.services import ENABLED
from tests.unit.wire.shapes import Maker, carried

_ROUNDS = int(os.environ.get("CODEYARD_DEEP", "0") or 0) * 20 or 2
_MODELS = Models(ENABLED)
_WIRE = Wire(_MODELS, token=None)
_ROUTER = Router(_MODELS, "us-east-1")
_CASES = [(service, protocol) for service in ENABLED for protocol in _MODELS.protocols(service)]


def _cases(service: str, protocol: str, *, inward: bool) -> Any:
    model = _MODELS.service(service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        shape = operation.input_shape if inward else operation.output_shape
        if not inward and operation.has_event_stream_output:
            continue  # frames, not a shape: NOT_CARRIED's row on event streams
        for number in range(_ROUNDS):
            yield operation, shape, Maker(f"{service} {name} {protocol} {number}", protocol, inward=inward).top(shape)


@pytest.mark.parametrize(("service", "protocol"), _CASES)
def test_what_botocore_sends_is_routed_and_read_as_it_was_meant(service: str, protocol: str) -> None:
    serializer = serialize.create_serializer(protocol, include_validation=False)
    for operation, shape, value in _cases(service, protocol, inward=True):
        head, body = _sent(serializer.serialize_to_request(value, operation), service)
        route = _ROUTER.route(head)
        if route.operation is None and protocol == "query":
            route = _ROUTER.route_query(route, body)
        assert (route.service, route.protocol) == (service, protocol)
        assert route.operation in _same_on_the_wire(operation), (operation.name, head, value)
        read = _WIRE.parse(route._replace(operation=operation.name), head, body)
        assert read == carried(shape, value, protocol, inward=True), (operation.name, head, body)


@pytest.mark.parametrize(("service", "protocol"), _CASES)
def test_what_we_answer_is_read_by_botocore_as_it_was_meant(service: str, protocol: str) -> None:
    parser = parsers.create_parser(protocol)
    for operation, shape, value in _cases(service, protocol, inward=False):
        route = Route(service, operation.name, protocol)  # type: ignore[arg-type]
        answer = _WIRE.answer(route, value, "request-1")
        _WIRE.check_answer(service, operation.name, value) if _complete(shape, value) else None
        streams = operation.has_streaming_output
        headers = HTTPHeaders.from_pairs(answer.headers)
        body = io.BytesIO(answer.body) if streams else answer.body
        parsed = parser.parse({"status_code": answer.status, "headers": headers, "body": body, "context": {}}, shape)
        if streams:
            parsed = {n: item.read() if isinstance(item, io.BytesIO) else item for n, item in parsed.items()}
        if operation.name == "GetBucketLocation":  # botocore reads this one by a handler of its own
            parse_get_bucket_location(parsed, _Http(answer.body))
            parsed = {name: item for name, item in parsed.items() if item is not None}
        assert parsed.pop("ResponseMetadata").get("RequestId") == ("request-1" if shape else None) or not shape
        expected = carried(shape, value, protocol, inward=False)
        assert _shorn(shape, parsed) == _shorn(shape, expected), (operation.name, answer)


def _same_on_the_wire(operation: Any) -> list[str]:
    """The one name by which an operation is known; where several share method, URI and required members, any but
    a deprecated one: NOT_CARRIED's row on names."""
    model = operation.service_model
    if "requestUri" not in operation.http or (operation.http["requestUri"] == "/" and model.service_name != "s3"):
        return [operation.name]
    others = [model.operation_model(name) for name in model.operation_names]
    same = [o for o in others if o.http == operation.http and _needed(o) == _needed(operation)]
    kept = [o.name for o in same if not o.deprecated]
    return [operation.name] if len(same) == 1 else kept[:1]


def _needed(operation: Any) -> set[str]:
    shape = operation.input_shape
    return {n for n in shape.required_members if "location" in shape.members[n].serialization} if shape else set()


class _Http:
    def __init__(self, content: Any) -> None:
        self.content = content
        self.raw = self
        self.status_code = 200


def _complete(shape: Any, value: Any) -> bool:
    return shape is not None and all(name in value for name in shape.required_members)


def _sent(request: dict[str, Any], service: str) -> tuple[Head, bytes]:
    prepare_request_dict(request, f"http://{service}.invalid")
    path, _, query = request["url"].partition(".invalid")[2].partition("?")
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True).encode()
    headers = {name.lower(): str(text) for name, text in request["headers"].items()}
    signing = _MODELS.service(service).signing_name
    scope = f"AKID/20260101/us-east-1/{signing}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return Head(request["method"], path or "/", query, headers), body


def _shorn(shape: Any, value: Any) -> Any:
    """Prefixed maps are made of whatever headers there are, so an empty one is none."""
    if shape is None:
        return {}
    prefixed = [n for n, m in shape.members.items() if m.serialization.get("location") == "headers"]
    return {name: item for name, item in value.items() if name not in prefixed or item}
