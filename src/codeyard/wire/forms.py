"""The query protocol's requests: form parameters such as Tags.member.1.Key become nested Python parameters."""

from __future__ import annotations

from typing import Any

from codeyard.wire import values
from codeyard.wire.compiler import Closure, Compiler, Mistyped, is_member
from codeyard.wire.http import query_pairs

_OWN = ""  # the key of a node's own text
_MAX_DEPTH = 64
_MOST = 20_000


class FormReader(Compiler):
    """From a tree of dotted names to Python parameters; a node is a dict with its own text under ''."""

    def structure(self, shape: Any) -> Closure:
        """The members that are there."""
        members = [
            (name, self._wire_name(member, name), self.compile(member))
            for name, member in shape.members.items()
            if is_member(member)
        ]

        def read(node: dict[str, Any]) -> Any:
            return {name: reader(node[key]) for name, key, reader in members if key in node}

        return read

    def list(self, shape: Any) -> Closure:
        """Numbered members in their order; own text means an empty list."""
        reader = self.compile(shape.member)
        inner = shape.member.serialization.get("name", "member")
        flat = shape.serialization.get("flattened")

        def read(node: dict[str, Any]) -> Any:
            numbered = node if flat else node.get(inner, node.get("member", {}))
            return [reader(numbered[key]) for key in _numbers(numbered)]

        return read

    def map(self, shape: Any) -> Closure:
        """Numbered entries of key and value."""
        key_name, value_name = (
            shape.key.serialization.get("name", "key"),
            shape.value.serialization.get("name", "value"),
        )
        key_reader, reader = self.compile(shape.key), self.compile(shape.value)
        flat = shape.serialization.get("flattened")

        def read(node: dict[str, Any]) -> Any:
            numbered, out = node if flat else node.get("entry", {}), {}
            for key in _numbers(numbered):
                entry = numbered[key]
                if key_name not in entry or value_name not in entry:
                    raise Mistyped("An entry needs a key and a value.")
                out[key_reader(entry[key_name])] = reader(entry[value_name])
            return out

        return read

    def scalar(self, shape: Any) -> Closure:
        """The node's own text."""
        reader = values.scalar_reader(shape.type_name)

        def read(node: dict[str, Any]) -> Any:
            if _OWN not in node:
                raise Mistyped("Expected a value.")
            return reader(node[_OWN])

        return read

    def _wire_name(self, member: Any, name: str) -> str:
        traits = member.serialization
        if member.type_name == "list" and traits.get("flattened") and "name" in member.member.serialization:
            return str(member.member.serialization["name"])
        return str(traits.get("name", name))


def parse_form(text: str) -> dict[str, Any]:
    """The tree of a form's dotted names."""
    root: dict[str, Any] = {}
    if text.count("&") > _MOST:
        raise Mistyped("There are too many parameters.")
    for name, value in query_pairs(text):
        parts = name.split(".")
        if len(parts) > _MAX_DEPTH:
            raise Mistyped("A parameter is nested too deeply.")
        node = root
        for part in parts:
            node = node.setdefault(part or "?", {})
        node[_OWN] = value
    return root


def _numbers(node: dict[str, Any]) -> list[str]:
    found = [key for key in node if key.isascii() and key.isdigit() and len(key) < 8]
    if len(found) != sum(1 for key in node if key != _OWN):
        raise Mistyped("Expected numbered members.")
    return sorted(found, key=int)
