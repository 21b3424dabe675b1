"""Values for botocore shapes: the least that is needed, or something random, or something broken in one place."""

from __future__ import annotations

import datetime
import random
import string
from typing import Any

_DEPTH = 6
_ALPHABET = string.ascii_letters + string.digits + "-_"


def minimal(shape: Any, depth: int = 0) -> Any:
    """A value with the required members only, of the right types; constraints are not looked at closely."""
    kind = shape.type_name
    if kind == "structure":
        if depth > _DEPTH:
            return {}
        return {name: minimal(shape.members[name], depth + 1) for name in shape.required_members}
    if kind == "list":
        return [minimal(shape.member, depth + 1)] if shape.metadata.get("min") else []
    if kind == "map":
        return {}
    return _scalar(shape)


def _scalar(shape: Any) -> Any:
    kind = shape.type_name
    if kind == "string":
        if shape.enum:
            return shape.enum[0]
        return "x" * max(int(shape.metadata.get("min", 1)), 1)
    if kind in ("integer", "long"):
        return int(shape.metadata.get("min", 1))
    if kind in ("float", "double"):
        return float(shape.metadata.get("min", 1))
    if kind == "boolean":
        return False
    if kind == "timestamp":
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return b"x"


def anything(rng: random.Random, shape: Any, depth: int = 0) -> Any:
    """A random value of the shape's type that cares little for its constraints: what a hostile client sends."""
    kind = shape.type_name
    if kind == "structure":
        return {
            name: anything(rng, member, depth + 1)
            for name, member in shape.members.items()
            if depth < _DEPTH and rng.random() < (0.8 if name in shape.required_members else 0.3)
        }
    if kind == "list":
        return [
            anything(rng, shape.member, depth + 1) for _ in range(rng.choice((0, 1, 1, 2, 5)) if depth < _DEPTH else 0)
        ]
    if kind == "map":
        return {_text(rng): anything(rng, shape.value, depth + 1) for _ in range(rng.choice((0, 1, 2)))}
    return _hostile(rng, shape)


def _hostile(rng: random.Random, shape: Any) -> Any:
    kind = shape.type_name
    if kind == "string":
        if shape.enum and rng.random() < 0.6:
            return rng.choice(shape.enum)
        return rng.choice(
            (_text(rng), _text(rng), "", "x" * 3000, "é☃", "../..", "\u0000x", "arn:aws:s3:::x", "{", "%")
        )
    if kind in ("integer", "long"):
        return rng.choice((0, 1, 2, 50, -1, 2**31 - 1))
    if kind in ("float", "double"):
        return rng.choice((0.0, -1.5, 1e9))
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "timestamp":
        return datetime.datetime(rng.choice((1970, 2026, 9000)), 1, 1, tzinfo=datetime.UTC)
    return rng.choice((b"", b"x", b"\xff\x00" * 20))


def _text(rng: random.Random) -> str:
    return "".join(rng.choice(_ALPHABET) for _ in range(rng.randint(1, 12)))
