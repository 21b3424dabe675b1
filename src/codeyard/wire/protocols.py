"""One operation in one protocol: how its request is read and its answer written. Built once, at first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import BlobRange, Follow, Staged
from codeyard.wire import rest, trees
from codeyard.wire.compiler import Mistyped
from codeyard.wire.faults import json_type, namespace
from codeyard.wire.forms import FormReader, parse_form
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.models import Models
from codeyard.wire.trees import TreeReader, TreeWriter
from codeyard.wire.xmlio import XmlReader, XmlWriter, local_name, parse_xml

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
Body = bytes | Staged


@dataclass(frozen=True, slots=True)
class Codec:
    """Reads requests and writes answers of one operation."""

    read: Callable[[Head, Mapping[str, str], Body], dict[str, Any]]
    write: Callable[[Mapping[str, Any], str], HttpAnswer]


class Protocols:
    """Builds Codecs, sharing what is compiled of shapes."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._readers: dict[str, TreeReader] = {}
        self._writers: dict[str, TreeWriter] = {}
        self._compilers: dict[str, tuple[FormReader, XmlReader, XmlWriter]] = {}

    def codec(self, service: str, operation: str, protocol: str) -> Codec:
        """The codec of an operation in a protocol."""
        model = self._models.operation(service, operation)
        if protocol == "query":
            return Codec(self._form_in(service, model), self._query_out(service, model))
        if protocol == "rest-xml":
            return Codec(self._rest_xml_in(service, model), self._rest_xml_out(service, model))
        if protocol == "rest-json":
            return Codec(self._rest_json_in(service, model), self._rest_json_out(service, model))
        kind = "json" if protocol == "json" else "cbor"
        return Codec(self._tree_in(service, model, kind), self._tree_out(service, model, kind))

    def _xml(self, service: str) -> tuple[FormReader, XmlReader, XmlWriter]:
        """Shapes are named within a service, so what is compiled of them is kept by service."""
        made = FormReader(), XmlReader(), XmlWriter(millis=service == "s3")
        return self._compilers.setdefault(service, made)

    def _tree_reader(self, service: str, kind: str) -> TreeReader:
        return self._readers.setdefault(f"{service} {kind}", TreeReader(cbor=kind == "cbor"))

    def _tree_writer(self, service: str, kind: str) -> TreeWriter:
        return self._writers.setdefault(f"{service} {kind}", TreeWriter(cbor=kind == "cbor"))

    def _tree_in(self, service: str, model: Any, kind: str) -> Callable[..., dict[str, Any]]:
        if model.input_shape is None:
            return lambda head, labels, body: {}
        load = trees.load_json if kind == "json" else trees.load_cbor
        reader = self._tree_reader(service, kind).compile(model.input_shape)
        return lambda head, labels, body: reader(load(body))

    def _tree_out(self, service: str, model: Any, kind: str) -> Callable[..., HttpAnswer]:
        shape = model.output_shape
        writer = self._tree_writer(service, kind).compile(shape) if shape is not None else None
        dump = trees.dump_json if kind == "json" else trees.dump_cbor
        content = [("content-type", json_type(self._models, service))]
        if kind == "cbor":
            content = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        stream = shape.event_stream_name if shape is not None else None

        def write(answer: Mapping[str, Any], request_id: str) -> HttpAnswer:
            headers = [("x-amzn-requestid", request_id)]
            if stream and isinstance(answer.get(stream), Follow):
                headers.append(("content-type", "application/vnd.amazon.eventstream"))
                return HttpAnswer(200, headers, answer[stream])
            body = b"" if writer is None else dump(writer(answer))
            return HttpAnswer(200, headers + content, body)

        return write

    def _form_in(self, service: str, model: Any) -> Callable[..., dict[str, Any]]:
        if model.input_shape is None:
            return lambda head, labels, body: {}
        reader = self._xml(service)[0].compile(model.input_shape)

        def read(head: Head, labels: Mapping[str, str], body: bytes) -> dict[str, Any]:
            text = body.decode("ascii", "strict") if body.isascii() else body.decode("latin-1")
            in_query = "Action=" in head.query
            found: dict[str, Any] = reader(parse_form(head.query if in_query else text))
            return found

        return read

    def _query_out(self, service: str, model: Any) -> Callable[..., HttpAnswer]:
        shape, name = model.output_shape, model.name
        inside = self._xml(service)[2].inside(shape) if shape is not None else None
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result") if shape is not None else ""
        start = f'<{name}Response xmlns="{namespace(self._models, service)}">'

        def write(answer: Mapping[str, Any], request_id: str) -> HttpAnswer:
            parts = [start]
            if inside is not None:
                parts.append(f"<{wrapper}>")
                inside(answer, parts.append)
                parts.append(f"</{wrapper}>")
            parts.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
            headers = [("x-amzn-requestid", request_id), ("content-type", "text/xml")]
            return HttpAnswer(200, headers, "".join(parts).encode())

        return write

    def _rest_json_in(self, service: str, model: Any) -> Callable[..., dict[str, Any]]:
        shape = model.input_shape
        if shape is None:
            return rest.request_reader(None, None, None)
        reader = self._tree_reader(service, "json")
        payload = shape.serialization.get("payload")
        inner = reader.compile(shape.members[payload]) if payload else None
        whole = reader.compile(shape)
        return rest.request_reader(
            shape,
            lambda body: whole(trees.load_json(body)),
            (lambda body: inner(trees.load_json(body))) if inner else None,
        )

    def _rest_json_out(self, service: str, model: Any) -> Callable[..., HttpAnswer]:
        shape = model.output_shape
        status = model.http.get("responseCode", 200)
        if shape is None:
            return _with_id(rest.answer_writer(None, status, "", None, None), "x-amzn-requestid")
        writer = self._tree_writer(service, "json")
        payload = shape.serialization.get("payload")
        inner = writer.compile(shape.members[payload]) if payload else None
        whole = writer.compile(shape)
        made = rest.answer_writer(
            shape,
            status,
            "application/json",
            lambda answer: trees.dump_json(whole(answer)),
            (lambda value: trees.dump_json(inner(value))) if inner else None,
        )
        return _with_id(made, "x-amzn-requestid")

    def _rest_xml_in(self, service: str, model: Any) -> Callable[..., dict[str, Any]]:
        shape = model.input_shape
        if shape is None:
            return rest.request_reader(None, None, None)
        reader = self._xml(service)[1]
        payload = shape.serialization.get("payload")
        member = shape.members[payload] if payload else None
        inner = reader.compile(member) if member is not None else None
        whole = reader.compile(shape)
        root = member.serialization.get("name", "") if member is not None else ""
        return rest.request_reader(
            shape,
            lambda body: whole([parse_xml(body)]),
            (lambda body: inner([_root(body, root)])) if inner else None,
        )

    def _rest_xml_out(self, service: str, model: Any) -> Callable[..., HttpAnswer]:
        shape = model.output_shape
        status = model.http.get("responseCode", 200)
        if shape is None:
            return _with_id(rest.answer_writer(None, status, "", None, None), "x-amz-request-id")
        if model.name == "GetBucketLocation":
            return _with_id(
                lambda answer: (200, [("content-type", "application/xml")], _location(answer)), "x-amz-request-id"
            )
        writer = self._xml(service)[2]
        payload = shape.serialization.get("payload")
        made = rest.answer_writer(
            shape,
            status,
            "application/xml",
            _document(writer.inside(shape), shape.serialization.get("name") or _root_name(shape.name)),
            _payload_document(writer, shape.members[payload], payload) if payload else None,
        )
        return _with_id(made, "x-amz-request-id")


