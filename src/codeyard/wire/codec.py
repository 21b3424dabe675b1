"""The wire's front: HTTP to parameters, answers and errors to HTTP, in every protocol, compiled at first use."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import cbor2
import orjson

from codeyard.contract import AwsError, Staged, Violation
from codeyard.wire import errors, forms
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.models import Models
from codeyard.wire.problems import unreadable
from codeyard.wire.rest import RestReader, RestWriter
from codeyard.wire.routing import Route
from codeyard.wire.trees import Trees
from codeyard.wire.validate import Validator
from codeyard.wire.xml import Xml

Parse = Callable[[Route, Head, "bytes | Staged"], dict[str, Any]]
Answer = Callable[[Mapping[str, Any], str], HttpAnswer]


class Wire:
    """Parses, validates and answers for every enabled service. `strict` makes wrong answers raise (tests set it)."""

    def __init__(self, models: Models, token: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self.models = models
        self.strict = False
        self._json = Trees(cbor=False, strict=self._is_strict, token=token)
        self._cbor = Trees(cbor=True, strict=self._is_strict, token=token)
        self._xml = Xml(strict=self._is_strict, token=token)
        self._forms = forms.Forms(token)
        self._validator = Validator()
        self._parsers: dict[tuple[str, str, str], Parse] = {}
        self._answers: dict[tuple[str, str, str], Answer] = {}

    def parse(self, route: Route, head: Head, body: bytes | Staged) -> dict[str, Any]:
        """The operation's parameters in Python's types; AwsError where the request cannot be read."""
        key = (route.service, route.operation or "", route.protocol)
        parse = self._parsers.get(key)
        if parse is None:
            parse = self._parsers[key] = self._parser(*key)
        return parse(route, head, body)

    def violation(self, service: str, operation: str, params: Mapping[str, Any]) -> Violation | None:
        """The first constraint of the model that the parameters break."""
        shape = self.models.operation(service, operation).input_shape
        return self._validator.check(shape)(params, ()) if shape is not None else None

    def streams_in(self, service: str, operation: str) -> bool:
        """Whether the operation's request body is a stream."""
        return bool(operation) and self.models.operation(service, operation).has_streaming_input

    def answer(self, route: Route, answer: Mapping[str, Any], request_id: str) -> HttpAnswer:
        """The answer in the request's protocol."""
        key = (route.service, route.operation or "", route.protocol)
        write = self._answers.get(key)
        if write is None:
            write = self._answers[key] = self._writer(*key)
        return write(answer, request_id)

    def error(self, route: Route, error: AwsError, request_id: str) -> HttpAnswer:
        """The error in the request's protocol, with the model's status, code and members."""
        model = self.models.service(route.service)
        trees = self._cbor if route.protocol == "cbor" else self._json
        return errors.answer(model, route.protocol, error, request_id, trees, self._xml)

    def _is_strict(self) -> bool:
        return self.strict

    def _parser(self, service: str, operation: str, protocol: str) -> Parse:
        model = self.models.operation(service, operation)
        shape = model.input_shape
        if shape is None:
            return lambda route, head, body: {}
        if protocol == "query":
            read_form = self._forms.reader(shape)
            return lambda route, head, body: read_form(forms.fields(_bytes(body), head.query))
        if protocol == "cbor":
            read_cbor = self._cbor.reader(shape)
            return lambda route, head, body: read_cbor(_load_cbor(_bytes(body)))
        if protocol.startswith("json"):
            read_json = self._json.reader(shape)
            return lambda route, head, body: read_json(load_json(_bytes(body)))
        reader = RestReader(model, self._json if protocol == "rest-json" else self._xml)
        return lambda route, head, body: reader.read(route.labels, head, body)

    def _writer(self, service: str, operation: str, protocol: str) -> Answer:
        model = self.models.operation(service, operation)
        if protocol == "query":
            return self._query_writer(model)
        if protocol in ("rest-json", "rest-xml"):
            return RestWriter(model, self._json if protocol == "rest-json" else self._xml, lambda: self.strict).write
        shape = model.output_shape
        if protocol == "cbor":
            tree = self._cbor.writer(shape) if shape is not None else dict
            return lambda answer, request_id: HttpAnswer(200, _cbor_headers(request_id), cbor2.dumps(tree(answer)))
        kind = "application/x-amz-json-1.0" if protocol == "json-1.0" else "application/x-amz-json-1.1"
        if shape is None:
            return lambda answer, request_id: HttpAnswer(200, _json_headers(kind, request_id), b"")
        write = self._json.writer(shape)
        return lambda answer, request_id: HttpAnswer(200, _json_headers(kind, request_id), orjson.dumps(write(answer)))

    def _query_writer(self, model: Any) -> Answer:
        name, shape = model.name, model.output_shape
        namespace = model.service_model.metadata.get("xmlNamespace", "")
        wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
        write = self._xml.writer(shape) if shape is not None else None

        def answer(value: Mapping[str, Any], request_id: str) -> HttpAnswer:
            out = [f'<{name}Response xmlns="{namespace}">']
            if write is not None:
                write(value, out, wrapper or f"{name}Result")
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
            headers = [("content-type", "text/xml"), ("x-amzn-requestid", request_id)]
            return HttpAnswer(200, headers, "".join(out).encode())

        return answer


def load_json(body: bytes) -> Any:
    """A JSON body; an empty one is an empty structure."""
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise unreadable(f"The request body is not valid JSON: {problem}") from None


def _load_cbor(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return cbor2.loads(body)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, TypeError, RecursionError):
        raise unreadable("The request body is not valid CBOR") from None


def _bytes(body: bytes | Staged) -> bytes:
    if isinstance(body, Staged):
        raise unreadable("This operation takes no stream")
    return body


def _json_headers(kind: str, request_id: str) -> list[tuple[str, str]]:
    return [("content-type", kind), ("x-amzn-requestid", request_id)]


def _cbor_headers(request_id: str) -> list[tuple[str, str]]:
    return [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-requestid", request_id),
    ]
