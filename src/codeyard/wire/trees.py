"""JSON and CBOR: shapes to closures that read and write trees of plain values. One walker, compiled once a shape."""

from __future__ import annotations

import base64
import binascii
import datetime
import math
from collections.abc import Callable
from typing import Any

import cbor2

from codeyard.wire import times
from codeyard.wire.problems import mistyped, unreadable

Walk = Callable[[Any], Any]
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Trees:
    """Compiles shapes for one of the two encodings and one direction; recursive shapes are compiled lazily."""

    def __init__(self, *, cbor: bool, strict: Callable[[], bool], token: Callable[[], str]) -> None:
        self._cbor, self._strict, self.token = cbor, strict, token
        self._readers: dict[Any, Walk] = {}
        self._writers: dict[Any, Walk] = {}

    def reader(self, shape: Any) -> Walk:
        """Closure from a decoded value to Python's types."""
        return self._compiled(self._readers, shape, self._read)

    def writer(self, shape: Any) -> Walk:
        """Closure from Python's types to a value to encode."""
        return self._compiled(self._writers, shape, self._write)

    def _compiled(self, cache: dict[Any, Walk], shape: Any, make: Callable[[Any], Walk]) -> Walk:
        key = key_of(shape)
        if key not in cache:
            holder: list[Walk] = []
            cache[key] = lambda value: holder[0](value)
            holder.append(make(shape))
            cache[key] = holder[0]
        return cache[key]

    def _read(self, shape: Any) -> Walk:
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return lambda value: value
        if kind == "structure":
            return self._read_structure(shape)
        if kind == "list":
            return _read_list(self.reader(shape.member))
        if kind == "map":
            return _read_map(self.reader(shape.value))
        if kind == "blob":
            return _read_bytes if self._cbor else _read_base64
        return _SCALARS[kind]

    def _read_structure(self, shape: Any) -> Walk:
        members = {m.serialization.get("name", n): (n, self.reader(m)) for n, m in shape.members.items()}
        tokens = [n for n, m in shape.members.items() if m.metadata.get("idempotencyToken")]
        new_token = self.token

        def read(value: Any) -> dict[str, Any]:
            if not isinstance(value, dict):
                mistyped("a structure", value)
            found = {}
            for key, inner in value.items():
                if inner is not None and (member := members.get(key)) is not None:
                    found[member[0]] = member[1](inner)
            for name in tokens:
                if name not in found:
                    found[name] = new_token()
            return found

        return read

    def _write(self, shape: Any) -> Walk:
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return lambda value: value
        if kind == "structure":
            return self._write_structure(shape)
        if kind == "list":
            member = self.writer(shape.member)
            return self._checked("a list", (list, tuple), lambda value: [member(v) for v in value if v is not None])
        if kind == "map":
            inner = self.writer(shape.value)
            return self._checked("a map", dict, lambda value: {k: inner(v) for k, v in value.items() if v is not None})
        if kind == "blob":
            return (lambda value: bytes(value)) if self._cbor else _write_base64
        if kind == "timestamp":
            if self._cbor:
                return lambda value: cbor2.CBORTag(1, times.to_epoch(value))
            return times.writer(shape, "unixTimestamp")
        return self._write_scalar(kind)

    def _write_scalar(self, kind: str) -> Walk:
        if kind in ("float", "double"):
            if self._cbor:
                return float
            return lambda value: value if math.isfinite(value) else _unfinite(value)
        expected = {"string": str, "character": str, "boolean": bool}.get(kind, int)
        return self._checked(f"a {kind}", expected, lambda value: value)

    def _write_structure(self, shape: Any) -> Walk:
        members = {n: (m.serialization.get("name", n), self.writer(m)) for n, m in shape.members.items()}
        required = frozenset(shape.required_members)
        strict, name = self._strict, shape.name

        def write(value: Any) -> dict[str, Any]:
            out = {}
            for key, inner in value.items():
                if inner is None:
                    continue
                member = members.get(key)
                if member is None:
                    if strict():
                        raise TypeError(f"{name} has no member {key}")
                    continue
                out[member[0]] = member[1](inner)
            if strict() and (missing := required - value.keys()):
                raise TypeError(f"{name} lacks {', '.join(sorted(missing))}")
            return out

        return write

    def _checked(self, what: str, expected: Any, walk: Walk) -> Walk:
        strict = self._strict

        def write(value: Any) -> Any:
            if strict() and (not isinstance(value, expected) or (expected is int and isinstance(value, bool))):
                raise TypeError(f"{value!r:.80} is not {what}")
            return walk(value)

        return write


def key_of(shape: Any) -> tuple[Any, ...]:
    """What tells compiled shapes apart: the service's resolver, the name, and how this member is serialized."""
    facts = tuple(sorted((k, str(v)) for k, v in shape.serialization.items()))
    return (id(shape._shape_resolver), shape.name, shape.type_name, facts)


def _read_list(member: Walk) -> Walk:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            mistyped("a list", value)
        return [member(v) for v in value if v is not None]

    return read


def _read_map(inner: Walk) -> Walk:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            mistyped("a map", value)
        return {k: inner(v) for k, v in value.items() if v is not None}

    return read


def _read_string(value: Any) -> str:
    if not isinstance(value, str):
        mistyped("a string", value)
    return value


def _read_integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        mistyped("an integer", value)
    return value


def _read_float(value: Any) -> float:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        mistyped("a number", value)
    return float(value)


def _read_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        mistyped("a boolean", value)
    return value


def _read_time(value: Any) -> datetime.datetime:
    try:
        return times.parse(value)
    except (ValueError, TypeError, OverflowError):
        raise unreadable(f"Expected a timestamp, found {value!r:.40}") from None


def _read_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        mistyped("a blob", value)
    return value


def _read_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        mistyped("a base64 string", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise unreadable("Expected a base64 string") from None


def _write_base64(value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _unfinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_SCALARS: dict[str, Walk] = {
    "string": _read_string,
    "character": _read_string,
    "integer": _read_integer,
    "long": _read_integer,
    "float": _read_float,
    "double": _read_float,
    "boolean": _read_boolean,
    "timestamp": _read_time,
}
