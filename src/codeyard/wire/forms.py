"""The query protocol's way in: flat form fields become the shape's tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from codeyard.wire import scalars
from codeyard.wire.problems import unreadable
from codeyard.wire.trees import key_of

Node = dict[str, Any]
_TEXT = ""
Read = Callable[[Node], Any]


def fields(body: bytes, query: str = "") -> Node:
    """Form fields as a tree by their dots: `A.member.1.B=x` is {"A": {"member": {"1": {"B": {"": "x"}}}}}."""
    try:
        pairs = parse_qsl(body.decode("utf-8") if body else query, keep_blank_values=True, max_num_fields=20_000)
    except (UnicodeDecodeError, ValueError):
        raise unreadable("The request body is not a valid form") from None
    root: Node = {}
    for key, value in pairs:
        node = root
        for part in key.split("."):
            node = node.setdefault(part, {})
        node[_TEXT] = value
    return root


class Forms:
    """Compiles shapes into closures over the tree of fields."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._cache: dict[Any, Read] = {}

    def reader(self, shape: Any) -> Read:
        """Closure from a node to the shape's value."""
        key = key_of(shape)
        if key not in self._cache:
            holder: list[Read] = []
            self._cache[key] = lambda node: holder[0](node)
            holder.append(self._make(shape))
            self._cache[key] = holder[0]
        return self._cache[key]

    def _make(self, shape: Any) -> Read:
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        read = scalars.reader(shape)
        return lambda node: read(_text(node))

    def _structure(self, shape: Any) -> Read:
        members = [(n, _field(n, m), self.reader(m)) for n, m in shape.members.items()]
        tokens = [n for n, m in shape.members.items() if m.metadata.get("idempotencyToken")]
        new_token = self._token

        def read(node: Node) -> dict[str, Any]:
            found = {name: member(node[field]) for name, field, member in members if field in node}
            for name in tokens:
                if name not in found:
                    found[name] = new_token()
            return found

        return read

    def _list(self, shape: Any) -> Read:
        flat = shape.serialization.get("flattened")
        inner = None if flat else shape.member.serialization.get("name", "member")
        member = self.reader(shape.member)

        def read(node: Node) -> list[Any]:
            items = node if inner is None else node.get(inner, {})
            return [member(item) for item in _numbered(items)]

        return read

    def _map(self, shape: Any) -> Read:
        flat = shape.serialization.get("flattened")
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        value = self.reader(shape.value)

        def read(node: Node) -> dict[str, Any]:
            entries = _numbered(node if flat else node.get("entry", {}))
            return {_text(e.get(key_name, {})): value(e.get(value_name, {_TEXT: ""})) for e in entries}

        return read


def _field(name: str, shape: Any) -> str:
    """Where a member stands: a flattened list's items may carry the name of its member shape."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        inner = shape.member.serialization.get("name")
        if inner:
            return str(inner)
    return str(shape.serialization.get("name", name))


def _numbered(node: Node) -> list[Node]:
    """The children 1, 2, 3 … in order."""
    numbers = sorted(int(key) for key in node if key.isascii() and key.isdigit())
    return [node[str(number)] for number in numbers if str(number) in node]


def _text(node: Node) -> str:
    text = node.get(_TEXT)
    if not isinstance(text, str):
        raise unreadable("A scalar was expected, a structure was found")
    return text
