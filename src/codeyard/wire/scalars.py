"""Scalars as text: in query strings, headers, labels, form fields and XML elements."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from typing import Any

from codeyard.wire import times
from codeyard.wire.problems import unreadable

Read = Callable[[str], Any]
Write = Callable[[Any], str]
_TRUE = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


def reader(shape: Any) -> Read:
    """Closure from text to the shape's Python type; SerializationException where it cannot be."""
    kind = shape.type_name
    if kind == "string" and shape.serialization.get("jsonvalue"):
        return _guarded(kind, lambda text: json.loads(base64.b64decode(text)))
    return _guarded(kind, _READERS[kind])


def writer(shape: Any, time_format: str) -> Write:
    """Closure from the shape's Python type to text."""
    kind = shape.type_name
    if kind == "timestamp":
        make = times.writer(shape, time_format)
        return lambda value: str(make(value))
    if kind == "string" and shape.serialization.get("jsonvalue"):
        return lambda value: base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
    return _WRITERS.get(kind, str)


def _guarded(kind: str, read: Read) -> Read:
    def guarded(text: str) -> Any:
        try:
            return read(text)
        except (ValueError, KeyError, TypeError, OverflowError, binascii.Error):
            raise unreadable(f"{text!r:.60} is not a valid {kind}") from None

    return guarded


def _integer(text: str) -> int:
    if not text.lstrip("+-").isascii() or "_" in text:
        raise ValueError(text)
    return int(text)


def _float(text: str) -> float:
    if text == "Infinity":
        return math.inf
    return -math.inf if text == "-Infinity" else float(text)


def _write_float(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _write_bytes(value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


_READERS: dict[str, Read] = {
    "string": lambda text: text,
    "character": lambda text: text,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": lambda text: _TRUE[text],
    "timestamp": times.parse,
    "blob": lambda text: base64.b64decode(text, validate=True),
}
_WRITERS: dict[str, Write] = {
    "boolean": lambda value: "true" if value else "false",
    "float": _write_float,
    "double": _write_float,
    "blob": _write_bytes,
}
