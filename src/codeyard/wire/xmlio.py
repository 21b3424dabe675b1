"""XML: S3's request bodies in, S3's and the query protocol's answers out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from codeyard.wire import values
from codeyard.wire.compiler import Closure, Compiler, Mistyped, is_member

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile('[&<>"\r]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
Put = Callable[[str], None]


class XmlReader(Compiler):
    """From elements to Python parameters; a closure takes the list of elements of its name."""

    def structure(self, shape: Any) -> Closure:
        """An element's children and attributes that are members."""
        children: dict[str, tuple[str, Closure]] = {}
        attributes: dict[str, tuple[str, Closure]] = {}
        for name, member in shape.members.items():
            if is_member(member):
                wire_name = _wire_name(member, name)
                known = attributes if member.serialization.get("xmlAttribute") else children
                known[wire_name.rpartition(":")[2]] = (name, self.compile(member))

        def read(elements: list[Any]) -> Any:
            element, out = elements[-1], {}
            grouped: dict[str, Any] = {}
            for child in element:
                grouped.setdefault(_local(child.tag), []).append(child)
            for key, found in grouped.items():
                if key in children:
                    name, reader = children[key]
                    out[name] = reader(found)
            for key, text in element.attrib.items() if attributes else ():
                if _local(key) in attributes:
                    out[attributes[_local(key)][0]] = text
            return out

        return read

    def list(self, shape: Any) -> Closure:
        """Repeated elements where flattened, else the children of one."""
        reader = self.compile(shape.member)
        if shape.serialization.get("flattened"):
            return lambda elements: [reader([element]) for element in elements]
        return lambda elements: [reader([child]) for child in elements[-1]]

    def map(self, shape: Any) -> Closure:
        """Entries of key and value."""
        key_name, value_name = (
            shape.key.serialization.get("name", "key"),
            shape.value.serialization.get("name", "value"),
        )
        flat, key_reader, reader = (
            shape.serialization.get("flattened"),
            self.compile(shape.key),
            self.compile(shape.value),
        )

        def read(elements: list[Any]) -> Any:
            out = {}
            for entry in elements if flat else list(elements[-1]):
                parts = {_local(child.tag): child for child in entry}
                if key_name not in parts or value_name not in parts:
                    raise Mistyped("An entry needs a key and a value.")
                out[key_reader([parts[key_name]])] = reader([parts[value_name]])
            return out

        return read

    def scalar(self, shape: Any) -> Closure:
        """An element's text."""
        reader = values.scalar_reader(shape.type_name)

        def read(elements: list[Any]) -> Any:
            if len(elements[-1]):
                raise Mistyped("Expected text.")
            return reader(elements[-1].text or "")

        return read


class XmlWriter(Compiler):
    """From Python answers to XML text; a closure takes (value, element name, put)."""

    def __init__(self, *, millis: bool = False) -> None:
        super().__init__()
        self._millis = millis

    def structure(self, shape: Any) -> Closure:
        """An element with the members that are there."""
        inside, attributes = self.inside(shape), _attributes(shape)
        namespace = _namespace(shape)

        def write(value: Any, name: str, put: Put) -> None:
            extra = "".join(f' {key}="{escape(str(value[n]))}"' for n, key in attributes if value.get(n) is not None)
            put(f"<{name}{namespace}{extra}>")
            inside(value, put)
            put(f"</{name}>")

        return write

    def inside(self, shape: Any) -> Callable[[Any, Put], None]:
        """What stands within a structure's element, in the model's order."""
        order = getattr(shape, "metadata", {}).get("xmlOrder") or ()
        names = [*order, *(name for name in shape.members if name not in order)]
        members = []
        for name in names:
            member = shape.members[name]
            if is_member(member) and not member.serialization.get("xmlAttribute"):
                members.append((name, _wire_name(member, name), self.compile(member)))

        def write(value: Any, put: Put) -> None:
            for name, wire_name, writer in members:
                item = value.get(name)
                if item is not None:
                    writer(item, wire_name, put)

        return write

    def list(self, shape: Any) -> Closure:
        """Repeated elements where flattened, else within one."""
        writer, inner = self.compile(shape.member), shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):

            def flat(value: Any, name: str, put: Put) -> None:
                for item in value:
                    writer(item, name, put)

            return flat

        def write(value: Any, name: str, put: Put) -> None:
            put(f"<{name}>")
            for item in value:
                writer(item, inner, put)
            put(f"</{name}>")

        return write

    def map(self, shape: Any) -> Closure:
        """Entries of key and value."""
        key_name, value_name = (
            shape.key.serialization.get("name", "key"),
            shape.value.serialization.get("name", "value"),
        )
        writer, flat = self.compile(shape.value), shape.serialization.get("flattened")

        def write(value: Any, name: str, put: Put) -> None:
            entry = name if flat else "entry"
            if not flat:
                put(f"<{name}>")
            for key, item in value.items():
                put(f"<{entry}><{key_name}>{escape(key)}</{key_name}>")
                writer(item, value_name, put)
                put(f"</{entry}>")
            if not flat:
                put(f"</{name}>")

        return write

    def scalar(self, shape: Any) -> Closure:
        """An element with text."""
        form = shape.serialization.get("timestampFormat", "iso8601")
        text = values.scalar_writer(shape.type_name, form)
        if shape.type_name == "timestamp" and form == "iso8601" and self._millis:
            text = _iso_millis

        def write(value: Any, name: str, put: Put) -> None:
            put(f"<{name}>{escape(text(value))}</{name}>")

        return write


def parse_xml(body: bytes) -> Any:
    """The root element of a UTF-8 document; document types and entities are refused."""
    try:
        if "\0" in body.decode("utf-8"):  # any other encoding could hide a document type from the next test
            raise Mistyped("The body is not UTF-8.")
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise Mistyped("Document types are not allowed.")
        return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Mistyped("The body is not well-formed XML.") from error


def escape(text: str) -> str:
    """Text fit for elements and attributes; what XML cannot say becomes U+FFFD."""
    if _MARKUP.search(text):
        text = _MARKUP.sub(lambda found: _ENTITIES[found.group()], text)
    return _UNFIT.sub("�", text)


def local_name(element: Any) -> str:
    """An element's name without its namespace."""
    return _local(element.tag)


def _iso_millis(value: Any) -> str:
    return values.iso(value, always_millis=True)


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _wire_name(member: Any, name: str) -> str:
    """A flattened list's elements take the name of its member, where that has one and it has none itself."""
    traits = member.serialization
    if member.type_name == "list" and traits.get("flattened") and "name" not in traits:
        return str(member.member.serialization.get("name", name))
    return str(traits.get("name", name))


def _attributes(shape: Any) -> list[tuple[str, str]]:
    found = []
    for name, member in shape.members.items():
        if member.serialization.get("xmlAttribute"):
            found.append((name, member.serialization.get("name", name)))
    return found


def _namespace(shape: Any) -> str:
    namespace = shape.serialization.get("xmlNamespace")
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
    return f' xmlns{prefix}="{namespace["uri"]}"'
