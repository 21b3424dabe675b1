"""Plain-random values for the models' shapes, and the one table of what a wire cannot carry.

A round trip is compared after `carried` has taken from the value what its wire has no way to say. Rows are about
wires and types, never about an operation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_TEXT = "abcXYZ019 _-./:%+&=?#<>\"'\\{}é✓😀"
_PLAIN = "abcXYZ019-"

# (wire, location or body, what, why): applied by `Maker` and `carried` below.
NOT_CARRIED = (
    ("all", "header", "fractions of a second", "HTTP dates have none; botocore cuts them off in every form"),
    ("all", "header", "text beyond printable ASCII, or with outer spaces", "HTTP fields hold neither"),
    ("all", "header", "an empty list or map", "there is no field to send"),
    ("all", "header", "case of the names in a prefixed map", "field names have none"),
    ("all", "header", "commas and quotes inside an answer's lists", "botocore's reader splits at every comma"),
    ("all", "uri", "an empty label", "the path would have one segment less"),
    ("all", "querystring", "an empty list or map", "there is no pair to send"),
    ("all", "querystring", "a map's key that is another member's name", "it would be that member"),
    ("all", "payload", "its absence, empty bytes, empty text", "no body and an empty body are the same"),
    ("all", "payload", "its media type's absence, where the model has a member for it", "a body is sent with its type"),
    ("query", "body", "a structure or map without members", "only leaves have a name"),
    ("query, rest-xml", "body", "an empty flattened list or map", "there is no element to repeat"),
    ("query, rest-xml", "body", "control characters; a carriage return", "XML 1.0 has none; readers make it a newline"),
    ("query", "body", "text with dots in names", "the dot separates names"),
    ("rest-xml", "request", "the names of operations that share method, URI and required members", "nothing differs"),
    ("rest-xml", "body", "members of one structure that share an element's name", "a reader cannot tell which it was"),
    ("all", "answer", "event streams", "they are frames that follow one another, not one value"),
    ("all", "times", "times before 1970 or finer than a millisecond", "clients differ in how they round"),
)


class Maker:
    """Makes values of shapes; `wire` and `inward` say which journey they are for."""

    def __init__(self, seed: str, wire: str, *, inward: bool) -> None:
        self.random = random.Random(seed)
        self.wire, self.inward = wire, inward

    def top(self, shape: Any) -> dict[str, Any]:
        """A value of an operation's whole input or output."""
        return {} if shape is None else self.structure(shape, 0, top=True)

    def structure(self, shape: Any, depth: int, *, top: bool = False) -> dict[str, Any]:
        """Required members and some others; deeper down, fewer."""
        if shape.is_tagged_union:
            name = self.random.choice(list(shape.members))
            return {name: self.value(shape.members[name], depth + 1)}
        made = {}
        chance = (0.7, 0.5, 0.3, 0.1)[min(depth, 3)] if depth < 6 else 0.0
        shared = _shared_names(shape)
        for name, member in shape.members.items():
            if name in shared:
                continue
            must = name in shape.required_members or member.serialization.get("location") in ("uri", "statusCode")
            typed = member.serialization.get("name", "").lower() == "content-type"
            must = must or (top and (shape.serialization.get("payload") == name or typed))
            if (must and depth < 12) or self.random.random() < chance:
                made[name] = self.member(shape, name, member, depth, top)
        return {name: value for name, value in made.items() if value is not _NOTHING}

    def member(self, shape: Any, name: str, member: Any, depth: int, top: bool) -> Any:
        location = member.serialization.get("location") if top else None
        if top and shape.serialization.get("payload") == name:
            return self.payload(member)
        if member.serialization.get("eventstream"):
            return _NOTHING
        if location == "statusCode":
            return 200
        if location in ("uri", "querystring", "header", "headers"):
            return self.located(shape, member, location)
        return self.value(member, depth + 1)

    def payload(self, member: Any) -> Any:
        if member.serialization.get("eventstream"):
            return _NOTHING
        if member.type_name == "blob":
            return self.random.randbytes(self.random.randint(1, 40)) if self.inward else b"plain bytes"
        if member.type_name == "string":
            return self.text(minimum=1)
        return self.value(member, 1)

    def located(self, shape: Any, member: Any, location: str) -> Any:
        kind = member.type_name
        if kind == "list":
            return [self.simple(member.member, location) for _ in range(self.random.randint(1, 3))]
        if kind == "map":
            taken = {m.serialization.get("name", n).lower() for n, m in shape.members.items()}
            keys = {f"k{self.random.randint(0, 99)}" for _ in range(2)} - taken
            return {key: self._map_value(member.value, location) for key in sorted(keys)}
        return self.simple(member, location)

    def _map_value(self, shape: Any, location: str) -> Any:
        return [self.simple(shape.member, location)] if shape.type_name == "list" else self.simple(shape, location)

    def simple(self, shape: Any, location: str) -> Any:
        if shape.type_name == "timestamp":
            form = shape.serialization.get("timestampFormat", "rfc822" if location == "header" else "iso8601")
            return self.time(whole=form == "rfc822" or location == "header")
        if shape.type_name != "string":
            return self.value(shape, 1)
        if shape.enum:
            return self.random.choice(shape.enum)
        if location == "header":
            return "".join(self.random.choices(_PLAIN, k=self.random.randint(1, 9)))
        return self.text(minimum=1)

    def value(self, shape: Any, depth: int) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return {"a": 1} if shape.is_document_type else self.structure(shape, depth)
        if kind == "list":
            return [self.value(shape.member, depth + 1) for _ in range(self.count(depth))]
        if kind == "map":
            return {f"{self.text(1)}{i}": self.value(shape.value, depth + 1) for i in range(self.count(depth))}
        return self.scalar(shape)

    def scalar(self, shape: Any) -> Any:
        kind = shape.type_name
        if kind in ("integer", "long"):
            return self.random.choice([0, 1, -1, self.random.randint(-(2**31), 2**31 - 1)])
        if kind in ("float", "double"):
            return self.random.choice([0.0, 1.5, -2.25, self.random.randint(-1000, 1000) / 8])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return self.time(whole=shape.serialization.get("timestampFormat") == "rfc822")
        if kind == "blob":
            return self.random.randbytes(self.random.randint(0, 20))
        return self.random.choice(shape.enum) if getattr(shape, "enum", None) else self.text()

    def time(self, *, whole: bool) -> datetime:
        fraction = 0 if whole else self.random.choice([0, 0, self.random.randint(0, 999)])
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=self.random.randint(1, 4_000_000_000), milliseconds=fraction
        )

    def text(self, minimum: int = 0) -> str:
        return "".join(self.random.choices(_TEXT, k=self.random.randint(minimum, 8)))

    def count(self, depth: int) -> int:
        return self.random.choice([0, 1, 2] if depth < 4 else [0, 1] if depth < 7 else [0])