def _root(body: bytes, name: str) -> Any:
    root = parse_xml(body)
    if name and local_name(root) != name:
        raise Mistyped(f"Expected {name}.")
    return root


def _with_id(write: Callable[[Mapping[str, Any]], Any], header: str) -> Callable[..., HttpAnswer]:
    def answer(given: Mapping[str, Any], request_id: str) -> HttpAnswer:
        status, headers, body = write(given)
        if isinstance(body, BlobRange):  # its length is the edge's to say
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        ids = [(header, request_id)]
        if header == "x-amz-request-id":
            ids.append(("x-amz-id-2", request_id))
        return HttpAnswer(status, ids + headers, body)

    return answer


def _document(inside: Callable[..., None], root: str) -> Callable[[Mapping[str, Any]], bytes]:
    def write(answer: Mapping[str, Any]) -> bytes:
        parts = [f'{_DECLARATION}<{root} xmlns="{S3_NAMESPACE}">']
        inside(answer, parts.append)
        parts.append(f"</{root}>")
        return "".join(parts).encode()

    return write


def _payload_document(writer: XmlWriter, member: Any, name: str) -> Callable[[Any], bytes] | None:
    if member.type_name != "structure":
        return None
    return _document(writer.inside(member), member.serialization.get("name", name))


def _location(answer: Mapping[str, Any]) -> bytes:
    """S3's one answer whose root element is the value itself."""
    value = answer.get("LocationConstraint") or ""
    return f'{_DECLARATION}<LocationConstraint xmlns="{S3_NAMESPACE}">{value}</LocationConstraint>'.encode()


def _root_name(shape_name: str) -> str:
    for ending in ("Output", "Response"):
        if shape_name.endswith(ending):
            return f"{shape_name[: -len(ending)]}Result"
    return shape_name
