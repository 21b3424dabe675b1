"""What the two REST protocols share: members in paths, queries, headers and the status; payloads; the body's rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import BlobRange, Follow, Staged
from codeyard.wire import values
from codeyard.wire.compiler import Mistyped, is_member
from codeyard.wire.http import Head

Body = bytes | Staged
ReadBody = Callable[[bytes], dict[str, Any]]
ReadPayload = Callable[[bytes], Any]
WriteBody = Callable[[Mapping[str, Any]], bytes]
Locate = Callable[[Head, Mapping[str, str], dict[str, list[str]], dict[str, Any]], None]


def request_reader(
    shape: Any, read_body: ReadBody | None, read_payload: ReadPayload | None
) -> Callable[[Head, Mapping[str, str], Body], dict[str, Any]]:
    """A function from (head, path labels, body) to parameters."""
    if shape is None:
        return lambda head, found, body: {}
    locators = [_locator(name, member, shape) for name, member in shape.members.items() if not is_member(member)]
    payload = shape.serialization.get("payload")
    member = shape.members[payload] if payload else None
    streams = member is not None and bool(member.serialization.get("streaming"))

    def read(head: Head, found: Mapping[str, str], body: Body) -> dict[str, Any]:
        params: dict[str, Any] = {}
        query: dict[str, list[str]] = {}
        for name, value in head.pairs():
            query.setdefault(name, []).append(value)
        for locate in locators:
            locate(head, found, query, params)
        if streams or not isinstance(body, bytes):
            params[payload] = body
        elif body and member is not None:
            params[payload] = _payload(member, body, read_payload)
        elif body and read_body is not None:
            params.update(read_body(body))
        return params

    return read


def _payload(member: Any, body: bytes, read_payload: ReadPayload | None) -> Any:
    if member.type_name == "blob":
        return body
    if member.type_name == "string":
        return body.decode("utf-8")
    return read_payload(body) if read_payload else None


def _locator(name: str, member: Any, shape: Any) -> Locate:
    location, wire_name = member.serialization["location"], member.serialization.get("name", name)
    if location == "uri":
        return _from_label(name, wire_name, values.scalar_reader(member.type_name))
    if location == "querystring":
        return _from_query(name, wire_name, member, shape)
    if location == "headers":
        return _from_prefix(name, wire_name.lower())
    return _from_header(name, wire_name.lower(), member)


def _from_label(name: str, wire_name: str, reader: Any) -> Locate:
    def locate(head: Head, labels: Mapping[str, str], query: dict[str, list[str]], params: dict[str, Any]) -> None:
        if wire_name in labels:
            params[name] = reader(labels[wire_name])

    return locate


def _from_query(name: str, wire_name: str, member: Any, shape: Any) -> Locate:
    if member.type_name == "map":
        return _from_query_map(name, member, shape)
    many = member.type_name == "list"
    reader = values.scalar_reader(member.member.type_name if many else member.type_name)

    def locate(head: Head, labels: Mapping[str, str], query: dict[str, list[str]], params: dict[str, Any]) -> None:
        found = query.get(wire_name)
        if found:
            params[name] = [reader(text) for text in found] if many else reader(found[-1])

    return locate


def _from_query_map(name: str, member: Any, shape: Any) -> Locate:
    bound = {m.serialization.get("name", n) for n, m in shape.members.items() if n != name}
    many = member.value.type_name == "list"

    def locate(head: Head, labels: Mapping[str, str], query: dict[str, list[str]], params: dict[str, Any]) -> None:
        found = {key: texts if many else texts[-1] for key, texts in query.items() if key not in bound}
        if found:
            params[name] = found

    return locate


def _from_prefix(name: str, prefix: str) -> Locate:
    def locate(head: Head, labels: Mapping[str, str], query: dict[str, list[str]], params: dict[str, Any]) -> None:
        found = {key[len(prefix) :]: _text(value) for key, value in head.headers.items() if key.startswith(prefix)}
        if found:
            params[name] = found

    return locate


def _from_header(name: str, header: str, member: Any) -> Locate:
    if member.type_name == "list":
        inner = values.scalar_reader(member.member.type_name)
        dated = member.member.type_name == "timestamp"
        reader: Any = lambda text: [inner(part) for part in _split(text, dated)]  # noqa: E731
    elif member.serialization.get("jsonvalue"):
        reader = lambda text: json.loads(values.from_base64(text))  # noqa: E731
    else:
        reader = values.scalar_reader(member.type_name)

    def locate(head: Head, labels: Mapping[str, str], query: dict[str, list[str]], params: dict[str, Any]) -> None:
        text = head.headers.get(header)
        if text is not None:
            params[name] = reader(_text(text))

    return locate


def _split(text: str, dated: bool) -> list[str]:
    """A header's comma-separated values; quotes protect commas; HTTP dates have a comma of their own."""
    if dated:
        parts = [part.strip() for part in text.split(",")]
        return [", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    found, part, quoted, escaped = [], "", False, False
    for letter in text:
        if escaped:
            part, escaped = part + letter, False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"' and (quoted or not part.strip()):
            quoted = not quoted
        elif letter == "," and not quoted:
            found.append(part.strip())
            part = ""
        else:
            part += letter
    return [*found, part.strip()]


def _text(text: str) -> str:
    """Headers come as latin-1; clients that send more send UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


Answer = tuple[int, list[tuple[str, str]], "bytes | BlobRange | Follow"]


def answer_writer(
    shape: Any,
    status: int,
    content_type: str,
    write_body: WriteBody | None,
    write_payload: Callable[[Any], bytes] | None,
) -> Callable[[Mapping[str, Any]], Answer]:
    """A function from an answer to (status, headers, body)."""
    if shape is None:
        return lambda answer: (status, [], b"")
    headers = [_header_writer(n, m) for n, m in shape.members.items() if m.serialization.get("location") == "header"]
    prefixes = [
        (n, m.serialization.get("name", ""))
        for n, m in shape.members.items()
        if m.serialization.get("location") == "headers"
    ]
    statuses = [n for n, m in shape.members.items() if m.serialization.get("location") == "statusCode"]
    ranged = next((name for name, header, _ in headers if header == "Content-Range"), "")
    payload = shape.serialization.get("payload")
    in_body = payload is None and any(is_member(member) for member in shape.members.values())

    def write(answer: Mapping[str, Any]) -> Answer:
        out = [(header, text(answer[name])) for name, header, text in headers if answer.get(name) is not None]
        for name, prefix in prefixes:
            out += [(prefix + key, value) for key, value in (answer.get(name) or {}).items()]
        code = next((answer[name] for name in statuses if answer.get(name) is not None), status)
        if code in (204, 304):
            return code, out, b""
        if ranged and code == 200 and answer.get(ranged) is not None:
            code = 206
        if payload is not None:
            body, kind = _write_payload(shape.members[payload], answer.get(payload), content_type, write_payload)
        elif in_body and write_body is not None:
            body, kind = write_body(answer), content_type
        else:
            body, kind = b"", ""
        if kind and not any(header.lower() == "content-type" for header, _ in out):
            out.append(("content-type", kind))
        return code, out, body

    return write


def _write_payload(
    member: Any, value: Any, content_type: str, write_payload: Callable[[Any], bytes] | None
) -> tuple[bytes | BlobRange | Follow, str]:
    if isinstance(value, (BlobRange, Follow)):
        kind = "application/vnd.amazon.eventstream" if member.serialization.get("eventstream") else ""
        return value, kind or "application/octet-stream"
    if member.type_name in ("blob", "string"):
        raw = b"" if value is None else value.encode() if isinstance(value, str) else bytes(value)
        return raw, "application/json" if member.type_name == "string" else "application/octet-stream"
    if value is None or write_payload is None:
        return b"", ""
    return write_payload(value), content_type


def _header_writer(name: str, member: Any) -> tuple[str, str, Callable[[Any], str]]:
    header, traits = member.serialization.get("name", name), member.serialization
    if member.type_name == "list":
        inner = values.scalar_writer(member.member.type_name, traits.get("timestampFormat", "rfc822"))
        return name, header, lambda value: ",".join([inner(item) for item in value])
    if traits.get("jsonvalue"):
        return name, header, lambda value: values.to_base64(json.dumps(value, separators=(",", ":")))
    text = values.scalar_writer(member.type_name, traits.get("timestampFormat", "rfc822"))
    return name, header, lambda value: _one_line(text(value))


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\0" in text:
        raise Mistyped("A header cannot hold a line break.")
    return text
