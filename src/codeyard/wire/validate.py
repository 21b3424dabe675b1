"""The model's constraints, compiled per shape: required, type, min, max, pattern, enum; everything that is broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Staged, Violation
from codeyard.wire.compiler import SCALARS, Closure, Compiler
from codeyard.wire.patterns import Patterns

_TYPES = {**SCALARS, "blob": (bytes, bytearray, Staged)}
_LENGTHS = {"string", "character", "blob"}
_MAX_SHOWN = 2048
_MAX_TOLD = 10
_MAX_COUNTED = 100  # a request may hold a million bad items: what is found of them stays small
Found = list[Violation]


def violation(checker: Closure, params: Mapping[str, Any]) -> Violation | None:
    """The first broken constraint, its message naming them all as AWS does; None when everything holds."""
    found: Found = []
    checker(params, (), found)
    if not found:
        return None
    first, count = found[0], len(found)
    told = "; ".join(one.message for one in found[:_MAX_TOLD])
    errors = "error" if count == 1 else "errors"
    return Violation(first.path, first.kind, first.shape, f"{count} validation {errors} detected: {told}")


class Validator(Compiler):
    """Makes of each shape a function (value, path, found) that adds a Violation to `found` for each broken constraint.

    Path entries are names and indexes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._patterns = Patterns()

    def structure(self, shape: Any) -> Closure:
        """Known members only, required ones there, each valid."""
        if shape.is_document_type:
            return lambda value, path, found: None
        required = tuple(shape.required_members)
        members = {name: self.compile(member) for name, member in shape.members.items()}
        names = {name: member.name for name, member in shape.members.items()}

        def check(value: Any, path: tuple[str, ...], found: Found) -> None:
            if not isinstance(value, Mapping):
                found.append(_mistyped(shape, path, "a structure"))
                return
            for name in required:
                if value.get(name) is None:
                    found.append(_violation((*path, name), "required", names[name], "null", "Member must not be null"))
            for name, item in value.items():
                checker = members.get(name)
                if checker is None:
                    found.append(_mistyped(shape, (*path, str(name)), "a member of the model"))
                elif item is not None:
                    checker(item, (*path, name), found)

        return check

    def list(self, shape: Any) -> Closure:
        """Within its size, each member valid."""
        checker, size = self.compile(shape.member), _bounds(shape, "length")

        def check(value: Any, path: tuple[str, ...], found: Found) -> None:
            if not isinstance(value, (list, tuple)):
                found.append(_mistyped(shape, path, "a list"))
                return
            if size(value, len(value), path, found):
                return
            for index, item in enumerate(value, 1):
                if len(found) >= _MAX_COUNTED:
                    return
                if item is not None:
                    checker(item, (*path, f"{index}", "member"), found)

        return check

    def map(self, shape: Any) -> Closure:
        """Within its size, each key and value valid."""
        keys, items, size = self.compile(shape.key), self.compile(shape.value), _bounds(shape, "length")

        def check(value: Any, path: tuple[str, ...], found: Found) -> None:
            if not isinstance(value, Mapping):
                found.append(_mistyped(shape, path, "a map"))
                return
            if size(value, len(value), path, found):
                return
            for key, item in value.items():
                if len(found) >= _MAX_COUNTED:
                    return
                keys(key, (*path, "key"), found)
                if item is not None:
                    items(item, (*path, "value"), found)

        return check

    def scalar(self, shape: Any) -> Closure:
        """Of its type, in its range, of its pattern, among its values."""
        kind, metadata = shape.type_name, shape.metadata
        if shape.serialization.get("eventstream"):
            return lambda value, path, found: None
        types, allowed = _TYPES.get(kind, (object,)), tuple(metadata.get("enum") or ())
        known = frozenset(allowed)
        size = _bounds(shape, "length" if kind in _LENGTHS else "value")
        pattern = metadata.get("pattern") if kind == "string" else None
        patterns, streaming = self._patterns, kind == "blob"

        def check(value: Any, path: tuple[str, ...], found: Found) -> None:
            if not _is(value, types) or (kind != "boolean" and isinstance(value, bool)):
                found.append(_mistyped(shape, path, f"a {kind}"))
                return
            if known and value not in known:
                constraint = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
                found.append(_broken(shape, path, value, "enum", constraint))
            measure = (
                value if kind not in _LENGTHS else value.size if streaming and hasattr(value, "size") else len(value)
            )
            if kind != "timestamp":
                size(value, measure, path, found)
            if pattern is not None and not patterns.matches(pattern, value):
                constraint = f"Member must satisfy regular expression pattern: {pattern}"
                found.append(_broken(shape, path, value, "pattern", constraint))

        return check


def _is(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types)


def _bounds(shape: Any, what: str) -> Any:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    text = "length " if what == "length" else "value "

    def check(value: Any, measure: Any, path: tuple[str, ...], found: Found) -> bool:
        """Whether the bounds are broken."""
        if low is not None and measure < low:
            found.append(_broken(shape, path, value, "min", f"Member must have {text}greater than or equal to {low}"))
        elif high is not None and measure > high:
            found.append(_broken(shape, path, value, "max", f"Member must have {text}less than or equal to {high}"))
        else:
            return False
        return True

    return check if low is not None or high is not None else lambda value, measure, path, found: False


def _mistyped(shape: Any, path: tuple[str, ...], wanted: str) -> Violation:
    return _violation(path, "type", shape.name, "", f"Member must be {wanted}")


def _broken(shape: Any, path: tuple[str, ...], value: Any, kind: str, constraint: str) -> Violation:
    shown = "" if shape.metadata.get("sensitive") or not isinstance(value, (str, int, float)) else f"'{value}'"
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}…'"
    return _violation(path, kind, shape.name, shown, constraint)


def _violation(path: tuple[str, ...], kind: str, shape: str, shown: str, constraint: str) -> Violation:
    where = ".".join(name[:1].lower() + name[1:] for name in path)
    value = f"Value {shown} at" if shown else "Value at"
    message = f"{value} '{where}' failed to satisfy constraint: {constraint}"
    names = tuple(name for name in path if not name.isdigit() and name not in ("member", "key", "value"))
    return Violation(names or path, kind, shape, message)
