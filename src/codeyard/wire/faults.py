"""Errors in each protocol's own form, with code, message, members, status and request id."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError
from codeyard.wire import trees, values
from codeyard.wire.http import HttpAnswer
from codeyard.wire.models import Models
from codeyard.wire.routing import Route
from codeyard.wire.trees import TreeWriter
from codeyard.wire.xmlio import XmlWriter, escape

# What a code is called where a protocol's family of services has another word for it.
_QUERY_WORDS = {"AccessDeniedException": "AccessDenied", "ValidationException": "ValidationError"}
_S3_WORDS = {
    "AccessDeniedException": "AccessDenied",
    "InternalFailure": "InternalError",
    "SerializationException": "MalformedXML",
    "RequestEntityTooLargeException": "EntityTooLarge",
}


class Faults:
    """Writes errors."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._json, self._cbor = TreeWriter(cbor=False), TreeWriter(cbor=True)
        self._xml = XmlWriter()

    def write(self, route: Route, error: AwsError, request_id: str) -> HttpAnswer:
        """The answer that says `error` to a client of the route's protocol."""
        shape = self._shape(route, error.code)
        status = error.status or _modelled_status(shape)
        if route.protocol == "rest-xml":
            return self._s3(route, error, shape, status, request_id)
        if route.protocol == "query":
            return self._query(route, error, shape, status, request_id)
        return self._tree(route, error, shape, status, request_id)

    def _tree(self, route: Route, error: AwsError, shape: Any, status: int, request_id: str) -> HttpAnswer:
        cbor = route.protocol == "smithy-rpc-v2-cbor"
        code = shape.name if shape is not None else error.code
        body = self._members(shape, error, self._cbor if cbor else self._json)
        body = {"__type": code, "message": error.message, **body}
        headers = [("x-amzn-requestid", request_id)]
        if cbor:
            headers += [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        elif route.protocol == "rest-json":
            headers += [("content-type", "application/json"), ("x-amzn-errortype", code)]
        else:
            headers.append(("content-type", json_type(self._models, route.service)))
        legacy = _error_code(shape)
        if legacy and legacy != code and self._query_compatible(route.service):
            headers.append(("x-amzn-query-error", f"{legacy};{'Sender' if status < 500 else 'Receiver'}"))
        return HttpAnswer(status, headers, trees.dump_cbor(body) if cbor else trees.dump_json(body))

    def _query(self, route: Route, error: AwsError, shape: Any, status: int, request_id: str) -> HttpAnswer:
        code = _error_code(shape) or _QUERY_WORDS.get(error.code, error.code)
        parts = [f'<ErrorResponse xmlns="{namespace(self._models, route.service)}"><Error>']
        parts.append(f"<Type>{'Sender' if status < 500 else 'Receiver'}</Type>")
        parts.append(f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>")
        self._xml_members(shape, error, parts)
        parts.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
        headers = [("x-amzn-requestid", request_id), ("content-type", "text/xml")]
        return HttpAnswer(status, headers, "".join(parts).encode())

    def _s3(self, route: Route, error: AwsError, shape: Any, status: int, request_id: str) -> HttpAnswer:
        headers = [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
        if route.method == "HEAD" or status in (204, 304):
            return HttpAnswer(status, headers, b"")
        code = _error_code(shape) or _S3_WORDS.get(error.code, error.code)
        parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<Error>']
        parts.append(f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>")
        self._xml_members(shape, error, parts)
        if "Resource" not in error.members:
            parts.append(f"<Resource>{escape(route.path)}</Resource>")
        parts.append(f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>")
        return HttpAnswer(status, [*headers, ("content-type", "application/xml")], "".join(parts).encode())

    def _members(self, shape: Any, error: AwsError, writer: TreeWriter) -> dict[str, Any]:
        """The modelled members, and the message once more where the model spells it `Message`."""
        if shape is None:
            return {}
        given = {name: value for name, value in error.members.items() if value is not None}
        written: dict[str, Any] = writer.compile(shape)(given)
        if "Message" in shape.members:
            written.setdefault("Message", error.message)
        return written

    def _xml_members(self, shape: Any, error: AwsError, parts: list[str]) -> None:
        modelled = {} if shape is None else shape.members
        for name, value in error.members.items():
            if value is None or name.startswith("_") or name.lower() in ("message", "code"):
                continue
            if name in modelled:
                self._xml.compile(modelled[name])(value, modelled[name].serialization.get("name", name), parts.append)
            elif isinstance(value, (str, int, float, bool)):
                parts.append(f"<{name}>{escape(values.number_text(value))}</{name}>")

    def _shape(self, route: Route, code: str) -> Any:
        """The modelled error of a name or of an error code: the operation's first, then the service's."""
        if route.service not in self._models.services:
            return None
        model = self._models.service(route.service)
        if route.operation:
            shapes = model.operation_model(route.operation).error_shapes
            for shape in shapes:
                if code in (shape.name, _error_code(shape)):
                    return shape
        if code in model.shape_names:
            shape = model.shape_for(code)
            return shape if shape.metadata.get("exception") else None
        return None

    def _query_compatible(self, service: str) -> bool:
        return service in self._models.services and "awsQueryCompatible" in self._models.service(service).metadata


def json_type(models: Models, service: str) -> str:
    """The content type of a service's JSON answers."""
    version = models.service(service).metadata.get("jsonVersion", "1.1") if service in models.services else "1.1"
    return f"application/x-amz-json-{version}"


def namespace(models: Models, service: str) -> str:
    """The XML namespace of a query service's answers."""
    if service not in models.services:
        return "http://webservices.amazon.com/AWSFault/2005-15-09"
    return str(models.service(service).metadata.get("xmlNamespace", ""))


def _error_code(shape: Any) -> str:
    return "" if shape is None else str((shape.metadata.get("error") or {}).get("code") or "")


def _modelled_status(shape: Any) -> int:
    if shape is None:
        return 400
    stated = (shape.metadata.get("error") or {}).get("httpStatusCode")
    return int(stated or (500 if shape.metadata.get("fault") else 400))
