"""The one shape walker: turns a model's shapes into closures, once each; a protocol says what to make of a shape."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.model import Shape

Closure = Callable[..., Any]

# What the scalars of a model are in Python; blobs differ by direction.
SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime, int, float),
}


class Compiler:
    """Walks shapes and keeps what a protocol's `make_<type>` methods built of them; recursive shapes are fine.

    Subclasses define `structure(shape)`, `list(shape)`, `map(shape)` and `scalar(shape)`, which call `compile` for
    the shapes inside.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Closure] = {}
        self._lock = threading.RLock()

    def compile(self, shape: Shape) -> Closure:
        """The closure for a shape with its member's traits."""
        key = (shape.name, repr(shape.serialization))
        with self._lock:
            found = self._made.get(key)
            if found is None:
                cell: list[Closure] = []
                self._made[key] = lambda *args: cell[0](*args)
                found = self._make(shape)
                cell.append(found)
                self._made[key] = found
        return found

    def _make(self, shape: Any) -> Closure:
        if shape.type_name == "structure":
            return self.structure(shape)
        if shape.type_name == "list":
            return self.list(shape)
        if shape.type_name == "map":
            return self.map(shape)
        return self.scalar(shape)

    def structure(self, shape: Any) -> Closure:
        """What to make of a structure."""
        raise NotImplementedError

    def list(self, shape: Any) -> Closure:
        """What to make of a list."""
        raise NotImplementedError

    def map(self, shape: Any) -> Closure:
        """What to make of a map."""
        raise NotImplementedError

    def scalar(self, shape: Any) -> Closure:
        """What to make of anything else."""
        raise NotImplementedError


class Mistyped(ValueError):
    """A value on the wire is not of its shape's type."""


def is_member(shape: Any) -> bool:
    """Whether a structure's member travels in the body: it has no other location."""
    return shape.serialization.get("location") not in ("header", "headers", "uri", "querystring", "statusCode")
