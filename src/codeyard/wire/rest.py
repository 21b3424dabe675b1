"""The REST protocols: members in labels, the query string, headers and the body; JSON or XML inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from codeyard.contract import BlobRange, Follow, Staged
from codeyard.wire import scalars
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.problems import unreadable
from codeyard.wire.trees import Trees
from codeyard.wire.xml import Xml, document

_HEADER_TIME, _QUERY_TIME = "rfc822", "iso8601"
# The root elements that S3's answers have on the wire; botocore's model does not keep them.
_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListParts": "ListPartsResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
    "GetBucketTagging": "Tagging",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetBucketCors": "CORSConfiguration",
}
_NO_CONTENT = frozenset({204, 304})
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class RestReader:
    """Reads one operation's requests."""

    def __init__(self, model: Any, codec: Trees | Xml) -> None:
        self._codec = codec
        shape = model.input_shape
        self._payload: str | None = shape.serialization.get("payload")
        self._labels: list[tuple[str, str, Callable[[str], Any]]] = []
        self._query: list[tuple[str, str, Callable[[list[str]], Any]]] = []
        self._query_maps: list[tuple[str, Any]] = []
        self._headers: list[tuple[str, str, Callable[[str], Any]]] = []
        self._prefixes: list[tuple[str, str]] = []
        for name, member in shape.members.items():
            self._place(name, member)
        self._shape = shape
        self._payload_shape = shape.members[self._payload] if self._payload else None
        self._has_body = any(not m.serialization.get("location") for m in shape.members.values())
        self._tokens = [n for n, m in shape.members.items() if m.metadata.get("idempotencyToken")]

    def read(self, labels: Mapping[str, str], head: Head, body: bytes | Staged) -> dict[str, Any]:
        """The request's parameters."""
        found: dict[str, Any] = {name: read(labels[field]) for name, field, read in self._labels if field in labels}
        if head.query and (self._query or self._query_maps):
            self._read_query(parse_qs(head.query, keep_blank_values=True), found)
        for name, field, read in self._headers:
            if field in head.headers:
                found[name] = read(head.headers[field])
        for name, prefix in self._prefixes:
            given = {k[len(prefix) :]: v for k, v in head.headers.items() if k.startswith(prefix)}
            if given:
                found[name] = given
        self._read_body(body, found)
        for name in self._tokens:
            found.setdefault(name, self._codec.token())
        return found

    def _place(self, name: str, member: Any) -> None:
        where, field = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "uri":
            self._labels.append((name, field, scalars.reader(member)))
        elif where == "querystring" and member.type_name == "map":
            self._query_maps.append((name, member))
        elif where == "querystring":
            self._query.append((name, field, _query_reader(member)))
        elif where == "header":
            self._headers.append((name, field.lower(), _header_reader(member)))
        elif where == "headers":
            self._prefixes.append((name, member.serialization.get("name", "").lower()))

    def _read_query(self, given: dict[str, list[str]], found: dict[str, Any]) -> None:
        for name, field, read in self._query:
            if field in given:
                found[name] = read(given[field])
        named = {field for _, field, _ in self._query}
        for name, member in self._query_maps:
            many = member.value.type_name == "list"
            rest = {k: v if many else v[0] for k, v in given.items() if k not in named}
            if rest:
                found[name] = rest

    def _read_body(self, body: bytes | Staged, found: dict[str, Any]) -> None:
        if self._payload is not None and self._payload_shape is not None:
            value = self._read_payload(self._payload_shape, body)
            if value is not None:
                found[self._payload] = value
        elif self._has_body and isinstance(body, bytes) and body:
            inner = self._decode(self._shape, body)
            where = {n for n, m in self._shape.members.items() if m.serialization.get("location")}
            found.update({k: v for k, v in inner.items() if k not in where and k not in found})

    def _read_payload(self, shape: Any, body: bytes | Staged) -> Any:
        if shape.type_name == "blob":
            return body if isinstance(body, Staged) or body else None
        if isinstance(body, Staged):
            raise unreadable("This operation takes no stream")
        if shape.type_name == "string":
            return body.decode("utf-8", "replace") if body else None
        return self._decode(shape, body) if body else None

    def _decode(self, shape: Any, body: bytes) -> Any:
        if isinstance(self._codec, Xml):
            return self._codec.reader(shape)(document(body))
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise unreadable(f"The request body is not valid JSON: {problem}") from None
        return self._codec.reader(shape)(value)


