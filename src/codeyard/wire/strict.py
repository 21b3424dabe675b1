"""Tests' check of answers: unknown, missing-required and mistyped members of an answer raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import BlobRange, Follow
from codeyard.wire.compiler import SCALARS, Closure, Compiler

_TYPES = {**SCALARS, "blob": (bytes, bytearray, str, BlobRange, Follow)}


class NotInModel(AssertionError):
    """An answer has what its model has not, or lacks what it requires."""


class Strict(Compiler):
    """Makes of each shape a function (value, path) that raises NotInModel."""

    def structure(self, shape: Any) -> Closure:
        """Known members only, required ones there."""
        if shape.is_document_type:
            return lambda value, path: None
        members = {name: self.compile(member) for name, member in shape.members.items()}
        required = tuple(shape.required_members)

        def check(value: Any, path: str) -> None:
            if isinstance(value, Follow):
                return
            if not isinstance(value, Mapping):
                raise NotInModel(f"{path}: {shape.name} is a structure, not {type(value).__name__}")
            missing = [name for name in required if value.get(name) is None]
            unknown = [name for name in value if name not in members]
            if missing or unknown:
                raise NotInModel(f"{path}: {shape.name} lacks {missing}, has no member {unknown}")
            for name, item in value.items():
                if item is not None:
                    members[name](item, f"{path}.{name}")

        return check

    def list(self, shape: Any) -> Closure:
        """A list of what it lists."""
        checker = self.compile(shape.member)

        def check(value: Any, path: str) -> None:
            if not isinstance(value, (list, tuple)):
                raise NotInModel(f"{path}: {shape.name} is a list, not {type(value).__name__}")
            for item in value:
                checker(item, f"{path}[]")

        return check

    def map(self, shape: Any) -> Closure:
        """A map with text keys."""
        checker = self.compile(shape.value)

        def check(value: Any, path: str) -> None:
            if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
                raise NotInModel(f"{path}: {shape.name} is a map with text keys")
            for key, item in value.items():
                checker(item, f"{path}[{key}]")

        return check

    def scalar(self, shape: Any) -> Closure:
        """A value of its type."""
        types = _TYPES.get(shape.type_name, (object,))

        def check(value: Any, path: str) -> None:
            if not isinstance(value, types) or (shape.type_name != "boolean" and isinstance(value, bool)):
                raise NotInModel(f"{path}: {shape.name} is a {shape.type_name}, not {type(value).__name__}")

        return check
