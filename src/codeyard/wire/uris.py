"""The URIs of a REST service's model, compiled: which operation a method, path and query mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

_LABEL = re.compile(r"\{([A-Za-z0-9_]+)(\+?)\}")
# Operations that share a URI with another that everybody means.
_SHADOWED = {"ListDirectoryBuckets", "WriteGetObjectResponse"}


@dataclass(frozen=True, slots=True)
class Uri:
    """One operation's URI. `literals` must stand in the query, `needs_*` are required members there or in headers."""

    operation: str
    pattern: re.Pattern[str]
    literals: tuple[tuple[str, str | None], ...]
    needs_query: tuple[str, ...]
    needs_headers: tuple[str, ...]
    rank: tuple[int, ...]


class Uris:
    """Every URI of a service, by method, the most particular first."""

    def __init__(self, model: Any) -> None:
        self._by_method: dict[str, list[Uri]] = {}
        for name in model.operation_names:
            operation = model.operation_model(name)
            self._by_method.setdefault(operation.http["method"], []).append(_uri(operation))
        for uris in self._by_method.values():
            uris.sort(key=lambda uri: uri.rank, reverse=True)

    def match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[str | None, dict[str, str]]:
        """The operation and its labels, percent-decoded; None where nothing fits."""
        given = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        for uri in self._by_method.get(method, ()):
            found = uri.pattern.match(path)
            if found is not None and _fits(uri, given, headers):
                return uri.operation, {k: unquote(v, errors="replace") for k, v in found.groupdict().items()}
        return None, {}


def _fits(uri: Uri, given: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    return (
        all(key in given and (value is None or given[key] == value) for key, value in uri.literals)
        and all(key in given for key in uri.needs_query)
        and all(key in headers for key in uri.needs_headers)
    )


def _uri(operation: Any) -> Uri:
    path, _, query = operation.http["requestUri"].partition("?")
    literals = tuple(_literal(part) for part in query.split("&") if part)
    needs = _required(operation.input_shape)
    rank = (
        0 if operation.deprecated or operation.name in _SHADOWED else 1,
        len(literals),
        len(needs["querystring"]) + len(needs["header"]),
        sum(not part.startswith("{") for part in path.split("/") if part),
        path.count("/"),
        -path.count("+}"),
    )
    return Uri(operation.name, _pattern(path), literals, needs["querystring"], needs["header"], rank)


def _literal(part: str) -> tuple[str, str | None]:
    key, equals, value = part.partition("=")
    return key, value if equals and value else None


def _required(shape: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {"querystring": [], "header": []}
    for name in shape.required_members if shape is not None else ():
        member = shape.members[name]
        where = member.serialization.get("location")
        if where in found and member.type_name not in ("list", "map"):
            field = member.serialization.get("name", name)
            found[where].append(field.lower() if where == "header" else field)
    return {where: tuple(names) for where, names in found.items()}


def _pattern(path: str) -> re.Pattern[str]:
    parts, position = [], 0
    for label in _LABEL.finditer(path):
        parts.append(re.escape(path[position : label.start()]))
        parts.append(f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})")
        position = label.end()
    parts.append(re.escape(path[position:].rstrip("/") if path != "/" else path))
    return re.compile("".join(parts) + ("/?$" if not path.endswith("+}") and path != "/" else "$"), re.DOTALL)