class RestWriter:
    """Writes one operation's answers."""

    def __init__(self, model: Any, codec: Trees | Xml, strict: Callable[[], bool]) -> None:
        self._codec, self._strict, self._name = codec, strict, model.name
        self._shape = shape = model.output_shape
        self._status = int(model.http.get("responseCode", 200) or 200)
        self._s3 = model.service_model.service_name == "s3"
        self._namespace = _namespace(model)
        self._headers: dict[str, tuple[str, Callable[[Any], str]]] = {}
        self._prefixes: dict[str, str] = {}
        self._status_member = ""
        self._payload: str | None = None
        self._body: dict[str, Any] = {}
        for name, member in shape.members.items() if shape is not None else ():
            self._place(name, member)
        if shape is not None:
            self._payload = shape.serialization.get("payload")

    def write(self, answer: Mapping[str, Any], request_id: str) -> HttpAnswer:
        """The answer with its status, headers and body."""
        status, headers = self._status, self._ids(request_id)
        body_members = {}
        for name, value in answer.items():
            if value is None:
                continue
            if name in self._headers:
                field, write = self._headers[name]
                headers.append((field, write(value)))
            elif name in self._prefixes:
                headers += [(f"{self._prefixes[name]}{k}", str(v)) for k, v in value.items()]
            elif name == self._status_member:
                status = int(value)
            elif name in self._body:
                body_members[name] = value
            elif self._strict():
                raise TypeError(f"{self._name} has no member {name}")
        body, kind = self._write_body(body_members)
        if kind and not any(field.lower() == "content-type" for field, _ in headers):
            headers.append(("content-type", kind))
        if status in _NO_CONTENT:
            body = b""
        return HttpAnswer(status, headers, body)

    def _place(self, name: str, member: Any) -> None:
        where, field = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "header":
            self._headers[name] = (field, _header_writer(member))
        elif where == "headers":
            self._prefixes[name] = field
        elif where == "statusCode":
            self._status_member = name
        else:
            self._body[name] = member

    def _ids(self, request_id: str) -> list[tuple[str, str]]:
        if self._s3:
            return [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
        return [("x-amzn-requestid", request_id)]

    def _write_body(self, members: Mapping[str, Any]) -> tuple[bytes | BlobRange | Follow, str]:
        if self._payload is not None:
            return self._write_payload(members.get(self._payload))
        if not self._body:
            return b"", ""
        if isinstance(self._codec, Xml):
            return self._xml(self._shape, members, _ROOTS.get(self._name, self._shape.name))
        return self._json(self._shape, dict(members))

    def _write_payload(self, value: Any) -> tuple[bytes | BlobRange | Follow, str]:
        shape = self._body[str(self._payload)]
        if isinstance(value, (BlobRange, Follow)):
            return value, "application/octet-stream"
        if shape.type_name == "blob":
            return (value if isinstance(value, bytes) else b""), "application/octet-stream"
        if shape.type_name == "string":
            return (value or "").encode(), "application/json" if self._s3 else "text/plain"
        if value is None:
            return b"", ""
        if isinstance(self._codec, Xml):
            return self._xml(shape, value, shape.serialization.get("name", str(self._payload)))
        return self._json(shape, value)

    def _json(self, shape: Any, value: Any) -> tuple[bytes, str]:
        tree = self._codec.writer(shape)
        assert isinstance(self._codec, Trees)
        located = (
            {n for n, m in shape.members.items() if m.serialization.get("location")} if shape is self._shape else ()
        )
        kept = {k: v for k, v in value.items() if k not in located} if located else value
        if shape is self._shape and self._strict():
            kept = _Partial(kept, located)
        return orjson.dumps(tree(kept)), "application/json"

    def _xml(self, shape: Any, value: Any, root: str) -> tuple[bytes, str]:
        assert isinstance(self._codec, Xml)
        if self._name == "GetBucketLocation":
            text = value.get("LocationConstraint", "")
            element = f"<LocationConstraint{self._namespace}>{text}</LocationConstraint>"
            return f"{_DECLARATION}{element}".encode(), "application/xml"
        out: list[str] = []
        located = {n for n, m in self._shape.members.items() if m.serialization.get("location")}
        self._codec.writer(shape)(_Partial(value, located) if shape is self._shape else value, out, root)
        if out and self._namespace and " " not in out[0]:
            out[0] = f"<{root}{self._namespace}>"
        return (_DECLARATION + "".join(out)).encode(), "application/xml"


class _Partial(dict[str, Any]):
    """The members that go into a body; those in headers count as present when the serializer looks for them."""

    def __init__(self, value: Mapping[str, Any], elsewhere: Any) -> None:
        super().__init__(value)
        self._elsewhere = frozenset(elsewhere)

    def keys(self) -> Any:
        return super().keys() | self._elsewhere


def _namespace(model: Any) -> str:
    uri = "http://s3.amazonaws.com/doc/2006-03-01/" if model.service_model.service_name == "s3" else ""
    return f' xmlns="{uri}"' if uri else ""


def _query_reader(member: Any) -> Callable[[list[str]], Any]:
    if member.type_name == "list":
        inner = scalars.reader(member.member)
        return lambda values: [inner(v) for v in values]
    read = scalars.reader(member)
    return lambda values: read(values[-1])


def _header_reader(member: Any) -> Callable[[str], Any]:
    if member.type_name == "list":
        inner = scalars.reader(member.member)
        return lambda text: [inner(part) for part in split_header(text)]
    return scalars.reader(member)


def split_header(text: str) -> list[str]:
    """A header's comma-separated values; quoted ones may hold commas."""
    parts, current, quoted, escaped = [], [], False, False
    for char in text:
        if escaped:
            current.append(char)
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append("".join(current).strip())
            current = []
        else:
            current.append(char)
    parts.append("".join(current).strip())
    return parts


def _header_writer(member: Any) -> Callable[[Any], str]:
    if member.type_name == "list":
        inner = scalars.writer(member.member, _HEADER_TIME)
        return lambda values: ",".join(_quoted(inner(v)) for v in values)
    return scalars.writer(member, _HEADER_TIME)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if "," in text or '"' in text else text


__all__ = ["RestReader", "RestWriter", "split_header"]
