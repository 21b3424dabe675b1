"""XML: shapes to closures that read elements and write text, for rest-xml both ways and for query's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from codeyard.contract import AwsError
from codeyard.wire import scalars

Read = Callable[[Element], Any]
Write = Callable[[Any, list[str], str], None]
_BAD = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "�")


def document(body: bytes) -> Element:
    """The root element; MalformedXML for anything else, and for documents that declare entities."""
    if b"<!DOCTYPE" in body[:4096] or b"<!ENTITY" in body:
        raise malformed()
    try:
        parser = XMLParser()
        parser.feed(body)
        return parser.close()
    except (ParseError, ValueError, LookupError):
        raise malformed() from None


def malformed() -> AwsError:
    """S3's word for a body that is not its XML."""
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        status=400,
    )


def escape(text: str) -> str:
    """Text for an element or an attribute; characters that XML cannot carry become U+FFFD."""
    text = text.translate(_BAD) if not text.isprintable() else text
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("\r", "&#13;")
    )


def local(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


class Xml:
    """Compiles shapes; recursive ones lazily."""

    def __init__(self, *, strict: Callable[[], bool], token: Callable[[], str]) -> None:
        self._strict, self.token = strict, token
        self._readers: dict[Any, Read] = {}
        self._writers: dict[Any, Write] = {}

    def reader(self, shape: Any) -> Read:
        """Closure from an element to the shape's value."""
        key = _key(shape)
        if key not in self._readers:
            holder: list[Read] = []
            self._readers[key] = lambda element: holder[0](element)
            holder.append(self._read(shape))
            self._readers[key] = holder[0]
        return self._readers[key]

    def writer(self, shape: Any) -> Write:
        """Closure that appends `<name>…</name>` for a value."""
        key = _key(shape)
        if key not in self._writers:
            holder: list[Write] = []
            self._writers[key] = lambda value, out, name: holder[0](value, out, name)
            holder.append(self._write(shape))
            self._writers[key] = holder[0]
        return self._writers[key]

    def _read(self, shape: Any) -> Read:
        kind = shape.type_name
        if kind == "structure":
            return self._read_structure(shape)
        if kind == "list":
            member = self.reader(shape.member)
            return lambda element: [member(child) for child in element]
        if kind == "map":
            return self._read_map(shape)
        read = scalars.reader(shape)
        return lambda element: read(element.text or "")

    def _read_structure(self, shape: Any) -> Read:
        plain: dict[str, tuple[str, Read]] = {}
        repeated: dict[str, tuple[str, Read, bool]] = {}
        attributes: dict[str, tuple[str, Callable[[str], Any]]] = {}
        for name, member in shape.members.items():
            field = _element(name, member)
            if member.serialization.get("xmlAttribute"):
                attributes[local(field.replace(":", "}"))] = (name, scalars.reader(member))
            elif member.serialization.get("flattened") and member.type_name == "list":
                repeated[field] = (name, self.reader(member.member), False)
            elif member.serialization.get("flattened") and member.type_name == "map":
                repeated[field] = (name, self._entry(member), True)
            else:
                plain[field] = (name, self.reader(member))
        tokens = [n for n, m in shape.members.items() if m.metadata.get("idempotencyToken")]

        def read(element: Element) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for child in element:
                field = local(child.tag)
                if field in plain:
                    name, inner = plain[field]
                    found[name] = inner(child)
                elif field in repeated:
                    name, inner, mapped = repeated[field]
                    if mapped:
                        found.setdefault(name, {}).update([inner(child)])
                    else:
                        found.setdefault(name, []).append(inner(child))
            for raw, text in element.attrib.items():
                if local(raw) in attributes:
                    name, convert = attributes[local(raw)]
                    found[name] = convert(text)
            for name in tokens:
                found.setdefault(name, self.token())
            return found

        return read

    def _read_map(self, shape: Any) -> Read:
        entry = self._entry(shape)
        return lambda element: dict(entry(child) for child in element)

    def _entry(self, shape: Any) -> Read:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        value = self.reader(shape.value)

        def read(element: Element) -> tuple[str, Any]:
            parts = {local(child.tag): child for child in element}
            if key_name not in parts or value_name not in parts:
                raise malformed()
            return parts[key_name].text or "", value(parts[value_name])

        return read

    def _write(self, shape: Any) -> Write:
        kind = shape.type_name
        if kind == "structure":
            return self._write_structure(shape)
        if kind == "list":
            return self._write_list(shape)
        if kind == "map":
            return self._write_map(shape)
        text = scalars.writer(shape, "iso8601")
        strict, expected = self._strict, {"string": str, "boolean": bool, "integer": int, "long": int}.get(kind)

        def write(value: Any, out: list[str], name: str) -> None:
            if expected is not None and strict() and not isinstance(value, expected):
                raise TypeError(f"{name}: {value!r:.80} is not a {kind}")
            out.append(f"<{name}>{escape(text(value))}</{name}>")

        return write

    def _write_structure(self, shape: Any) -> Write:
        members: dict[str, tuple[str, Write]] = {}
        attributes: dict[str, str] = {}
        for name, member in shape.members.items():
            field = _element(name, member) if not member.serialization.get("location") else name
            if member.serialization.get("xmlAttribute"):
                attributes[name] = field
            else:
                members[name] = (field, self.writer(member))
        required, strict, title = frozenset(shape.required_members), self._strict, shape.name
        namespace = shape.serialization.get("xmlNamespace") or {}

        def write(value: Any, out: list[str], name: str) -> None:
            if strict() and (missing := required - value.keys()):
                raise TypeError(f"{title} lacks {', '.join(sorted(missing))}")
            opening = [name]
            if attributes and isinstance(namespace, dict) and namespace.get("prefix"):
                opening.append(f'xmlns:{namespace["prefix"]}="{namespace["uri"]}"')
            opening += [f'{attributes[k]}="{escape(str(v))}"' for k, v in value.items() if k in attributes]
            out.append(f"<{' '.join(opening)}>")
            for key, inner in value.items():
                if inner is None or key in attributes:
                    continue
                member = members.get(key)
                if member is None:
                    if strict():
                        raise TypeError(f"{title} has no member {key}")
                    continue
                member[1](inner, out, member[0])
            out.append(f"</{name}>")

        return write

    def _write_list(self, shape: Any) -> Write:
        member = self.writer(shape.member)
        flat = shape.serialization.get("flattened")
        inner = shape.member.serialization.get("name", "member")

        def write(value: Any, out: list[str], name: str) -> None:
            if flat:
                for item in value:
                    member(item, out, name)
                return
            out.append(f"<{name}>")
            for item in value:
                member(item, out, inner)
            out.append(f"</{name}>")

        return write

    def _write_map(self, shape: Any) -> Write:
        key, value_of = self.writer(shape.key), self.writer(shape.value)
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        flat = shape.serialization.get("flattened")

        def write(value: Any, out: list[str], name: str) -> None:
            entry = name if flat else "entry"
            if not flat:
                out.append(f"<{name}>")
            for k, v in value.items():
                out.append(f"<{entry}>")
                key(k, out, key_name)
                value_of(v, out, value_name)
                out.append(f"</{entry}>")
            if not flat:
                out.append(f"</{name}>")

        return write


def _element(name: str, shape: Any) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        inner = shape.member.serialization.get("name")
        if inner:
            return str(inner)
    return str(shape.serialization.get("name", name))


def _key(shape: Any) -> Any:
    return (shape.name, shape.type_name, tuple(sorted((k, str(v)) for k, v in shape.serialization.items())))
