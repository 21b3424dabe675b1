"""JSON and CBOR: between shapes and trees of dicts and lists, which orjson and cbor2 turn into bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import cbor2
import orjson

from codeyard.wire import values
from codeyard.wire.compiler import Closure, Compiler, Mistyped, is_member

_PLAIN = {"string": str, "character": str, "boolean": bool, "integer": int, "long": int}


class TreeReader(Compiler):
    """From a parsed tree to Python parameters; `cbor` says that times and blobs are native."""

    def __init__(self, *, cbor: bool) -> None:
        super().__init__()
        self._cbor = cbor

    def structure(self, shape: Any) -> Closure:
        """A dict's known members; unknown ones are ignored, as AWS does."""
        if shape.is_document_type:
            return _same
        members = {
            member.serialization.get("name", name): (name, _PLAIN.get(member.type_name), self.compile(member))
            for name, member in shape.members.items()
            if is_member(member)
        }

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise Mistyped("Expected a structure.")
            out = {}
            for key, item in value.items():
                found = members.get(key)
                if found is not None and item is not None:
                    name, plain, reader = found
                    out[name] = item if type(item) is plain else reader(item)
            return out

        return read

    def list(self, shape: Any) -> Closure:
        """A list, each member read."""
        reader = self.compile(shape.member)

        def read(value: Any) -> Any:
            if type(value) is not list:
                raise Mistyped("Expected a list.")
            return [None if item is None else reader(item) for item in value]

        return read

    def map(self, shape: Any) -> Closure:
        """A map, each value read; null values are left out."""
        reader = self.compile(shape.value)

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise Mistyped("Expected a map.")
            out = {}
            for key, item in value.items():
                if type(key) is not str:
                    raise Mistyped("Expected a map with text keys.")
                if item is not None:
                    out[key] = reader(item)
            return out

        return read

    def scalar(self, shape: Any) -> Closure:
        """A scalar, strictly of its type."""
        kind = shape.type_name
        if kind == "blob":
            return _cbor_blob if self._cbor else _json_blob
        readers: dict[str, Closure] = {
            "boolean": _boolean,
            "integer": _integer,
            "long": _integer,
            "float": _float,
            "double": _float,
            "timestamp": _time,
        }
        return readers.get(kind, _string)


class TreeWriter(Compiler):
    """From Python answers to a tree."""

    def __init__(self, *, cbor: bool) -> None:
        super().__init__()
        self._cbor = cbor

    def structure(self, shape: Any) -> Closure:
        """The members that are there, under their names on the wire."""
        if shape.is_document_type:
            return _same
        members = {
            name: (member.serialization.get("name", name), member.type_name in _PLAIN, self.compile(member))
            for name, member in shape.members.items()
            if is_member(member)
        }

        def write(value: Any) -> Any:
            out = {}
            for name, item in value.items():
                found = members.get(name)
                if found is not None and item is not None:
                    key, plain, writer = found
                    out[key] = item if plain else writer(item)
            return out

        return write

    def list(self, shape: Any) -> Closure:
        """A list, each member written."""
        if shape.member.type_name in _PLAIN:
            return list
        writer = self.compile(shape.member)
        return lambda value: [None if item is None else writer(item) for item in value]

    def map(self, shape: Any) -> Closure:
        """A map, each value written."""
        writer = self.compile(shape.value)
        return lambda value: {key: writer(item) for key, item in value.items() if item is not None}

    def scalar(self, shape: Any) -> Closure:
        """A scalar in the protocol's form."""
        kind = shape.type_name
        if kind == "timestamp":
            return self._time(shape.serialization.get("timestampFormat", "unixtimestamp"))
        if kind == "blob":
            return bytes if self._cbor else values.to_base64
        if kind in ("float", "double") and not self._cbor:
            return _finite
        return _same

    def _time(self, form: str) -> Callable[[Any], Any]:
        if self._cbor:
            return lambda value: cbor2.CBORTag(1, values.to_epoch(value))
        if form == "unixtimestamp":
            return values.to_epoch
        return lambda value: values.stamp(value, form)


def load_json(body: bytes) -> Any:
    """The tree of a JSON body; an empty body is an empty object."""
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Mistyped("The body is not JSON.") from error


def dump_json(tree: Any) -> bytes:
    """A tree as JSON."""
    return orjson.dumps(tree, option=orjson.OPT_NON_STR_KEYS)


def load_cbor(body: bytes) -> Any:
    """The tree of a CBOR body; an empty body is an empty map."""
    try:
        return cbor2.loads(body, semantic_decoders=_REFUSED) if body else {}
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise Mistyped("The body is not CBOR.") from error


def dump_cbor(tree: Any) -> bytes:
    """A tree as CBOR."""
    return cbor2.dumps(tree)


def _refuse(decoder: Any) -> Any:
    raise cbor2.CBORDecodeError("the tag is not one of the protocol's")


# Times (1) and the mark of CBOR itself are taken. What else cbor2 knows - numbers without bound, references that make
# circles, expressions, mail - no member of a shape can be.
_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000)
_REFUSED = dict.fromkeys(_TAGS, _refuse)


def _same(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Mistyped("Expected a string.")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise Mistyped("Expected a boolean.")
    return value


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise Mistyped("Expected an integer.")


def _float(value: Any) -> float:
    if type(value) in (int, float):
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise Mistyped("Expected a number.")


def _time(value: Any) -> datetime:
    if type(value) in (int, float) and math.isfinite(value):
        return values.from_epoch(value)
    if isinstance(value, datetime):
        return values.aware(value)
    if type(value) is str:
        return values.from_text(value)
    raise Mistyped("Expected a timestamp.")


def _json_blob(value: Any) -> bytes:
    if type(value) is not str:
        raise Mistyped("Expected a base64 string.")
    return values.from_base64(value)


def _cbor_blob(value: Any) -> bytes:
    if type(value) is not bytes:
        raise Mistyped("Expected bytes.")
    return value


def _finite(value: Any) -> Any:
    return value if isinstance(value, int) or math.isfinite(value) else values.number_text(value)