def _shared_names(shape: Any) -> set[str]:
    """Members whose element another member of the structure is named by, too."""
    names = {n: (m.serialization.get("location"), m.serialization.get("name", n)) for n, m in shape.members.items()}
    return {n for n, wire_name in names.items() if list(names.values()).count(wire_name) > 1}


class _Nothing:
    pass


_NOTHING: Any = _Nothing()


def carried(shape: Any, value: Any, wire: str, *, inward: bool, top: bool = True) -> Any:
    """The value as it arrives over `wire`, by the table's rows; _NOTHING where it does not."""
    if shape is None:
        return {}
    arrived = _carried(shape, value, wire, inward, top)
    return {} if arrived is _NOTHING else arrived


def _carried(shape: Any, value: Any, wire: str, inward: bool, top: bool) -> Any:
    if shape.type_name == "structure" and isinstance(value, Mapping) and not shape.is_document_type:
        out = {n: _carried(shape.members[n], item, wire, inward, False) for n, item in value.items()}
        kept = {name: item for name, item in out.items() if item is not _NOTHING}
        return _NOTHING if wire == "query" and inward and not kept and not top else kept
    if shape.type_name == "list" and not isinstance(value, bytes):
        out = [_carried(shape.member, item, wire, inward, False) for item in value]
        items = [item for item in out if item is not _NOTHING]
        silent = wire in ("query", "rest-xml") and _flat(shape)
        return _NOTHING if not items and (silent or (wire == "query" and inward and value)) else items
    if shape.type_name == "map":
        pairs = {key: _carried(shape.value, item, wire, inward, False) for key, item in value.items()}
        found = {key: item for key, item in pairs.items() if item is not _NOTHING}
        flat = wire == "rest-xml" and _flat(shape)
        return _NOTHING if not found and ((wire == "query" and inward) or flat) else found
    return value


def _flat(shape: Any) -> bool:
    return bool(shape.serialization.get("flattened"))
