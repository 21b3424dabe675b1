"""The model's constraints, compiled: required, type, min, max, pattern, enum. The first violation counts."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import Staged, Violation

Check = Callable[[Any, tuple[str, ...]], Violation | None]
_TYPES: dict[str, Any] = {
    "structure": Mapping,
    "list": (list, tuple),
    "map": Mapping,
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": datetime.datetime,
}
# Java's classes for what Python's re has no name for; a pattern that still does not compile is not checked.
_JAVA = {r"\p{L}": r"^\W\d_", r"\p{Z}": r"\s", r"\p{N}": r"\d", r"\p{Alnum}": "a-zA-Z0-9", r"\p{Graph}": "!-~"}
_UNCLEAR = re.compile(r"\\p\{|\[\^?[^\]]*\[|&&")


class Validator:
    """Compiles shapes to checks; `unread` tells which patterns could not be translated."""

    def __init__(self) -> None:
        self._cache: dict[str, Check] = {}
        self.unread: set[str] = set()

    def check(self, shape: Any) -> Check:
        """Closure from (value, path) to the first violation, or None."""
        key = f"{shape.name}:{shape.type_name}"
        if key not in self._cache:
            holder: list[Check] = []
            self._cache[key] = lambda value, path: holder[0](value, path)
            holder.append(self._make(shape))
            self._cache[key] = holder[0]
        return self._cache[key]

    def _make(self, shape: Any) -> Check:
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return lambda value, path: None
        if kind == "blob":
            return self._blob(shape)
        inner = {"structure": self._structure, "list": self._list, "map": self._map}.get(kind)
        rules = self._rules(shape)
        nested = inner(shape) if inner else None
        expected, name, number = _TYPES[kind], shape.name, kind in ("integer", "long", "float", "double")

        def check(value: Any, path: tuple[str, ...]) -> Violation | None:
            if not isinstance(value, expected) or (number and isinstance(value, bool)):
                return Violation(path, "type", name, f"{_at(path)} must be of type {kind}")
            for rule in rules:
                if (found := rule(value, path)) is not None:
                    return found
            return nested(value, path) if nested else None

        return check

    def _structure(self, shape: Any) -> Check:
        members = {n: self.check(m) for n, m in shape.members.items()}
        required, name = tuple(shape.required_members), shape.name
        union = getattr(shape, "is_tagged_union", False)

        def check(value: Any, path: tuple[str, ...]) -> Violation | None:
            for member in required:
                if value.get(member) is None:
                    return Violation((*path, member), "required", name, f"{_at((*path, member))} must not be null")
            if union and sum(v is not None for v in value.values()) > 1:
                return Violation(path, "type", name, f"{_at(path)} must have exactly one member set")
            for key, inner in value.items():
                if inner is not None and key in members and (found := members[key](inner, (*path, key))) is not None:
                    return found
            return None

        return check

    def _list(self, shape: Any) -> Check:
        member = self.check(shape.member)

        def check(value: Any, path: tuple[str, ...]) -> Violation | None:
            for item in value:
                if (found := member(item, path)) is not None:
                    return found
            return None

        return check

    def _map(self, shape: Any) -> Check:
        key_check, value_check = self.check(shape.key), self.check(shape.value)

        def check(value: Any, path: tuple[str, ...]) -> Violation | None:
            for key, inner in value.items():
                found = key_check(key, path) or value_check(inner, path)
                if found is not None:
                    return found
            return None

        return check

    def _blob(self, shape: Any) -> Check:
        rules = self._rules(shape)

        def check(value: Any, path: tuple[str, ...]) -> Violation | None:
            if isinstance(value, Staged):
                return None
            if not isinstance(value, (bytes, bytearray)):
                return Violation(path, "type", shape.name, f"{_at(path)} must be of type blob")
            return next((found for rule in rules if (found := rule(value, path)) is not None), None)

        return check

    def _rules(self, shape: Any) -> list[Check]:
        facts, rules = shape.metadata, []
        if "min" in facts or "max" in facts:
            rules.append(_size(shape))
        if "pattern" in facts and shape.type_name == "string" and (pattern := self._pattern(facts["pattern"])):
            rules.append(_pattern(shape, pattern))
        if shape.type_name == "string" and shape.enum:
            rules.append(_enum(shape))
        return rules

    def _pattern(self, text: str) -> re.Pattern[str] | None:
        for java, ours in _JAVA.items():
            if java in text and not ours.startswith("^"):
                text = text.replace(java, ours)
        if _UNCLEAR.search(text.replace(r"\[", "").replace(r"\]", "")) and r"\p{" in text:
            self.unread.add(text)
            return None
        try:
            return re.compile(text)
        except (re.error, OverflowError):
            self.unread.add(text)
            return None


def _size(shape: Any) -> Check:
    low, high, name = shape.metadata.get("min"), shape.metadata.get("max"), shape.name
    low = None if low is None else float(low)
    high = None if high is None else float(high)
    number = shape.type_name in ("integer", "long", "float", "double")

    def check(value: Any, path: tuple[str, ...]) -> Violation | None:
        size = value if number else len(value)
        noun = "value" if number else "length"
        if low is not None and size < low:
            said = f"{_at(path)} must have {noun} greater than or equal to {low:g}"
            return Violation(path, "min", name, said)
        if high is not None and size > high:
            said = f"{_at(path)} must have {noun} less than or equal to {high:g}"
            return Violation(path, "max", name, said)
        return None

    return check


def _pattern(shape: Any, pattern: re.Pattern[str]) -> Check:
    text, name = shape.metadata["pattern"], shape.name

    def check(value: str, path: tuple[str, ...]) -> Violation | None:
        if pattern.fullmatch(value[:100_000]) is not None:
            return None
        return Violation(path, "pattern", name, f"{_at(path)} must satisfy regular expression pattern: {text}")

    return check


def _enum(shape: Any) -> Check:
    allowed, name = frozenset(shape.enum), shape.name
    said = ", ".join(shape.enum)

    def check(value: str, path: tuple[str, ...]) -> Violation | None:
        if value in allowed:
            return None
        return Violation(path, "enum", name, f"{_at(path)} must satisfy enum value set: [{said}]")

    return check


def _at(path: tuple[str, ...]) -> str:
    return f"Value at '{'.'.join(path)}' failed to satisfy constraint: Member"
