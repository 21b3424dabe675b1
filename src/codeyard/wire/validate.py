"""The model's constraints, compiled per shape: required, type, min, max, pattern, enum; the first broken one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Staged, Violation
from codeyard.wire.compiler import SCALARS, Closure, Compiler
from codeyard.wire.patterns import Patterns

_TYPES = {**SCALARS, "blob": (bytes, bytearray, Staged)}
_LENGTHS = {"string", "character", "blob"}
_MAX_SHOWN = 200


class Validator(Compiler):
    """Makes of each shape a function from (value, path) to a Violation or None; path entries are names and indexes."""

    def __init__(self) -> None:
        super().__init__()
        self._patterns = Patterns()

    def structure(self, shape: Any) -> Closure:
        """Known members only, required ones there, each valid."""
        if shape.is_document_type:
            return lambda value, path: None
        required = tuple(shape.required_members)
        members = {name: self.compile(member) for name, member in shape.members.items()}
        names = {name: member.name for name, member in shape.members.items()}

        def check(value: Any, path: tuple[str, ...]) -> Any:
            if not isinstance(value, Mapping):
                return _mistyped(shape, path, "a structure")
            for name in required:
                if value.get(name) is None:
                    return _violation((*path, name), "required", names[name], "null", "Member must not be null")
            for name, item in value.items():
                checker = members.get(name)
                if checker is None:
                    return _mistyped(shape, (*path, str(name)), "a member of the model")
                if item is not None and (broken := checker(item, (*path, name))) is not None:
                    return broken
            return None

        return check

    def list(self, shape: Any) -> Closure:
        """Within its size, each member valid."""
        checker, size = self.compile(shape.member), _bounds(shape, "length")

        def check(value: Any, path: tuple[str, ...]) -> Any:
            if not isinstance(value, (list, tuple)):
                return _mistyped(shape, path, "a list")
            if (broken := size(value, len(value), path)) is not None:
                return broken
            for index, item in enumerate(value, 1):
                if item is not None and (broken := checker(item, (*path, f"{index}", "member"))) is not None:
                    return broken
            return None

        return check

    def map(self, shape: Any) -> Closure:
        """Within its size, each key and value valid."""
        keys, items, size = self.compile(shape.key), self.compile(shape.value), _bounds(shape, "length")

        def check(value: Any, path: tuple[str, ...]) -> Any:
            if not isinstance(value, Mapping):
                return _mistyped(shape, path, "a map")
            if (broken := size(value, len(value), path)) is not None:
                return broken
            for key, item in value.items():
                if (broken := keys(key, (*path, "key"))) is not None:
                    return broken
                if item is not None and (broken := items(item, (*path, "value"))) is not None:
                    return broken
            return None

        return check

    def scalar(self, shape: Any) -> Closure:
        """Of its type, in its range, of its pattern, among its values."""
        kind, metadata = shape.type_name, shape.metadata
        if shape.serialization.get("eventstream"):
            return lambda value, path: None
        types, known = _TYPES.get(kind, (object,)), set(metadata.get("enum") or ())
        size = _bounds(shape, "length" if kind in _LENGTHS else "value")
        pattern = metadata.get("pattern") if kind == "string" else None
        patterns, streaming = self._patterns, kind == "blob"

        def check(value: Any, path: tuple[str, ...]) -> Any:
            if not _is(value, types) or (kind != "boolean" and isinstance(value, bool)):
                return _mistyped(shape, path, f"a {kind}")
            if known and value not in known:
                allowed = ", ".join(sorted(known))
                return _broken(shape, path, value, "enum", f"Member must satisfy enum value set: [{allowed}]")
            measure = (
                value if kind not in _LENGTHS else value.size if streaming and hasattr(value, "size") else len(value)
            )
            if kind != "timestamp" and (broken := size(value, measure, path)) is not None:
                return broken
            if pattern is not None and not patterns.matches(pattern, value):
                return _broken(
                    shape, path, value, "pattern", f"Member must satisfy regular expression pattern: {pattern}"
                )
            return None

        return check


def _is(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types)


def _bounds(shape: Any, what: str) -> Any:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    text = "length " if what == "length" else "value "

    def check(value: Any, measure: Any, path: tuple[str, ...]) -> Violation | None:
        if low is not None and measure < low:
            return _broken(shape, path, value, "min", f"Member must have {text}greater than or equal to {low}")
        if high is not None and measure > high:
            return _broken(shape, path, value, "max", f"Member must have {text}less than or equal to {high}")
        return None

    return check if low is not None or high is not None else lambda value, measure, path: None


def _mistyped(shape: Any, path: tuple[str, ...], wanted: str) -> Violation:
    return _violation(path, "type", shape.name, "", f"Member must be {wanted}")


def _broken(shape: Any, path: tuple[str, ...], value: Any, kind: str, constraint: str) -> Violation:
    shown = "" if shape.metadata.get("sensitive") or not isinstance(value, (str, int, float)) else f"'{value}'"
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}…'"
    return _violation(path, kind, shape.name, shown, constraint)


def _violation(path: tuple[str, ...], kind: str, shape: str, shown: str, constraint: str) -> Violation:
    where = ".".join(path)
    value = f"Value {shown} at" if shown else "Value at"
    message = f"1 validation error detected: {value} '{where}' failed to satisfy constraint: {constraint}"
    names = tuple(name for name in path if not name.isdigit() and name not in ("member", "key", "value"))
    return Violation(names or path, kind, shape, message)
