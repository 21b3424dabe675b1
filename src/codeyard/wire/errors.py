"""Errors in each protocol's own form: code, message, members, status, request id."""

from __future__ import annotations

from typing import Any

import cbor2
import orjson

from codeyard.contract import AwsError
from codeyard.wire.http import HttpAnswer
from codeyard.wire.trees import Trees
from codeyard.wire.xml import Xml, escape

_S3_MEMBERS = ("Resource", "BucketName", "Key", "Region", "Condition", "ArgumentName", "ArgumentValue", "Method")


def answer(model: Any, protocol: str, error: AwsError, request_id: str, trees: Trees, xml: Xml) -> HttpAnswer:
    """The error as an answer of the protocol."""
    shape = find(model, error.code)
    status = error.status or _status(shape)
    if protocol == "query":
        return _query(model, shape, error, status, request_id)
    if protocol == "rest-xml":
        return _rest_xml(error, status, request_id)
    return _tree(model, protocol, shape, error, status, request_id, trees)


def find(model: Any, code: str) -> Any:
    """The service's exception shape of that name or error code, or None."""
    cache = model.__dict__.setdefault("_codeyard_errors", {})
    if not cache:
        for shape in model.error_shapes:
            cache.setdefault(shape.metadata.get("error", {}).get("code", shape.name), shape)
            cache[shape.name] = shape
        cache.setdefault("", None)
    return cache.get(code)


def _status(shape: Any) -> int:
    facts = shape.metadata.get("error", {}) if shape is not None else {}
    return int(facts.get("httpStatusCode", 400))


def _tree(
    model: Any, protocol: str, shape: Any, error: AwsError, status: int, request_id: str, trees: Trees
) -> HttpAnswer:
    name = shape.name if shape is not None else error.code
    body: dict[str, Any] = {"__type": name} if protocol != "rest-json" else {}
    body[_message_name(shape)] = error.message
    if shape is not None:
        known = {k: v for k, v in error.members.items() if k in shape.members and v is not None}
        lenient = {n: trees.writer(shape.members[n])(v) for n, v in known.items()}
        body.update({shape.members[n].serialization.get("name", n): v for n, v in lenient.items()})
    headers = [("x-amzn-requestid", request_id), ("x-amzn-errortype", name)]
    if "awsQueryCompatible" in model.metadata:
        code = shape.metadata.get("error", {}).get("code", name) if shape is not None else name
        headers.append(("x-amzn-query-error", f"{code};{'Sender' if status < 500 else 'Receiver'}"))
    if protocol == "cbor":
        headers += [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return HttpAnswer(status, headers, cbor2.dumps(body))
    kinds = {"json-1.0": "application/x-amz-json-1.0", "rest-json": "application/json"}
    headers.append(("content-type", kinds.get(protocol, "application/x-amz-json-1.1")))
    return HttpAnswer(status, headers, orjson.dumps(body))


def _message_name(shape: Any) -> str:
    if shape is not None:
        for name in shape.members:
            if name.lower() == "message":
                return str(shape.members[name].serialization.get("name", name))
    return "message"


def _query(model: Any, shape: Any, error: AwsError, status: int, request_id: str) -> HttpAnswer:
    code = shape.metadata.get("error", {}).get("code", shape.name) if shape is not None else error.code
    fault = "Sender" if status < 500 else "Receiver"
    text = (
        f'<ErrorResponse xmlns="{model.metadata.get("xmlNamespace", "")}"><Error><Type>{fault}</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return HttpAnswer(status, [("content-type", "text/xml"), ("x-amzn-requestid", request_id)], text.encode())


def _rest_xml(error: AwsError, status: int, request_id: str) -> HttpAnswer:
    headers = [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
    headers += [
        (f"x-amz-{k.lower().replace('_', '-')}", str(v)) for k, v in error.members.items() if k == "delete_marker"
    ]
    if status == 304:
        return HttpAnswer(304, headers, b"")
    more = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in error.members.items() if k in _S3_MEMBERS)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message>{more}<RequestId>{request_id}</RequestId>"
        f"<HostId>{request_id}</HostId></Error>"
    )
    return HttpAnswer(status, [*headers, ("content-type", "application/xml")], text.encode())
